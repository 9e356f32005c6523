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

from harness.verdict.results import read_results

ROOT = Path(__file__).parents[2]
CCC = {"cnn10": 0.5, "cnn10-rrtn": 0.6}
SPREAD = {1: -0.02, 2: 0.0, 3: 0.02}
SEEDS = list(SPREAD)
TRAIN = {f"train@{row}" for row in CCC}
METRICS = ("ccc", "local_gain", "global_gain", "params")

PARAMS = """\
profile: small
seeds: [1, 2, 3]
families: {}
"""

ROWS = """\
table2:
  cnn10: {encoder: cnn10, views: [clean], terms: [ccc], weighting: fixed, longer: 1}
  cnn10-rrtn:
    encoder: cnn10
    views: [clean, masked]
    terms: [ccc]
    weighting: fixed
    longer: 1  # of cnn10-rrtn
    against: {local: cnn10, global: cnn10}
rows: {}
"""
LONGER = ("longer: 1  # of cnn10-rrtn", "longer: 2  # of cnn10-rrtn")  # an honest change of one row
BASELINE = ("weighting: fixed, longer: 1}", "weighting: fixed, longer: 2}")

DVC = """\
vars:
  - params.yaml
  - rows.yaml
  - moments: results/small/table2/moments.npz
stages:
  features:
    cmd: sh features.sh
    deps:
      - features.sh
    outs:
      - features/${profile}
  train:
    foreach: ${table2}
    do:
      cmd: sh train.sh table2/${key}
      deps:
        - features/${profile}
        - train.sh
      params:
        - seeds
        - rows.yaml:
            - table2.${key}
      outs:
        - runs/${profile}/table2/${key}:
            persist: true
  collect:
    cmd: sh take.sh table2/scores.csv table2/metrics.json; cp moments.csv ${moments}
    deps:
      - runs/${profile}/table2
      - features/${profile}/dev.csv
      - table2/scores.csv
      - table2/metrics.json
      - take.sh
    params:
      - seeds
      - rows.yaml:
          - table2
    outs:
      - results/${profile}/table2/moments.npz
      - results/${profile}/table2/scores.csv:
          cache: false
    metrics:
      - results/${profile}/table2/metrics.json:
          cache: false
  table:
    cmd: sh take.sh table2.json
    deps:
      - results/${profile}/table2/metrics.json
      - results/${profile}/table2/moments.npz
      - table2.json
      - take.sh
    params:
      - seeds
      - rows.yaml:
          - table2
    outs:
      - results/${profile}/table2.json:
          cache: false
"""

FAMILIES = """\
vars:
  - ../params.yaml
  - ../rows.yaml
stages:
  train:
    foreach: ${rows}
    do:
      wdir: ..
      cmd: sh train.sh ${key}
      deps:
        - features/${profile}
      params:
        - rows.yaml:
            - rows.${key}
      outs:
        - runs/${profile}/${key}:
            persist: true
  table:
    foreach: ${families}
    do:
      wdir: ..
      cmd: sh take.sh ${key}/scores.csv ${key}/metrics.json ${key}.json
      deps:
        - runs/${profile}/${key}
        - runs/${profile}/table2
        - features/${profile}/dev.csv
        - ${key}/scores.csv
        - ${key}/metrics.json
        - ${key}.json
      params:
        - rows.yaml:
            - table2
            - rows
      outs:
        - results/${profile}/${key}/scores.csv:
            cache: false
        - results/${profile}/${key}.json:
            cache: false
      metrics:
        - results/${profile}/${key}/metrics.json:
            cache: false
"""

FEATURES = """\
mkdir -p features/small
echo clip > features/small/dev.csv
echo "sound $MACHINE" > features/small/dev.npy
"""

TRAIN_ONE = """\
for seed in 1 2 3
do
  mkdir -p runs/small/$1/$seed
  echo "$1 $seed $MACHINE" > runs/small/$1/$seed/predictions.csv
done
"""

TAKE = """\
for file
do
  mkdir -p "results/small/$(dirname $file)"
  cp "$MACHINE$file" "results/small/$file"
done
"""


