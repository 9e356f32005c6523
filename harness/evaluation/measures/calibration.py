"""Quantile calibration error, lower is better: how far shares of labels below predicted quantiles
are from the quantiles' levels (Kuleshov et al. 2018).

The mean over the levels .05, .10, …, .95 of |share − level|. It is 0 also for a prediction that is
the same for every clip, so a score such as CRPS stands beside it.
"""

import numpy as np

from harness.evaluation.measures.sums import Array, Speakers, checked, per_speaker

__all__ = ["LEVELS", "finish", "sums"]

LEVELS = np.arange(1, 20) / 20


def sums(cdf: Array, speakers: Speakers) -> Array:
    """Clips of each speaker, and how many of their labels are below each predicted quantile.

    `cdf` [clips, targets]: the predicted probability of a label as low as the one that is there →
    [speakers, targets, 20].
    """
    below = checked(cdf)[..., np.newaxis] <= LEVELS
    return per_speaker(below.astype(np.float64), speakers)


def finish(sums: Array) -> Array:
    """The mean over levels: [..., 20] → [...]."""
    shares = sums[..., 1:] / sums[..., :1]
    return np.abs(shares - LEVELS).mean(axis=-1)
