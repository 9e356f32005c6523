"""Cells that train in a second or two on the features of tests.learning.packed, and their parts."""

from pathlib import Path

import pytest
import torch

from harness.config.readings import Readings
from harness.config.rows import Part, Row
from harness.config.training import SpecAugment, Train
from harness.learning import loop
from harness.learning.cell import Cell
from harness.learning.network import Objective
from harness.learning.parts import Setting, build
from tests.readings import readings

TRAIN = Train(
    batch=8,
    learning_rate=0.005,
    epsilon=1e-8,
    weight_decay=0.01,
    frames=32,
    width=1 / 32,
    embedding=16,
    redundancy=0.001,
    spec_augment=SpecAugment(frames=8, frame_stripes=2, bands=8, band_stripes=2),
    precision="32-true",
    arithmetic="portable",
    threads=1,
)
READINGS = readings(epochs=3, padding="silence", head_dropout=0.1)
ONE_VIEW = {"views": ["clean"], "terms": ["ccc"], "weighting": {"fixed": {"weights": [1]}}}
TWINS = {"views": ["clean", "masked"], "terms": ["ccc", "ccc_masked", "barlow_twins"]}
FIXED = {"fixed": {"weights": [1, 1, 0.001]}}
RUWL = {"ruwl": {"scale": [1, 1, 1e-8]}}
ROWS = {
    "vanilla": Row(encoder="cnn10", **ONE_VIEW),
    "rrtn": Row(encoder="resnet18", **TWINS, weighting=FIXED),
    "rrtn-ruwl": Row(encoder="cnn14", **TWINS, weighting=RUWL),
}


def cell(features, scratch, row="rrtn-ruwl", seed=1, **changes):
    """`row`: a name of ROWS, or a block; `changes`: fields of `Train` and of `Readings`."""
    name, block = ("own", row) if isinstance(row, Row) else (row, ROWS[row])
    read = {key: changes.pop(key) for key in list(changes) if key in Readings.model_fields}
    return Cell(
        name=f"table2/{name}",
        seed=seed,
        row=block,
        train=TRAIN.model_copy(update=changes),
        readings=READINGS.model_copy(update=read),
        features=features,
        scratch=Path(scratch),
        runs=Path(scratch) / "runs",
        origin={"corpus": "a"},
    )


def train_cell(cell):
    """Its state after the last epoch."""
    return loop.train(cell).state


class Killed(Exception):
    pass


def killed_after(epochs, cell):
    """Train `cell`, with an exception out of the blue right after the checkpoint of an epoch."""
    save = loop.save

    def and_die(*arguments):
        save(*arguments)
        if arguments[-1].epoch == epochs:
            raise Killed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "save", and_die)
        with pytest.raises(Killed):
            train_cell(cell)


def assert_same(one, other):
    """Two states, to the last bit."""
    assert one.history == other.history
    assert one.weights == other.weights
    assert [each.tobytes() for each in one.late] == [each.tobytes() for each in other.late]
    assert one.epoch == other.epoch
    assert one.chosen.keys() == other.chosen.keys()
    for selection, chosen in one.chosen.items():
        same = other.chosen[selection]
        assert chosen[:3] == same[:3]
        assert chosen.predictions.tobytes() == same.predictions.tobytes()


def setting(bands=64, targets=10, width=TRAIN.width, **changes):
    """`changes`: of the readings."""
    train = TRAIN.model_copy(update={"width": width})
    return Setting(train, readings(**changes), bands, targets)


def encoder(name, width, dropout=(0.0, 0.0), bands=64):
    """`dropout`: after each block, and before the hidden layer."""
    block, head = dropout
    read = {"block_dropout": block, "head_dropout": head}
    return build("encoders", Part(name=name), setting(bands, width=width, **read))


def rule(block, losses, **changes):
    """A weighting of so many losses; `changes`: of the readings."""
    return build("weightings", Part.model_validate(block), setting(**changes), losses)


def objective(row, train=TRAIN, targets=10, **changes):
    """The objective of a row, a name of ROWS or a block."""
    block = row if isinstance(row, Row) else ROWS[row]
    return Objective(block, Setting(train, readings(**changes), 64, targets))


def losses(whole, *arguments):
    """Of an objective's terms, with what they may be differentiated by."""
    kept = []
    hook = whole.weighting.register_forward_pre_hook(lambda _, given: kept.append(given[0]))
    whole(*arguments)
    hook.remove()
    return kept[-1]


def masks(seed=0):
    """The generator that an objective draws its masks from."""
    return torch.Generator().manual_seed(seed)
