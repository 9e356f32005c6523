"""Tests over seeds alone: they cover training's randomness and hold the dev speakers fixed."""

import numpy as np
from scipy.special import stdtr, stdtrit

from harness.evaluation.ccc import Array

ROUNDING = 1e-12
EXACT = 20  # seeds up to which all sign patterns are enumerated: a million


def sign_flip(differences: Array) -> float | None:
    """Exact two-tailed p of paired differences [seeds] that are symmetric about 0 under the null.

    The share of all 2^n patterns of signs whose sum is at least as far from 0 as the observed one.
    None above 20 seeds, which have too many patterns; `t_over_seeds` is as good there.
    """
    if len(differences) > EXACT:
        return None
    sums = np.zeros(1)
    for each in np.abs(differences):
        sums = np.concatenate([sums + each, sums - each])
    observed = abs(differences.sum())
    return float(np.mean(np.abs(sums) >= observed - ROUNDING * max(1.0, observed)))


def t_over_seeds(differences: Array, level: float) -> tuple[float, float, float]:
    """Student's paired t over [seeds]: (p, low, high) of the mean; needs two seeds or more."""
    n = len(differences)
    mean, error = differences.mean(), differences.std(ddof=1) / np.sqrt(n)
    return t_test(float(mean), float(error), n - 1, level)


def t_test(mean: float, error: float, df: float, level: float) -> tuple[float, float, float]:
    """(p, low, high), two-tailed, of a mean with this standard error; `df` may be infinite.

    Without any error p is 1 for a mean of 0 and otherwise 0.
    """
    if error == 0:
        return float(mean == 0), mean, mean
    df = min(df, 1e10)  # scipy.special.stdtr has no infinity; by then t is normal to 10 digits
    half = float(stdtrit(df, (1 + level) / 2)) * error
    return float(2 * stdtr(df, -abs(mean) / error)), mean - half, mean + half
