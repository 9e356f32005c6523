"""Corpora with a known truth: per-speaker moments of two systems, drawn from a clip-level model.

Of speaker j, emotion t, clip i, system a and seed s, label x and prediction y are

    x = u_jt + e_ijt
    y = (b_at + r_ast + c_ajt + h_asjt) x + v_jt + w_ajt + k_asjt + m_ijt + n_asijt

with all but the slopes b normal: r over seeds, c, h, v, w, k over speakers, e, m, n over clips
(m common to both systems and all seeds). CCC needs the sums of x, y and their products only, and
their joint law given the effects is that of a Wishart matrix, so no clip is drawn: a corpus of
Hume-VB's size with eight seeds takes milliseconds and has exactly the clip-level model's law.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.stats import gamma

from harness.evaluation.ccc import Array

EMOTIONS = 10
SLOPES = np.linspace(0.45, 0.75, EMOTIONS)  # Ĉ about .61, as for ResNet 18 in the paper
LABEL = 0.2  # share of the labels' variance that is between speakers; the labels' variance is 1
SLOPE, SLOPE_BY_SEED = 0.2, 0.05  # sd of c and h
SHARED, OWN, OWN_BY_SEED = 0.2, 0.15, 0.05  # sd of v, w and k
NOISE, NOISE_BY_SEED = 0.5, 0.35  # sd of m and n
COMMON = 0.5  # share of an effect's variance that all emotions have in common
NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(20)


@dataclass(frozen=True)
class World:
    """Sizes and the truth: `gain` is the true difference of Ĉ, the first system's minus the
    second's; `seed_sd` the standard deviation of that difference over seeds.
    """

    speakers: int
    clips: int
    seed_sd: float
    gain: float


def clips_by_speaker(world: World) -> NDArray[np.int64]:
    """How many clips each speaker has: quantiles of a gamma law of shape 4, at least 4 clips."""
    shares = gamma.ppf((np.arange(world.speakers) + 0.5) / world.speakers, 4)
    spare = world.clips - 4 * world.speakers
    ends = np.round(spare * np.cumsum(shares) / shares.sum()).astype(np.int64)
    return 4 + np.diff(ends, prepend=0)


def true_ccc(slopes: Array, slope_sd: float) -> Array:
    """CCC of infinitely many speakers, averaged over infinitely many seeds: slopes [...] → [...].

    Given a seed the labels have mean 0 and variance 1, the covariance is the slope, and what is
    left of the predictions' variance does not depend on it; over seeds a Gauss-Hermite sum.
    """
    slope = np.asarray(slopes)[..., np.newaxis] + slope_sd * NODES
    each = 2 * slope / (1 + slope**2 + _rest())
    return each @ WEIGHTS / WEIGHTS.sum()


def true_slopes(world: World) -> Array:
    """Slopes b [2, emotions] at which the true difference of Ĉ is `world.gain`."""
    sd = slope_sd(world.seed_sd)
    below = true_ccc(SLOPES, sd).mean()

    def missing(shift: float) -> float:
        return float(true_ccc(SLOPES + shift, sd).mean() - below - world.gain)

    shift = brentq(missing, -0.3, 0.3, xtol=1e-14) if world.gain else 0.0
    return np.stack([SLOPES + shift, SLOPES])


def slope_sd(seed_sd: float) -> float:
    """sd of r at which two systems' difference of Ĉ has (to first order) this sd over seeds."""
    rest = _rest()
    steep = 2 * (1 + rest - SLOPES**2) / (1 + rest + SLOPES**2) ** 2
    common, own = COMMON * steep.mean() ** 2, (1 - COMMON) * (steep**2).sum() / EMOTIONS**2
    return float(seed_sd / np.sqrt(2 * (common + own)))


def draw(world: World, seeds: int, rng: np.random.Generator) -> Array:
    """One corpus: moments [2 systems, seeds, speakers, emotions, 6] as harness.evaluation.ccc's."""
    n = clips_by_speaker(world)[:, np.newaxis].astype(np.float64)  # [speakers, 1]
    case, cells = (world.speakers, EMOTIONS), (2, seeds, world.speakers, EMOTIONS)
    # Bartlett: the columns 1, e, m, n of all clips as a triangle in an orthonormal basis
    one, e1, m1, m2 = np.sqrt(n), *rng.standard_normal((3, *case))
    e2, m3 = (np.sqrt(rng.chisquare(n - k, case)) for k in (1, 2))
    n1, n2, n3 = rng.standard_normal((3, *cells))
    own = rng.chisquare(n - 3, cells)

    x1 = np.sqrt(LABEL) * _effect(rng, 1, case) * one + np.sqrt(1 - LABEL) * e1
    x2 = np.sqrt(1 - LABEL) * e2
    slope = (
        true_slopes(world)[:, np.newaxis, np.newaxis]
        + _effect(rng, slope_sd(world.seed_sd), (2, seeds, 1, EMOTIONS))
        + _effect(rng, SLOPE, (2, 1, *case))
        + _effect(rng, SLOPE_BY_SEED, cells)
    )
    offset = (
        _effect(rng, SHARED, case)
        + _effect(rng, OWN, (2, 1, *case))
        + _effect(rng, OWN_BY_SEED, cells)
    )
    y1 = slope * x1 + offset * one + NOISE * m1 + NOISE_BY_SEED * n1
    y2 = slope * x2 + NOISE * m2 + NOISE_BY_SEED * n2
    y3 = NOISE * m3 + NOISE_BY_SEED * n3
    moments = np.empty((*cells, 6))
    moments[..., 0], moments[..., 1], moments[..., 2] = n, one * x1, one * y1
    moments[..., 3] = x1**2 + x2**2
    moments[..., 4] = y1**2 + y2**2 + y3**2 + NOISE_BY_SEED**2 * own
    moments[..., 5] = x1 * y1 + x2 * y2
    return moments


def _effect(rng: np.random.Generator, sd: float, shape: tuple[int, ...]) -> Array:
    """Normal effects [..., emotions] of this sd, a share of their variance common to emotions."""
    common, own = rng.standard_normal((*shape[:-1], 1)), rng.standard_normal(shape)
    return sd * (np.sqrt(COMMON) * common + np.sqrt(1 - COMMON) * own)


def _rest() -> float:
    """Variance of the predictions beyond slope² given a seed."""
    parts = (SLOPE, SLOPE_BY_SEED, SHARED, OWN, OWN_BY_SEED, NOISE, NOISE_BY_SEED)
    return float(sum(sd**2 for sd in parts))
