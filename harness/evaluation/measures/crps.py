"""Continuous ranked probability score (Matheson and Winkler 1976), lower is better.

CRPS(F, y) = ∫ (F(x) − 1[x ≥ y])² dx = E|X − y| − E|X − X'| / 2, in the labels' unit; of a
prediction without spread it is the absolute error (Gneiting and Raftery 2007).
"""

import numpy as np
from scipy.special import ndtr

from harness.evaluation.measures.nll import positive
from harness.evaluation.measures.sums import Array, Speakers, counted
from harness.evaluation.measures.sums import mean as finish

__all__ = ["finish", "gaussian", "sample", "sums"]


def sums(labels: Array, mean: Array, sd: Array, speakers: Speakers) -> Array:
    """Clips and CRPS of normal predictions of each speaker, all [clips, targets] → [speakers,
    targets, 2]. Raises RunError for an sd that is not above 0.
    """
    return counted(gaussian(labels, mean, sd), speakers)


def gaussian(labels: Array, mean: Array, sd: Array) -> Array:
    """CRPS of N(mean, sd²), element by element (Gneiting et al. 2005, Eq. 5)."""
    sd = positive(sd)
    z = (np.asarray(labels) - mean) / sd
    density = np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
    return sd * (z * (2 * ndtr(z) - 1) + 2 * density - 1 / np.sqrt(np.pi))


def sample(labels: Array, values: Array, weights: Array | None = None) -> Array:
    """CRPS of a distribution on points: labels [...] and values [..., m] → [...].

    The points are an ensemble's members or draws, all alike, or with `weights` that sum to 1 (of
    the shape of `values`, or one that broadcasts with it) the centres of bins.
    """
    labels, values = np.asarray(labels, dtype=np.float64), np.asarray(values, dtype=np.float64)
    share = np.full(values.shape[-1], 1 / values.shape[-1]) if weights is None else weights
    values, share = np.broadcast_arrays(values, share)
    order = np.argsort(values, axis=-1)
    values, share = (np.take_along_axis(each, order, axis=-1) for each in (values, share))
    above = np.cumsum(share, axis=-1)
    error = (share * np.abs(values - labels[..., np.newaxis])).sum(axis=-1)
    # E|X − X'| / 2, each pair of sorted points once
    spread = (share * values * (2 * above - share - 1)).sum(axis=-1)
    return error - spread
