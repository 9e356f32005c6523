"""A few steps of every row of Table 2, and of every reading; prints a name and a sha256 a line.

`python tests/golden/rows.py` from the repository's root. No change of the code may move a byte of
it, but one that says so.
"""

# ruff: noqa: E402  # the order of imports is what is tried

import sys
import tempfile
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))
warnings.filterwarnings("ignore")

import harness  # noqa: F401  # chooses portable arithmetic before numpy and torch load

# isort: split
import numpy as np

from harness.config.readings import PRESETS, Readings
from harness.config.rows import Row
from harness.config.strict import block
from harness.corpora import synthetic
from harness.corpora.clips import read
from harness.features import extract
from harness.learning.cell import Cell
from harness.learning.loop import train
from harness.learning.state import remove
from tests.golden.child import CORPUS, FEATURES, RUWL, TRAIN, TWINS, digest

CLIPS = {"train": 16, "dev": 6, "test": 0}
SPEAKERS = {"train": 12, "dev": 3, "test": 0}
LONGER = TRAIN.model_copy(update={"frames": 64})  # some clips are longer, some shorter
PAPER = {**block(Readings, "", PRESETS / "paper.yaml").model_dump(), "epochs": 2}
METHODS = {
    "": {"views": ["clean"], "terms": ["ccc"], "weighting": {"fixed": {"weights": [1]}}},
    "-rrtn": {**TWINS, "weighting": "fixed"},
    "-rrtn-ruwl": {**TWINS, "weighting": RUWL},
}
CHANGES = {  # every value of a reading that the paper's preset does not have, on a row it touches
    "cnn10-rrtn-ruwl": [
        {"ccc_loss": "pooled"},
        {"mask_axes": "released"},
        {"mask_place": "after_bn0"},
        {"mask_fill": "mean"},
        {"mask_fill": "silence"},
        {"masked_view": "both"},
        {"barlow_twins": "affine"},
        {"barlow_twins": "uncentred"},
        {"ruwl_lambda": "divides"},
        {"ruwl_start": [1, 1, 0.001]},
        {"ruwl_decay": "none"},
        {"block_dropout": 0, "head_dropout": 0},
        {"padding": "silence"},
        {"dev_crop": "random"},
        {"dev_crop": "whole"},
        {"selection": "held_out"},
        {"twin_forward": "joint"},
    ],
    "resnet18-rrtn-ruwl": [{"mask_axes": "released"}, {"twin_forward": "joint"}],
    "cnn10-rrtn": [{"fixed_weights": [1, 1, 0]}],
    "cnn10": [{"ccc_loss": "pooled"}],
}


def rows():
    """Name → row and readings."""
    plain = {
        f"{encoder}{method}": Row(encoder=encoder, **blocks)
        for encoder in ("resnet18", "cnn10", "cnn14")
        for method, blocks in METHODS.items()
    }
    for name, row in plain.items():
        yield name, row, Readings(**PAPER)
        for change in CHANGES.get(name, []):
            told = ",".join(f"{key}={value}" for key, value in change.items())
            yield f"{name}+{told}".replace(" ", ""), row, Readings(**{**PAPER, **change})


def hear(folder):
    """Make the features of a few clips."""
    corpus = {**CORPUS, "clips": CLIPS, "speakers": SPEAKERS, "raters": 5, "emotion": 1.0}
    synthetic.acquire(synthetic.Params(**corpus), folder / "data").write(folder / "data")
    clips, about = read(folder / "data")
    extract(clips, folder / "data", about["targets"], FEATURES, folder / "features", workers=1)


def cell_of(row, readings, folder, name="cell", after=()):
    places = {"features": folder / "features", "scratch": folder, "runs": folder}
    return Cell(name, 1, row, LONGER, readings, origin={}, after=after, **places)


def trained(cell):
    """The digest of its predictions and its history."""
    state = train(cell).state
    remove(cell.checkpoint)
    history = np.array([list(epoch.values()) for epoch in state.history])
    chosen = [found.predictions for _, found in sorted(state.chosen.items())]
    return digest(*chosen, history)


def main():
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        hear(folder)
        for name, row, readings in rows():
            print(name, trained(cell_of(row, readings, folder)), flush=True)


if __name__ == "__main__":
    main()
