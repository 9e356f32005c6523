"""A DVC pipeline of the shape of dvc.yaml, small enough to run in seconds, in a git repository.

Its scores are known: row r, seed s → CCC[r] + SPREAD[s], so sd and gains follow by hand. They are
taken from the root, or from the folder that the variable MACHINE names ("there/"). It stands for
another arithmetic: no lock names it, and the features and cells that it makes have other bytes.
"""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from dvc.repo import Repo

ROOT = Path(__file__).parents[2]
CCC = {"cnn10": 0.5, "cnn10-rrtn": 0.6}
SPREAD = {1: -0.02, 2: 0.0, 3: 0.02}
SEEDS = list(SPREAD)
CELLS = {f"train@{row}-{seed}" for row in CCC for seed in SEEDS}

PARAMS = """\
profile: small
rows:
  cnn10: {encoder: cnn10, method: vanilla, scale: 1}
  cnn10-rrtn: {encoder: cnn10, method: rrtn, scale: 1}
table:
  rows:
    - cnn10
    - cnn10-rrtn
  seeds: [1, 2, 3]
"""

DVC = """\
vars:
  - params.yaml
stages:
  features:
    cmd: sh features.sh
    deps:
      - features.sh
    outs:
      - features/${profile}
  train:
    matrix:
      row: ${table.rows}
      seed: ${table.seeds}
    cmd: sh train.sh ${item.row} ${item.seed}
    deps:
      - features/${profile}
      - train.sh
    params:
      - rows.${item.row}
    outs:
      - runs/${profile}/${item.row}-${item.seed}:
          persist: true
  collect:
    cmd: cp moments.csv results/small/moments.npz; sh take.sh scores.csv metrics.json
    deps:
      - runs/${profile}
      - features/${profile}/dev.csv
      - scores.csv
      - metrics.json
      - take.sh
    params:
      - rows
      - table
    outs:
      - results/${profile}/moments.npz
      - results/${profile}/scores.csv:
          cache: false
    metrics:
      - results/${profile}/metrics.json:
          cache: false
  table:
    cmd: sh take.sh table2.json
    deps:
      - results/${profile}/metrics.json
      - results/${profile}/moments.npz
      - table2.json
      - take.sh
    params:
      - rows
      - table
    outs:
      - results/${profile}/table2.json:
          cache: false
"""

FEATURES = """\
mkdir -p features/small
echo clip > features/small/dev.csv
echo "sound $MACHINE" > features/small/dev.npy
"""

TRAIN = """\
mkdir -p runs/small/$1-$2
echo "$1 $2 $MACHINE" > runs/small/$1-$2/predictions.csv
"""

TAKE = """\
for file; do cp "$MACHINE$file" results/small; done
"""


def table(ccc=None, corpus="small", seeds=SEEDS, **changes):
    """table2.json of these Ĉ, gains by their definition."""
    ccc = ccc or CCC
    base, first = {}, next(iter(ccc.values()))
    rows = []
    for name, score in ccc.items():
        encoder, _, method = name.partition("-")
        base.setdefault(encoder, score)
        rows.append(
            {
                "row": name,
                "encoder": encoder,
                "method": method or "vanilla",
                "params": 1000,
                "ccc": score,
                "local_gain": 100 * (score / base[encoder] - 1) if method else None,
                "global_gain": 100 * (score / first - 1) if rows else None,
            }
        )
    head = {"corpus": corpus, "split": "dev", "selection": "last", "seeds": list(seeds)}
    head["settings"] = {"epochs": [4.0, 60.0]}
    return {**head, "rows": rows} | changes


def results(ccc=None, spread=None, **changes):
    """The three files of a run, name → text."""
    ccc, spread = ccc or CCC, SPREAD if spread is None else spread
    lines = ["row,seed,selection,target,ccc"]
    for row, score in ccc.items():
        for seed, change in spread.items():
            lines.append(f"{row},{seed},last,Awe,{score + change - 0.1:.6f}")
            lines.append(f"{row},{seed},last,mean,{score + change:.6f}")
            lines.append(f"{row},{seed},best,mean,{score + change + 0.1:.6f}")
    return {
        "metrics.json": json.dumps(ccc),
        "scores.csv": "\n".join(lines) + "\n",
        "table2.json": json.dumps(table(ccc, seeds=spread, **changes)),
    }


def write(folder, files):
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_text(content, encoding="utf-8")


def git(folder, *arguments):
    identity = ["-c", "user.name=test", "-c", "user.email=test@example.org"]
    command = ["git", *identity, *arguments]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout


def commit(folder, message):
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", message)


def create(folder):
    """The repository before its first `dvc repro`, nothing committed yet."""
    git(folder.parent, "init", "--quiet", "--initial-branch=main", str(folder))
    write(folder, {"params.yaml": PARAMS, "dvc.yaml": DVC, "moments.csv": "1\n"})
    write(folder, {"features.sh": FEATURES, "train.sh": TRAIN, "take.sh": TAKE} | results())
    ignored = "/features/\n/runs/\n/results/*/moments.npz\n"
    write(folder, {".gitignore": ignored})
    write(folder / "results" / "small", {})
    for name in ("paper.yaml", "tolerances.yaml"):
        shutil.copy(ROOT / name, folder)
    write(folder / ".dvc", {"config": "[core]\n    analytics = false\n    autostage = false\n"})
    write(folder / ".dvc", {".gitignore": "/tmp\n/cache\n/config.local\n/site\n"})
    return folder


def replace(path, old, new):
    before = Path(path).read_text()
    assert old in before
    Path(path).write_text(before.replace(old, new, 1))


def reproduce(*targets, scores=None):
    """`dvc repro`, all of it; with `scores`, on another machine, which comes to those."""
    with pytest.MonkeyPatch.context() as patch:
        if scores:
            write(Path("there"), results(scores))
            patch.setenv("MACHINE", "there/")
        with Repo(".") as repo:
            repo.reproduce(*targets, force=scores is not None)
    shutil.rmtree("there", ignore_errors=True)
