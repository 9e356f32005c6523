"""How well a score tells shifted clips from the same clips as they are.

AUROC, higher is better: the chance that a shifted clip scores higher than one that is not. FPR95,
lower is better: the share of clips as they are that a threshold takes for shifted which finds 95 %
of the shifted ones.

Scores are counted in up to 100 bins of all scores, as many clips in each: so the sums of speakers
add up. Clips in one bin are ties, which count half.
"""

import numpy as np
from numpy.typing import NDArray

from harness.evaluation.measures.sums import Array, Speakers, checked

__all__ = ["auroc", "fpr95", "sums"]

PARTS = 100
FOUND = 0.95


def sums(score: NDArray, shifted: NDArray, speakers: Speakers) -> Array:
    """Of each speaker how many clips as they are, and how many shifted ones, are below the upper
    end of the first bins, of none to all: scores [clips] of both, in one order → [speakers, 1,
    2 · 101].
    """
    edges = np.quantile(checked(np.concatenate([score, shifted])), np.arange(1, PARTS) / PARTS)
    edges = np.unique(edges)
    names, speaker = np.unique(np.asarray(speakers), return_inverse=True)
    found = np.zeros((len(names), 2, PARTS + 1))
    for side, each in enumerate((score, shifted)):
        place = speaker * PARTS + np.searchsorted(edges, each, "left")
        counts = np.bincount(place, minlength=len(names) * PARTS).reshape(-1, PARTS)
        np.cumsum(counts, axis=1, out=found[:, side, 1:])
    return found.reshape(len(names), 1, -1)


def auroc(sums: Array) -> Array:
    """[..., 202] → [...]."""
    known, shifted = np.split(sums, 2, axis=-1)
    area = np.trapezoid(known, shifted, axis=-1)
    return np.asarray(area / (known[..., -1] * shifted[..., -1]))


def fpr95(sums: Array) -> Array:
    """[..., 202] → [...], at the highest threshold between bins that finds 95 %."""
    known, shifted = np.split(sums, 2, axis=-1)
    missed = (1 + 1e-12 - FOUND) * shifted[..., -1:]
    place = (shifted <= missed).sum(axis=-1, keepdims=True) - 1
    return np.asarray(1 - np.take_along_axis(known, place, axis=-1)[..., 0] / known[..., -1])
