"""A tree of runs as the train stage leaves it, with predictions whose Ĉ is known exactly."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd

from harness.config.readings import PRESETS, Readings
from harness.config.strict import block
from harness.config.training import Train
from tests.readings import readings

TARGETS = ["awe", "fear", "joy"]
PAPER = {  # Table 2: Ĉ as printed
    "resnet18": 0.613,
    "resnet18-rrtn": 0.628,
    "resnet18-rrtn-ruwl": 0.634,
    "cnn10": 0.655,
    "cnn10-rrtn": 0.667,
    "cnn10-rrtn-ruwl": 0.668,
    "cnn14": 0.647,
    "cnn14-rrtn": 0.674,
    "cnn14-rrtn-ruwl": 0.678,
}


def with_ccc(labels, ccc, rng):
    """Predictions [clips, targets] of exactly this CCC: mean and variance of the labels."""
    columns = []
    for x in labels.T:
        centred = x - x.mean()
        noise = rng.normal(size=len(x))
        noise -= noise.mean()
        noise -= centred * (noise @ centred) / (centred @ centred)
        noise *= np.sqrt((centred @ centred) / (noise @ noise))
        columns.append(x.mean() + ccc * centred + np.sqrt(1 - ccc**2) * noise)
    return np.array(columns).T


def blocks(names):
    """`rows` of params.yaml for these rows: encoder and method from the name, one key unread."""
    kinds = {"": "vanilla", "rrtn": "rrtn", "rrtn-ruwl": "rrtn-ruwl"}
    lines = ["rows:"]
    for name in names:
        encoder, _, method = name.partition("-")
        lines.append(f"  {name}: {{encoder: {encoder}, method: {kinds[method]}, views: [clean]}}")
    return "\n".join(lines)


REPOSITORY = Path(__file__).parents[1]


def paper_training(**changes):
    """Train block and readings of the full-scale profile, with some keys changed."""
    train = block(Train, "train", REPOSITORY / "profiles" / "hume-vb.yaml").model_dump()
    return train | readings().model_dump() | changes


def write_params(
    names, seeds, selection="last", profile="toy", corpus="toy", speakers=12, **changes
):
    """The paper's, with `changes` of keys of the train block and of readings."""
    train = block(Train, "train", REPOSITORY / "profiles" / "hume-vb.yaml").model_dump()
    read = {key: changes.pop(key) for key in list(changes) if key in Readings.model_fields}
    Path("params.yaml").write_text(
        f"profile: {profile}\n{blocks(names)}\n"
        f"table:\n  rows: [{', '.join(names)}]\n  seeds: {list(seeds)}\n"
        "statistics: {resamples: 200, level: 0.95, seed: 0}\n"
        f"readings: {json.dumps({'preset': 'paper', 'selection': selection} | read)}\n"
        f"train: {json.dumps(train | changes)}\n"
    )
    shutil.copytree(REPOSITORY / PRESETS, PRESETS, dirs_exist_ok=True)
    folder = Path("data", profile)
    folder.mkdir(parents=True, exist_ok=True)
    about = {"name": corpus, "targets": TARGETS, "ceiling": {"mean": 0.9}}
    about["speakers"] = {"dev": speakers}
    (folder / "corpus.json").write_text(json.dumps(about))


def write_cell(row, seed, clips, labels, last, best, profile="toy"):
    folder = Path("runs", profile, f"{row}-{seed}")
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng([seed, *map(ord, row)])
    for selection, ccc in (("last", last), ("best", best)):
        table = pd.DataFrame(with_ccc(labels, ccc, rng), columns=TARGETS)
        table.insert(0, "clip", clips)
        order = rng.permutation(len(table))  # the join is by id, so the order must not matter
        table.iloc[order].to_csv(folder / f"predictions-{selection}.csv", index=False)
    metrics = {
        "row": row,
        "seed": seed,
        "params": 1_230_000,
        "params_trained": 310_000,
        "epochs": 3,
        "width": 0.5,
        "arithmetic": f"32-true on processor {seed}",
        "last": {"epoch": 3, "ccc": last},
        "best": {"epoch": 2, "ccc": best},
    }
    (folder / "metrics.json").write_text(json.dumps(metrics))
    history = pd.DataFrame({"epoch": [1, 2, 3], "loss": [0.9, 0.5, 0.4], "seconds": 1.5})
    history.to_csv(folder / "history.csv", index=False)


def write_tree(truth, seeds=(1, 2), speakers=12, selection="last", names=None, **params):
    """Params, corpus, labels and all cells below the working directory.

    `truth`: row → Ĉ of the last epoch, averaged over seeds; seeds are 0.004 apart, and the best
    epoch is 0.01 better. `names`: the rows in the table, if not all.
    """
    rng = np.random.default_rng(3)
    write_params(names or list(truth), seeds, selection, speakers=speakers, **params)
    profile = params.get("profile", "toy")
    size = speakers * 10
    clips = [f"{i:04d}" for i in range(size)]  # ids that look like numbers must stay text
    speaker = np.array([f"s{i % speakers:02d}" for i in range(size)])
    labels = np.clip(rng.normal(0.5, 0.2, (size, len(TARGETS))), 0, 1)
    table = pd.DataFrame(labels, columns=TARGETS)
    front = {"clip": clips, "speaker": speaker, "country": "NA", "start": 0, "frames": 9}
    folder = Path("features", profile)
    folder.mkdir(parents=True, exist_ok=True)
    pd.concat([pd.DataFrame(front), table], axis=1).to_csv(folder / "dev.csv", index=False)
    offsets = 0.004 * (np.arange(len(seeds)) - (len(seeds) - 1) / 2)
    for row, ccc in truth.items():
        for seed, offset in zip(seeds, offsets, strict=True):
            last = ccc + offset
            write_cell(row, seed, clips, labels, last, last + 0.01, profile)
