"""How well a score tells shifted clips from the same clips as they are.

AUROC, higher is better: the chance that a shifted clip scores higher than one that is not. FPR95,
lower is better: the share of clips as they are that a threshold takes for shifted which finds 95 %
of the shifted ones.

Scores are counted in up to 100 bins of all scores, as many clips in each: so the sums of speakers
add up. Clips in one bin are ties, which count half.
"""

import numpy as np
from numpy.typing import NDArray

from harness.evaluation.measures.sums import Array, Speakers, checked, per_speaker

__all__ = ["auroc", "fpr95", "sums"]

PARTS = 100
FOUND = 0.95


def sums(score: NDArray, shifted: NDArray, speakers: Speakers) -> Array:
    """Of each speaker the clips as they are and shifted in each bin: scores [clips] of both, in one
    order → [speakers, 1, 1 + 2 bins].
    """
    both = checked(np.concatenate([score, shifted]))
    edges = np.unique(np.quantile(both, np.arange(1, PARTS) / PARTS))
    counts = [
        (np.searchsorted(edges, each, "left")[:, np.newaxis] == np.arange(PARTS)).astype(np.float64)
        for each in (score, shifted)
    ]
    return per_speaker(np.concatenate(counts, axis=-1)[:, np.newaxis], speakers)


def auroc(sums: Array) -> Array:
    """[..., 1 + 2 bins] → [...]."""
    known, shifted = _shares(sums)
    below = np.cumsum(known, axis=-1) - known / 2
    return (shifted * below).sum(axis=-1)


def fpr95(sums: Array) -> Array:
    """[..., 1 + 2 bins] → [...], at the highest threshold between bins that finds 95 %."""
    known, shifted = (np.cumsum(each[..., ::-1], axis=-1) for each in _shares(sums))
    place = np.argmax(shifted >= FOUND - 1e-12, axis=-1)
    return np.take_along_axis(known, place[..., np.newaxis], axis=-1)[..., 0]


def _shares(sums: Array) -> tuple[Array, Array]:
    known, shifted = np.split(sums[..., 1:], 2, axis=-1)
    return known / known.sum(axis=-1, keepdims=True), shifted / shifted.sum(axis=-1, keepdims=True)
