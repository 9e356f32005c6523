"""A network's predictions of clean clips, and their Ĉ."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch

from harness.errors import RunError
from harness.evaluation.ccc import ccc
from harness.learning.data import Packed
from harness.learning.network import Network

if TYPE_CHECKING:  # a cell does not depend on the code of what is only named here
    from harness.learning.cell import Cell

BATCH = 64  # fixed: a score must not depend on the training batch


class Said(NamedTuple):
    """Of every clip: predictions [clips, targets], raw outputs [clips, outputs] and embeddings
    [clips, size], all float32."""

    predictions: np.ndarray
    raw: np.ndarray
    embeddings: np.ndarray


def predict(
    network: Network, data: Packed, cell: Cell, epoch: int, clips: np.ndarray | None = None
) -> np.ndarray:
    """Predictions [clips, targets] float32 of clean clips (None: all), in full precision.

    From their first frames, from a crop drawn anew in every epoch, or from all of their frames
    (`readings.dev_crop`); a clip that is shorter than `train.frames` is padded in each case.
    """
    return say(network, data, cell, epoch, clips).predictions


@torch.inference_mode()
def say(
    network: Network, data: Packed, cell: Cell, epoch: int, clips: np.ndarray | None = None
) -> Said:
    """All that the network says of the clips that `predict` is about."""
    network.eval()
    device = data.labels.device
    chosen = torch.from_numpy(np.arange(len(data)) if clips is None else clips).to(device)
    crops = torch.zeros(len(chosen), device=device)
    if cell.readings.dev_crop == "random":
        drawn = np.random.default_rng([cell.seed, epoch, 1]).random(len(chosen), dtype=np.float32)
        crops = torch.from_numpy(drawn).to(device)
    frames = torch.full_like(chosen, cell.train.frames)
    if cell.readings.dev_crop == "whole":
        frames = frames.maximum(data.frames[chosen])
    found: list[tuple[torch.Tensor, ...]] = []
    for places in _of_one_length(frames):
        length, clips_here = int(frames[places[0]]), chosen[places]
        x = data.crops(clips_here, length, cell.readings.padding_level, crops[places])
        z = network.encoder(x)
        raw = network.head(z)
        found.append((places, network.head.mean(raw), raw, z))
    places, *said = (torch.cat(each) for each in zip(*found, strict=True))
    order = places.argsort()
    return Said(*(each[order].cpu().numpy() for each in said))


def _of_one_length(frames: torch.Tensor) -> list[torch.Tensor]:
    """Places of clips that have as many frames and fit into one batch; every place once."""
    groups = [(frames == length).nonzero()[:, 0] for length in frames.unique()]
    return [places for group in groups for places in group.split(BATCH)]


def score(
    cell: Cell, epoch: int, data: Packed, predictions: np.ndarray, clips: Any = slice(None)
) -> float:
    """Ĉ of the predictions; RunError where one is not finite."""
    check_finite(cell, epoch, predictions)
    return float(ccc(data.labels.cpu().numpy()[clips], predictions).mean())


def check_finite(cell: Cell, epoch: int, values: Any) -> None:
    """Raise RunError unless all losses or predictions of an epoch are finite."""
    if not np.isfinite(values).all():
        raise RunError(
            f"{cell.label}: losses or predictions are no longer finite in epoch {epoch + 1}; lower "
            "train.learning_rate or look at the row's weighting"
            + (f" (epoch {epoch} was the last good one: {cell.checkpoint})" if epoch else "")
        )
