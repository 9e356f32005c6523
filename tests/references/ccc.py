"""CCC written out clip by clip: as in Lin (1989), and as in the script of ExVo 2022."""

from statistics import fmean, variance

import numpy as np


def concordance(x: list[float], y: list[float]) -> float:
    n = len(x)
    x_mean = sum(x) / n
    y_mean = sum(y) / n
    x_variance = y_variance = covariance = 0.0
    for a, b in zip(x, y, strict=True):
        x_variance += (a - x_mean) ** 2 / n
        y_variance += (b - y_mean) ** 2 / n
        covariance += (a - x_mean) * (b - y_mean) / n
    return 2 * covariance / (x_variance + y_variance + (x_mean - y_mean) ** 2)


def challenge_concordance(x: list[float], y: list[float]) -> float:
    """Before rounding: variances over n - 1, covariance over n, means in single precision."""
    x_mean, y_mean = float(np.float32(fmean(x))), float(np.float32(fmean(y)))
    covariance = fmean((a - x_mean) * (b - y_mean) for a, b in zip(x, y, strict=True))
    return 2 * covariance / (variance(x) + variance(y) + (x_mean - y_mean) ** 2)