def table(ccc=None, corpus="small", seeds=SEEDS, against=None, **changes):
    """The table of these Ĉ, gains by their definition.

    `against`: row → kind → baseline; by default each row is compared with its encoder's first one
    (local) and with the first of all (global).
    """
    ccc = ccc or CCC
    against = _encoders(ccc) if against is None else against
    rows = [
        {
            "row": name,
            "selection": "last",
            "params": 1000,
            "ccc": score,
            "against": {
                kind: {"baseline": other, "gain": 100 * (score / ccc[other] - 1)}
                for kind, other in against.get(name, {}).items()
            },
        }
        for name, score in ccc.items()
        if "/" not in name
    ]
    kinds = list(dict.fromkeys(kind for row in against.values() for kind in row))
    head = {"corpus": corpus, "split": "dev", "selection": "last", "seeds": list(seeds)}
    head["settings"] = {"epochs": [4.0, 60.0]}
    return {**head, "kinds": kinds, "rows": rows} | changes


def _encoders(ccc):
    base, found = {}, {}
    for name in ccc:
        encoder = name.partition("-")[0]
        first = base.setdefault(encoder, name)
        local = {"local": first} if first != name else {}
        found[name] = local | ({"global": next(iter(base.values()))} if found else {})
    return found


def results(ccc=None, spread=None, family="table2", **changes):
    """The three files of a family's run, name → text."""
    ccc, spread = ccc or CCC, SPREAD if spread is None else spread
    lines = ["row,seed,selection,target,ccc"]
    for row, score in ccc.items():
        for seed, change in spread.items():
            lines.append(f"{row},{seed},last,Awe,{score + change - 0.1:.6f}")
            lines.append(f"{row},{seed},last,mean,{score + change:.6f}")
            lines.append(f"{row},{seed},best,mean,{score + change + 0.1:.6f}")
    return {
        f"{family}/metrics.json": json.dumps(ccc),
        f"{family}/scores.csv": "\n".join(lines) + "\n",
        f"{family}.json": json.dumps(table(ccc, seeds=spread, **changes)),
    }


def write(folder, files):
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
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
    write(folder, {"params.yaml": PARAMS, "rows.yaml": ROWS, "dvc.yaml": DVC, "moments.csv": "1\n"})
    write(folder, {"features.sh": FEATURES, "train.sh": TRAIN_ONE, "take.sh": TAKE} | results())
    ignored = "/features/\n/runs/\n/results/*/table2/moments.npz\n"
    write(folder, {".gitignore": ignored})
    for name in ("paper.yaml", "tolerances.yaml"):
        shutil.copy(ROOT / name, folder)
    write(folder / ".dvc", {"config": "[core]\n    analytics = false\n    autostage = false\n"})
    write(folder / ".dvc", {".gitignore": "/tmp\n/cache\n/config.local\n/site\n"})
    return folder


def replace(path, old, new):
    before = Path(path).read_text()
    assert old in before
    Path(path).write_text(before.replace(old, new, 1))


def reproduce(*targets, scores=None, there=None):
    """`dvc repro`; with `scores`, or files `there`, on another machine, which comes to those."""
    there = results(scores) if scores else there
    with pytest.MonkeyPatch.context() as patch:
        if there:
            write(Path("there"), there)
            patch.setenv("MACHINE", "there/")
        with Repo(".") as repo:
            repo.reproduce(list(targets) or None, force=there is not None)
    shutil.rmtree("there", ignore_errors=True)


def readings(**changes):
    """The results of that family, some Ĉ changed."""
    ccc = {"table2/cnn10": 0.5, "one": 0.55, "two": 0.45} | changes
    against = {row: {"paper": "table2/cnn10"} for row in ("one", "two")}
    return results(ccc, family="readings", against=against)


def read(files, family="table2"):
    """Results as `harness check` reads them, of texts by their name."""
    return read_results(lambda path: files.get(path.removeprefix("x/")), "x", family)


def add_readings():
    """A second family of two rows, which the first row of Table 2 is compared with; not yet run."""
    replace("params.yaml", "families: {}", "families: {readings: {}}")
    rows = {"readings/one": "{<<: *cnn10, longer: 3}", "readings/two": "{<<: *cnn10, longer: 4}"}
    block = "".join(f"\n  {name}: {content}" for name, content in rows.items())
    replace("rows.yaml", "cnn10: {", "cnn10: &cnn10 {")
    replace("rows.yaml", "rows: {}", f"rows:{block}")
    write(Path("families"), {"dvc.yaml": FAMILIES})
    write(Path(), readings())
