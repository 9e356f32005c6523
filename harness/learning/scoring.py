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

    From their first frames, or from a crop drawn anew in every epoch (`readings.dev_crop`).
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
    found: list[tuple[torch.Tensor, ...]] = []
    for part, crop in zip(chosen.split(BATCH), crops.split(BATCH), strict=True):
        x = data.crops(part, cell.train.frames, cell.readings.padding_level, crop)
        z = network.encoder(x)
        raw = network.head(z)
        found.append((network.head.mean(raw), raw, z))
    return Said(*(torch.cat(each).cpu().numpy() for each in zip(*found, strict=True)))


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
        )
