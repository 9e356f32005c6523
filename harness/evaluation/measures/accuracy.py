"""Accuracy: the share of clips whose class is predicted, higher is better."""

import numpy as np
from numpy.typing import NDArray

from harness.evaluation.measures.sums import Array, Speakers, counted
from harness.evaluation.measures.sums import mean as finish

__all__ = ["finish", "sums"]


def sums(labels: NDArray, predictions: NDArray, speakers: Speakers) -> Array:
    """Clips and hits of each speaker: classes [clips, targets] → [speakers, targets, 2]."""
    hits = np.asarray(labels) == np.asarray(predictions)
    return counted(hits.astype(np.float64), speakers)
