"""Fisher's r-to-z: the test that papers on CCC usually mean, kept to compare with.

It is not a valid test of two rows of Table 2: CCC is not Pearson's r, a mean of ten coefficients
even less; both rows see the same clips, which it takes as independent; and clips of one speaker
are not independent of each other.
"""

from typing import Any

import numpy as np
from scipy.special import ndtr

from harness.errors import RunError


def fisher_z(r1: Any, r2: Any, n1: Any, n2: Any) -> tuple[Any, Any]:
    """z and two-sided p of two correlations from independent samples of n1 and n2 (Fisher 1921).

    z = (atanh r1 − atanh r2) / √(1/(n1−3) + 1/(n2−3)); arrays broadcast. Equal correlations give
    z = 0, also at ±1. Raises RunError for a sample of three or fewer, or |r| above 1.
    """
    r1, r2, n1, n2 = (np.asarray(value, dtype=np.float64) for value in (r1, r2, n1, n2))
    if (n1 <= 3).any() or (n2 <= 3).any():
        raise RunError("Fisher's z needs more than three observations in each sample; give more")
    if (np.abs(r1) > 1).any() or (np.abs(r2) > 1).any():
        raise RunError("Fisher's z is of correlations; give values from -1 to 1")
    with np.errstate(divide="ignore", invalid="ignore"):
        apart = np.where(r1 == r2, 0.0, np.arctanh(r1) - np.arctanh(r2))
    z = apart / np.sqrt(1 / (n1 - 3) + 1 / (n2 - 3))
    return z[()], (2 * ndtr(-np.abs(z)))[()]
