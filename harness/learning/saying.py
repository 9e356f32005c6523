"""distribution.npz of a cell that is trained: what its network says of every clip, as it is, held
out, and shifted; and passes.npz, the same from passes with dropout left on."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from harness.arrays import write_arrays
from harness.config.features import Features
from harness.config.readings import Readings
from harness.config.rows import Row
from harness.config.strict import parse
from harness.errors import ParamsError
from harness.evaluation.distributions import FILE, Arrays, Distribution, arrays, mixture, of_head
from harness.learning.cell import Cell
from harness.learning.data import Packed, held_out_clips
from harness.learning.loop import Trained
from harness.learning.scoring import say
from harness.learning.shifts import SHIFTS, loudness, shifted

PASSES = 20


class Dropping(nn.Module):
    """A network whose dropout stays on in evaluation, while batch norms use what they have learned
    (Gal and Ghahramani 2016)."""

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.encoder, self.head = network.encoder, network.head

    def train(self, mode: bool = True) -> "Dropping":
        """All modules but batch norms are as in training: dropout is a flag of the encoder, too."""
        for module in self.modules():
            module.training = not isinstance(module, nn.modules.batchnorm._BatchNorm)
        return self


def keep_distribution(cell: Cell, trained: Trained, folder: Path) -> None:
    """Of the splits train, held_out (where some are), dev and dev_<shift>."""
    network = trained.objective.network
    found: Arrays = {}
    for split, data, chosen in splits(cell, trained):
        said = arrays(distribution(network, cell, data, chosen), split)
        found |= compact(_about(split, data, chosen) | said)
    write_arrays(folder / FILE, found)


def keep_passes(cell: Cell, trained: Trained, folder: Path) -> None:
    """The mixture of `PASSES` passes over dev and its shifts."""
    network = Dropping(trained.objective.network)
    found: Arrays = {}
    for split, data, chosen in splits(cell, trained):
        if split.startswith("dev"):
            passes = []
            for nth in range(PASSES):
                torch.manual_seed(cell.seed * PASSES + nth)
                passes.append(distribution(network, cell, data, chosen))
            found |= compact(_about(split, data, chosen) | arrays(mixture(passes), split))
    write_arrays(folder / "passes.npz", found)


def check_passes(row: Row, readings: Readings) -> None:
    """Raise ParamsError for a row that keeps passes and has no dropout: they would be the same."""
    if "passes" in row.keep and not readings.block_dropout and not readings.head_dropout:
        raise ParamsError(
            "`keep: [passes]` needs dropout; give the row readings.head_dropout above 0"
        )


def splits(cell: Cell, trained: Trained) -> Iterator[tuple[str, Packed, np.ndarray]]:
    """Name, clips in memory, and which of them; a shift of dev is a split of its own, made when it
    is asked for."""
    out = held_out_clips(trained.train, cell.readings.selection == "held_out")
    features = parse(Features, cell.origin["features"], "features")
    every = np.arange(len(trained.dev))
    yield "train", trained.train, np.flatnonzero(~out)
    if out.any():
        yield "held_out", trained.train, np.flatnonzero(out)
    yield "dev", trained.dev, every
    for name in SHIFTS:
        yield f"dev_{name}", shifted(trained.dev, name, features), every


def distribution(network: Any, cell: Cell, data: Packed, chosen: np.ndarray) -> Distribution:
    """What the network says of the chosen clips."""
    raw = say(network, data, cell, cell.readings.epochs - 1, chosen).raw
    return of_head(cell.row.head.name, raw)


def _about(split: str, data: Packed, chosen: np.ndarray) -> Arrays:
    return {
        f"{split}_clips": np.array(data.clips, dtype=str)[chosen],
        f"{split}_labels": data.labels.cpu().numpy()[chosen],
        f"{split}_loudness": loudness(data)[chosen],
    }


def compact(found: Arrays) -> Arrays:
    """Floats as float32, finer than any prediction is."""
    return {
        name: each.astype(np.float32) if each.dtype.kind == "f" else each
        for name, each in found.items()
    }
