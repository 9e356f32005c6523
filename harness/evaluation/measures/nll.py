"""Negative log-likelihood of the labels under normal predictions, in nats, lower is better."""

import numpy as np

from harness.errors import RunError
from harness.evaluation.measures.sums import Array, Speakers, counted
from harness.evaluation.measures.sums import mean as finish

__all__ = ["finish", "sums"]


def sums(labels: Array, mean: Array, sd: Array, speakers: Speakers) -> Array:
    """Clips and −log N(label; mean, sd²) of each speaker, all [clips, targets] → [speakers,
    targets, 2]. Raises RunError for an sd that is not above 0.
    """
    sd = positive(sd)
    z = (np.asarray(labels) - mean) / sd
    return counted(z**2 / 2 + np.log(sd) + np.log(2 * np.pi) / 2, speakers)


def positive(sd: Array) -> Array:
    """Standard deviations as they are; RunError where one is not above 0."""
    sd = np.asarray(sd, dtype=np.float64)
    if not (sd > 0).all():
        raise RunError(f"a standard deviation is {sd.min()}; a likelihood needs one above 0")
    return sd
