"""Pearson's correlation of predicted with true values, e.g. of standard deviations; higher is
better. 0 where either is constant."""

import numpy as np

from harness.evaluation.ccc import ROUNDING, moments
from harness.evaluation.measures.sums import Array, Speakers

__all__ = ["finish", "sums"]


def sums(true: Array, predicted: Array, speakers: Speakers) -> Array:
    """The moments of CCC: [clips, targets] → [speakers, targets, 6]."""
    return moments(true, predicted, speakers)


def finish(sums: Array) -> Array:
    """[..., 6] → [...]."""
    n, x, y, xx, yy, xy = np.moveaxis(sums, -1, 0)
    of_x, of_y = xx / n - (x / n) ** 2, yy / n - (y / n) ** 2
    constant = (of_x <= ROUNDING * xx / n) | (of_y <= ROUNDING * yy / n)
    spread = np.sqrt(np.where(constant, 1.0, of_x * of_y))
    return np.where(constant, 0.0, (xy / n - x / n * y / n) / spread)
