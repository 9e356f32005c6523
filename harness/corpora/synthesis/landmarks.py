"""Scores to hold a model's against: what is possible, what the voice parameters give, what leaks.

All are CCC = 2·cov / (var + var + (difference of means)²), ddof 0, on the dev split.
"""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from harness.corpora.synthesis import ratings

Array = NDArray[np.float64]
LABELLINGS = 200  # fresh labellings of each clip whose mean stands for the expected label
PENALTY = 10.0  # of the oracle's ridge, on standardised inputs


def ceiling(perceived: Array, labels: Array) -> Array:
    """CCC of the label that infinitely many raters would give with the published one, (10,)."""
    return concordance(labels, ratings.normalised(ratings.expected_rating(perceived)))


def bound(perceived: Array, labels: Array, raters: int, rng: np.random.Generator) -> Array:
    """The highest CCC that any function of the clips can expect, (10,).

    That is the correlation of the label with its expectation, reached by rescaling the latter;
    it exceeds `ceiling`, because few raters shift and stretch a label divided by its largest.
    """
    total = np.zeros_like(labels)
    for _ in range(LABELLINGS):
        total += ratings.normalised(ratings.mean_rating(perceived, raters, rng))
    best = total / LABELLINGS
    best = (best - best.mean(axis=0)) / np.maximum(best.std(axis=0), 1e-12)
    return concordance(labels, best * labels.std(axis=0) + labels.mean(axis=0))


def ridge(x: Array, y: Array, new: Array, penalty: float = PENALTY) -> Array:
    """Predictions (m, 10) at `new` (m, d) of a ridge fitted on standardised x (n, d) and y."""
    mean, spread = x.mean(axis=0), np.maximum(x.std(axis=0), 1e-12)
    z = (x - mean) / spread
    weights = np.linalg.solve(z.T @ z + penalty * np.eye(z.shape[1]), z.T @ (y - y.mean(axis=0)))
    return np.asarray(np.clip((new - mean) / spread @ weights + y.mean(axis=0), 0, 1))


def others_mean(labels: Array, speakers: pd.Series) -> Array:
    """For each clip the mean label of its speaker's other clips, or of all clips if it has none."""
    table = pd.DataFrame(labels).groupby(speakers.to_numpy())
    total, size = table.transform("sum").to_numpy(), table.transform("size").to_numpy()[:, None]
    return np.where(size > 1, (total - labels) / np.maximum(size - 1, 1), labels.mean(axis=0))


def concordance(truth: Array, prediction: Array) -> Array:
    """CCC of each column of two (n, c) arrays, (c,); 0 where neither varies and the means agree."""
    offset = truth.mean(axis=0) - prediction.mean(axis=0)
    together = (truth - truth.mean(axis=0)) * (prediction - prediction.mean(axis=0))
    below = truth.var(axis=0) + prediction.var(axis=0) + offset**2
    return np.asarray(2 * together.mean(axis=0) / np.where(below > 0, below, 1.0))


def summary(scores: Array) -> dict[str, Any]:
    """Scores (10,) as `{mean, per_target}`, for corpus.json."""
    each = [round(float(score), 4) for score in scores]
    per_target = dict(zip(ratings.EMOTIONS, each, strict=True))
    return {"mean": round(float(scores.mean()), 4), "per_target": per_target}
