"""Concordance correlation coefficient (Lin 1989), from clips or from sums over them.

ρ_c = 2 cov(x, y) / (var x + var y + (mean x − mean y)²), with x the labels and y the predictions
(Eq. 1 of the paper). Variances and covariance all divide by n, as in Lin's estimator. The script of
ExVo 2022 (EvalMetrics.CCC in HumeAI/competitions) divides the variances by n − 1 and rounds to four
decimals: its CCC is lower by at most |ccc| / n, and rounding adds 5e-5.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import RunError

Array = NDArray[np.float64]

MOMENTS = ("n", "sum x", "sum y", "sum xx", "sum yy", "sum xy")
ROUNDING = 1e-13  # a spread below this share of the mean square is float64 rounding, not spread


def ccc(labels: Array, predictions: Array, targets: Sequence[str] = ()) -> Array:
    """CCC of each column, in [-1, 1]: arrays [clips, targets] → [targets].

    Constant labels or constant predictions give 0; labels and predictions that are the same
    constant agree fully and give 1. Raises RunError for a NaN, infinity, or unequal shapes;
    `targets` are the columns' names for that message.
    """
    labels, predictions = _checked(labels, predictions, targets)
    x_mean, y_mean = labels.mean(axis=0), predictions.mean(axis=0)
    x, y = labels - x_mean, predictions - y_mean
    spread = (x * x).mean(axis=0) + (y * y).mean(axis=0) + (x_mean - y_mean) ** 2
    size = (labels * labels).mean(axis=0) + (predictions * predictions).mean(axis=0)
    return _ratio(2 * (x * y).mean(axis=0), spread, size)


def moments(
    labels: Array,
    predictions: Array,
    speakers: Sequence[str] | NDArray[Any],
    targets: Sequence[str] = (),
) -> Array:
    """What CCC needs of each speaker: [speakers, targets, 6], the sums named in `MOMENTS`.

    `labels` and `predictions`: [clips, targets]; `speakers`: one name a clip, the result is in
    the order of `np.unique(speakers)`. Both are first centred on the mean label of the target,
    which leaves CCC as it is and keeps the sums of squares exact. Raises RunError as `ccc` does.
    """
    labels, predictions = _checked(labels, predictions, targets)
    centre = labels.mean(axis=0)
    x, y = labels - centre, predictions - centre
    each = np.stack([np.ones_like(x), x, y, x * x, y * y, x * y], axis=-1)
    return by_speaker(each, speakers)


def by_speaker(each: Array, speakers: Sequence[str] | NDArray[Any]) -> Array:
    """Sums over the clips of each speaker: [clips, …] → [speakers, …] in `np.unique`'s order."""
    _, speaker = np.unique(np.asarray(speakers), return_inverse=True)
    order = np.argsort(speaker, kind="stable")
    starts = np.flatnonzero(np.diff(speaker[order], prepend=-1))
    return np.add.reduceat(each[order], starts, axis=0)


def ccc_from_moments(sums: Array) -> Array:
    """CCC from sums over clips: [..., 6] as in `MOMENTS` → [...]; constants behave as in `ccc`.

    Sums of several speakers add up, and a speaker drawn k times counts k times.
    """
    n, sum_x, sum_y, sum_xx, sum_yy, sum_xy = np.moveaxis(sums, -1, 0)
    x_mean, y_mean = sum_x / n, sum_y / n
    size = (sum_xx + sum_yy) / n
    covariance = sum_xy / n - x_mean * y_mean
    # var x + var y + (mean x − mean y)², with the squares of the means cancelled
    spread = size - 2 * x_mean * y_mean
    return _ratio(2 * covariance, spread, size)


def mean_ccc(sums: Array) -> Array:
    """Ĉ, the mean CCC over targets (§2.2): moments [..., speakers, targets, 6] → [...]."""
    return ccc_from_moments(sums.sum(axis=-3)).mean(axis=-1)


def _ratio(numerator: Array, spread: Array, size: Array) -> Array:
    same = spread <= ROUNDING * size  # all labels and predictions are one and the same constant
    return np.where(same, 1.0, numerator / np.where(same, 1.0, spread))


def _checked(labels: Array, predictions: Array, targets: Sequence[str]) -> tuple[Array, Array]:
    pair = np.asarray(labels, dtype=np.float64), np.asarray(predictions, dtype=np.float64)
    if pair[0].shape != pair[1].shape or pair[0].ndim != 2 or not len(pair[0]):
        raise RunError(
            f"labels {pair[0].shape} and predictions {pair[1].shape} do not match; "
            "give both as clips × targets, with at least one clip"
        )
    for what, values in zip(("label", "prediction"), pair, strict=True):
        bad = np.argwhere(~np.isfinite(values))
        if len(bad):
            row, column = bad[0]
            name = targets[column] if len(targets) else f"column {column}"
            raise RunError(
                f"the {what} of '{name}' is {values[row, column]} in clip number {row + 1} "
                f"({len(bad)} such values); CCC needs finite numbers"
            )
    return pair
