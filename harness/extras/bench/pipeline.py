"""What is paid beside training: a no-op `dvc repro`, a cell's overhead, a cold `make repro`."""

import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from harness.config.readings import PRESETS
from harness.config.rows import TABLE2
from harness.errors import RunError

ROOT = Path(__file__).parents[3]
ROW = "resnet18"  # whose cells are timed
SEEDS = 3  # of each row of the clone
TIMES = 3
COPIED = (
    *("harness", "stages", "parts", "profiles", "families"),
    *("dvc.yaml", "paper.yaml", "params.yaml", "rows.yaml", ".dvcignore"),
)
TINY = {  # enough for every stage to have something to do
    "corpus": {
        "name": "synthetic",
        "seed": 1,
        "clips": {"train": 96, "dev": 24, "test": 4},
        "speakers": {"train": 12, "dev": 6, "test": 2},
        "raters": 2,
        "emotion": 1.0,
    },
    "epochs": 2,
}


def pipeline(cold: bool) -> dict[str, Any]:
    """No-op here where all is up to date, else in a small clone; overheads always in the clone."""
    with tempfile.TemporaryDirectory() as folder:
        clone = tiny_clone(Path(folder) / "clone")
        run(clone, "dvc", "repro", "features")
        run(clone, "dvc", "repro", f"train@{ROW}")
        found: dict[str, Any] = {"alone": alone(Path(folder)), "cell": overheads(clone)}
        found["no_op"] = no_op(ROOT if up_to_date(ROOT) else finished(clone))
    if cold:
        with tempfile.TemporaryDirectory() as folder:
            found["cold"] = {**cold_repro(Path(folder) / "clone"), "revision": head()}
    return found


def alone(folder: Path) -> dict[str, float]:
    """Seconds that no stage can save: DVC asked for its version, torch imported with AdamW."""
    code = "import torch; torch.optim.AdamW([torch.zeros(1)])"
    commands = {"dvc": ("dvc", "version"), "torch": ("timeit", "-n1", "-r1", code)}
    run(folder, *commands["torch"])  # compiles its imports
    return {
        name: statistics.median(run(folder, *command) for _ in range(TIMES))
        for name, command in commands.items()
    }


def tiny_clone(folder: Path) -> Path:
    """This working tree's code with a small corpus and one encoder, as a DVC repository."""
    folder.mkdir(parents=True)
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(source, folder / name, ignore=ignored)
        else:
            shutil.copy(source, folder)
    shutil.copytree(ROOT / ".dvc", folder / ".dvc", ignore=shutil.ignore_patterns("cache", "tmp"))
    params, rows = (YAML(typ="safe").load(ROOT / name) for name in ("params.yaml", "rows.yaml"))
    params["profile"] = "tiny"
    params["corpus"] = TINY["corpus"]
    params["readings"]["epochs"] = TINY["epochs"]
    params["seeds"], params["families"] = list(range(SEEDS)), {}
    params["statistics"]["resamples"] = 200
    own = {name: row for name, row in rows[TABLE2].items() if name.startswith(ROW)}
    YAML().dump(params, folder / "params.yaml")
    YAML().dump({TABLE2: own, "rows": {}, "after": {}}, folder / "rows.yaml")
    assert (folder / PRESETS).is_dir()
    subprocess.run(["git", "init", "--quiet"], cwd=folder, check=True)
    return folder


def finished(clone: Path) -> Path:
    """The clone with every stage done."""
    run(clone, "harness.launch", "--jobs", "2")
    run(clone, "dvc", "repro")
    return clone


def up_to_date(folder: Path) -> bool:
    """Whether `dvc repro` would run nothing; asks only."""
    done = _called(folder, "dvc", "repro", "--dry")
    return done.returncode == 0 and "Running stage" not in done.stdout


def no_op(folder: Path) -> dict[str, Any]:
    """Seconds of `dvc repro` where nothing is to be done."""
    seconds = [run(folder, "dvc", "repro") for _ in range(TIMES)]
    return {
        "seconds": statistics.median(seconds),
        "stages": len(re.findall(r"^  \S.*:$", (folder / "dvc.lock").read_text(), re.MULTILINE)),
        "where": "in place" if folder == ROOT else "small clone",
    }


def overheads(clone: Path) -> dict[str, Any]:
    """A cell's share of its row's wall time less the epochs (training steps and dev).

    A stage trains a row, so its start is shared by the row's seeds: by the stage alone, by DVC.
    """
    stage = ("stages.train", f"{TABLE2}/{ROW}")
    by_dvc = ("dvc", "repro", "--single-item", f"train@{ROW}")
    pairs = [(overhead(clone, *stage), overhead(clone, *by_dvc)) for _ in range(TIMES)]
    without, with_dvc = zip(*pairs, strict=True)
    return {
        "seconds": statistics.median(with_dvc),
        "without_dvc": statistics.median(without),
        "low": min(with_dvc),
        "high": max(with_dvc),
        "row": ROW,
        "seeds": SEEDS,
    }


def overhead(clone: Path, *command: str) -> float:
    """Seconds a cell outside its epochs, of a command that trains all cells of the row anew."""
    cells = Path("tiny", TABLE2, ROW)
    shutil.rmtree(clone / "runs" / cells)
    wall = run(clone, *command)
    files = [clone / "scratch" / cells / f"{seed}.json" for seed in range(SEEDS)]
    return (wall - sum(map(trained, files))) / SEEDS


def trained(circumstances: Path) -> float:
    """Seconds of a cell's epochs, from what was kept of its training."""
    return float(sum(json.loads(circumstances.read_text())["epoch_seconds"]))


def cold_repro(folder: Path) -> dict[str, float]:
    """Seconds of `make repro` in a fresh clone of HEAD: environment, corpus, cells, table.

    `setup`: of them for the packages; `epochs`: core seconds of all cells' training and dev.
    """
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(folder)], check=True)
    seconds, env = {}, {**os.environ, "UV_NO_CACHE": "1", "PIP_NO_CACHE_DIR": "1"}
    for target in ("setup", "repro"):
        started = time.perf_counter()
        done = subprocess.run(
            ["make", target], cwd=folder, env=env, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise RunError(f"make {target} failed in a fresh clone: {_last(done)}")
        seconds[target] = time.perf_counter() - started
    return {
        "seconds": seconds["setup"] + seconds["repro"],
        "setup": seconds["setup"],
        "epochs": sum(map(trained, (folder / "scratch").glob("*/*/*/*.json"))),
    }


def head() -> str:
    command = ["git", "rev-parse", "HEAD"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True).stdout.strip()


def run(folder: Path, module: str, *arguments: str) -> float:
    """Seconds of `python -m module arguments` in a folder; RunError with its last line if it fails.

    DVC starts `python` from the path, which is this interpreter.
    """
    started = time.perf_counter()
    done = _called(folder, module, *arguments)
    if done.returncode:
        raise RunError(f"{' '.join([module, *arguments])} failed in a clone: {_last(done)}")
    return time.perf_counter() - started


def _called(folder: Path, module: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    env = {**os.environ, "PATH": path, "PYTHONPATH": str(folder)}
    env.pop("PYTHONDONTWRITEBYTECODE", None)  # a cell compiles its imports once, not every time
    command = [sys.executable, "-m", module, *arguments]
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)


def _last(done: "subprocess.CompletedProcess[str]") -> str:
    return " ".join((done.stderr or done.stdout).strip().splitlines()[-1:])
