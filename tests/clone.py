"""A copy of the repository's pipeline in an empty folder, and DVC at work in it.

It runs small params and rows of its own, so that nothing here depends on what a user has in the
repository's params.yaml and rows.yaml.
"""

import contextlib
import copy
import os
import shutil
import subprocess
import sys
from pathlib import Path

import networkx
from dvc.repo import Repo
from ruamel.yaml import YAML

REPOSITORY = Path(__file__).parents[1]
FILES = (
    "dvc.yaml",
    "families/dvc.yaml",
    "paper.yaml",
    "rows.yaml",
    "Makefile",
    ".dvcignore",
    ".gitignore",
    ".gitattributes",
)
CODE = ("harness", "stages", "parts", "profiles")

SYNTHETIC = {
    "name": "synthetic",
    "seed": 1,
    "clips": {"train": 24, "dev": 12, "test": 2},
    "speakers": {"train": 4, "dev": 4, "test": 1},
    "raters": 5,
    "emotion": 1.0,
}
PARAMS = {
    "profile": "small",
    "corpus": SYNTHETIC,
    "features": {
        "sample_rate": 16000,
        "window": 512,
        "hop": 320,
        "bands": 64,
        "low": 50,
        "high": 8000,
    },
    "train": {
        "batch": 8,
        "learning_rate": 0.001,
        "epsilon": 1e-8,
        "weight_decay": 0.01,
        "frames": 64,
        "width": 0.03125,
        "embedding": 32,
        "redundancy": 0.001,
        "spec_augment": {"frames": 16, "frame_stripes": 2, "bands": 8, "band_stripes": 2},
        "arithmetic": "portable",
        "precision": "auto",
        "threads": 1,
    },
    "readings": {
        "preset": "paper",
        "epochs": 1,
        "block_dropout": 0,
        "head_dropout": 0,
        "padding": "silence",
    },
    "seeds": [1, 2],
    "families": {"readings": {"seeds": [1]}},
    "statistics": {"resamples": 200, "level": 0.95, "seed": 0},
}
RRTN = {
    "encoder": "cnn10",
    "views": ["clean", "masked"],
    "terms": ["ccc", "ccc_masked", "barlow_twins"],
    "weighting": {"ruwl": {"scale": [1, 1, 1e-8]}},
}
ROWS = {
    "table2": {
        "cnn10": {
            "encoder": "cnn10",
            "views": ["clean"],
            "terms": ["ccc"],
            "weighting": {"fixed": {"weights": [1]}},
        },
        "cnn10-rrtn-ruwl": RRTN | {"against": {"local": "cnn10", "global": "cnn10"}},
    },
    "rows": {
        "readings/ccc-pooled": RRTN
        | {
            "readings": {"ccc_loss": "pooled"},
            "against": {"paper": "table2/cnn10-rrtn-ruwl"},
        },
    },
    "after": {},
}


def clone(folder):
    """Code, profiles and pipeline without results, as a git repository; → the folder."""
    for name in CODE:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(REPOSITORY / name, folder / name, ignore=ignored)
    for name in FILES:
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copy(REPOSITORY / name, folder / name)
    (folder / ".dvc").mkdir()
    for name in ("config", ".gitignore"):
        shutil.copy(REPOSITORY / ".dvc" / name, folder / ".dvc")
    shutil.copytree(REPOSITORY / ".dvc" / "plots", folder / ".dvc" / "plots")
    subprocess.run(["git", "init", "--quiet"], cwd=folder, check=True)
    return folder


def make_ready(folder):
    """Let `make` find the environment that runs the tests; → the folder."""
    (folder / ".venv").mkdir()
    for name in ("bin", "lib", "pyvenv.cfg"):
        (folder / ".venv" / name).symlink_to(Path(sys.prefix) / name)
    (folder / "requirements.lock").touch()
    (folder / ".venv" / "ready").touch()
    return folder


def small_params(folder, rows=None, **changes):
    """Write the small params.yaml with some top-level keys changed, and the small rows.yaml, or
    other `rows`, a whole file's content; → both contents, copies that a test may edit."""
    found = copy.deepcopy(PARAMS | changes), copy.deepcopy(rows or ROWS)
    write(folder, *found)
    return found


def write(folder, params, rows):
    """Both files of the clone."""
    yaml = YAML()
    yaml.representer.ignore_aliases = lambda *_: True
    for name, content in (("params.yaml", params), ("rows.yaml", rows)):
        yaml.dump(content, folder / name)


def environment(folder):
    """The environment of a command in the clone: this Python first, DVC's locks in the clone."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    site = str(folder / ".dvc" / "site")
    return {**os.environ, "PATH": path, "PYTHONPATH": str(folder), "DVC_SITE_CACHE_DIR": site}


def run(folder, *command):
    """A finished process in the clone, its output as text."""
    env = environment(folder)
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)


def dvc(folder, *arguments):
    """Output of `dvc ...` in the clone, which must succeed."""
    done = run(folder, sys.executable, "-m", "dvc", *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def stale(folder, families=False):
    """Stages that `dvc repro` would run: those changed, and all that depend on what they write;
    of Table 2, or of other families too."""
    with contextlib.chdir(folder), Repo(str(folder)) as repo:
        graph = {stage.addressing: stage for stage in repo.index.graph}
        changed = {graph[name] for name in repo.status()}
        below = {stage for one in changed for stage in networkx.ancestors(repo.index.graph, one)}
        names = {stage.addressing for stage in changed | below}
        return {name for name in names if families or ":" not in name}
