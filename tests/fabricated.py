"""A tree of runs as the train stage leaves it, with predictions whose Ĉ is known exactly."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd

from harness.config import strict
from harness.config.readings import PRESETS, Readings
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


METHODS = {  # what follows the encoder in a row's name → what it has beyond the encoder
    "": {"views": ["clean"], "terms": ["ccc"], "weighting": "fixed"},
    "rrtn": {
        "views": ["clean", "masked"],
        "terms": ["ccc", "ccc_masked", "barlow_twins"],
        "weighting": "fixed",
    },
    "rrtn-ruwl": {
        "views": ["clean", "masked"],
        "terms": ["ccc", "ccc_masked", "barlow_twins"],
        "weighting": {"ruwl": {"scale": [1, 1, 1e-8]}},
    },
}


def full(name):
    """A row's full name; one without a family is of Table 2."""
    return name if "/" in name else f"table2/{name}"


def block(name, names):
    """A row of Table 2 by its name, compared as rows.yaml compares, where `names` has the other."""
    encoder, _, method = name.partition("-")
    against = {"local": encoder, "global": next(iter(names), None)}
    if method == "rrtn-ruwl":
        against["ruwl"] = f"{encoder}-rrtn"
    against = {kind: row for kind, row in against.items() if row != name and row in names}
    return {"encoder": encoder, **METHODS[method], "against": against}


def write_rows(names, blocks=None):
    """rows.yaml: these rows of Table 2, and `blocks`, full name → what it changes in `cnn10-rrtn`.

    A block with the key `after` stands where rows.yaml has these.
    """
    table2 = [name for name in names if "/" not in name]
    further = {name: block("cnn10-rrtn", []) | more for name, more in (blocks or {}).items()}
    after = {name: row for name, row in further.items() if "after" in row}
    rows = {name: row for name, row in further.items() if name not in after}
    content = {"table2": {name: block(name, table2) for name in table2}}
    content |= {"rows": rows, "after": after}
    Path("rows.yaml").write_text(json.dumps(content))


REPOSITORY = Path(__file__).parents[1]


def paper_training(**changes):
    """Train block and readings of the full-scale profile, with some keys changed."""
    train = strict.block(Train, "train", REPOSITORY / "profiles" / "hume-vb.yaml").model_dump()
    return train | readings().model_dump() | changes


def write_params(
    names,
    seeds,
    selection="last",
    profile="toy",
    corpus="toy",
    speakers=12,
    blocks=None,
    families=None,
    **changes,
):
    """params.yaml and rows.yaml: the paper's, with `changes` of keys of train and of readings.

    `families`: name → its own block; by default those of `blocks` with the seeds of Table 2.
    """
    write_rows(names, blocks)
    found = dict.fromkeys(name.partition("/")[0] for name in blocks or {})
    families = {name: {} for name in found} if families is None else families
    train = strict.block(Train, "train", REPOSITORY / "profiles" / "hume-vb.yaml").model_dump()
    read = {key: changes.pop(key) for key in list(changes) if key in Readings.model_fields}
    Path("params.yaml").write_text(
        f"profile: {profile}\nseeds: {list(seeds)}\nfamilies: {json.dumps(families)}\n"
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


EPOCHS, RISE = 9, 0.002  # dev Ĉ rises by this in every epoch, up to the last one's
LATE = (-0.03, 0.01, 0.02)  # how far each late epoch's Ĉ is from their mean


def write_cell(row, seed, clips, labels, scores, profile="toy"):
    """A finished cell; `scores`: selection → Ĉ of its predictions, of `late` the mean."""
    folder = Path("runs", profile, full(row), str(seed))
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng([seed, *map(ord, row)])
    order = rng.permutation(len(clips))  # the join is by id, so the order must not matter
    arrays = {name: with_ccc(labels, ccc, rng)[order] for name, ccc in scores.items()}
    late = [with_ccc(labels, scores["late"] + step, rng)[order] for step in LATE]
    arrays = {name: np.float32(values) for name, values in (arrays | {"late": late}).items()}
    np.savez(folder / "predictions.npz", clips=np.array(clips)[order], targets=TARGETS, **arrays)
    metrics = {
        "row": full(row),
        "seed": seed,
        "params": 1_230_000,
        "params_trained": 310_000,
        "epochs": EPOCHS,
        "width": 0.5,
        "arithmetic": f"32-true on processor {seed}",
        **{name: {"epoch": EPOCHS, "ccc": ccc} for name, ccc in scores.items()},
    }
    (folder / "metrics.json").write_text(json.dumps(metrics))
    epoch = np.arange(1, EPOCHS + 1)
    curve = scores["last"] - RISE * (EPOCHS - epoch)
    columns = {"epoch": epoch, "loss": 1 / epoch, "weight_ccc": 1.0, "dev_ccc": curve}
    history = pd.DataFrame(columns)
    history.to_csv(folder / "history.csv", index=False)


def write_tree(truth, seeds=(1, 2), speakers=12, selection="last", names=None, **params):
    """Params, rows, corpus, labels and all cells below the working directory.

    `truth`: row → Ĉ of the last epoch, averaged over seeds; seeds are 0.004 apart, the best epoch
    is 0.01 better, and the three late ones are 0.02 worse on average. `names`: the rows in the
    table, if not all. A row whose block reads `selection: held_out` has these predictions too,
    0.005 better than the last.
    """
    rng = np.random.default_rng(3)
    blocks = params.get("blocks") or {}
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
        read = blocks.get(row, {}).get("readings", {})
        for seed, offset in zip(seeds, offsets, strict=True):
            last = ccc + offset
            scores = {"last": last, "best": last + 0.01, "late": last - 0.02}
            if read.get("selection", selection) == "held_out":
                scores["held_out"] = last + 0.005
            write_cell(row, seed, clips, labels, scores, profile)
