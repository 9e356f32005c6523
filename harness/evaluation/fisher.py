"""Fisher's r-to-z: two coefficients compared as if from independent samples of independent units.

The test behind many "significant" differences of CCC. It is none for them: CCC is not Pearson's r,
Ĉ is a mean of several, the two systems see the same clips, and clips of one speaker are alike.
Here for what a paper prints, where nothing else can be computed; not for predictions at hand.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr, ndtri

from harness.errors import RunError

Array = NDArray[np.float64]


def fisher_z(r1: ArrayLike, r2: ArrayLike, n1: ArrayLike, n2: ArrayLike) -> tuple[Array, Array]:
    """z = (artanh r1 − artanh r2) / √(1/(n1 − 3) + 1/(n2 − 3)) and its two-tailed p (Fisher 1921).

    Coefficients and numbers of units broadcast; NaN stays NaN; equal coefficients give z = 0, also
    at ±1. Raises RunError where one is not in [−1, 1] or a sample has fewer than 4 units.
    """
    with np.errstate(invalid="ignore"):
        rise = np.where(np.equal(r1, r2), 0.0, _artanh(r1) - _artanh(r2))
    z = rise / np.sqrt(_variance(n1) + _variance(n2))
    return z, 2 * ndtr(-np.abs(z))


def fisher_interval(r: ArrayLike, n: ArrayLike, level: float = 0.95) -> tuple[Array, Array]:
    """Interval of a coefficient from n independent units, tanh(artanh r ± z √(1/(n − 3)))."""
    half = quantile(level) * np.sqrt(_variance(n))
    return np.tanh(_artanh(r) - half), np.tanh(_artanh(r) + half)


def detectable(r: ArrayLike, n: ArrayLike, level: float = 0.95, power: float = 0.5) -> Array:
    """Smallest rise over `r` that two samples of n units each find significant with this power.

    Power 0.5 (the default) is the difference that is just significant when it is observed exactly.
    """
    rise = (quantile(level) + ndtri(power)) * np.sqrt(2 * _variance(n))
    return np.tanh(_artanh(r) + rise) - np.asarray(r, dtype=float)


def quantile(level: float) -> float:
    """The |z| beyond which a two-tailed test at this level rejects: 1.96 for 0.95."""
    return float(ndtri((1 + level) / 2))


def _artanh(r: ArrayLike) -> Array:
    r = np.asarray(r, dtype=float)
    if np.any(np.abs(r) > 1):
        raise RunError("Fisher's z is of coefficients; give values from −1 to 1")
    with np.errstate(divide="ignore"):
        return np.arctanh(r)


def _variance(n: ArrayLike) -> Array:
    n = np.asarray(n, dtype=float)
    if np.any(n < 4):
        raise RunError(f"Fisher's z needs at least 4 units, not {n.min():g}; use a larger sample")
    return 1 / (n - 3)
