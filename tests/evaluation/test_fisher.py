"""harness.evaluation.fisher: against scipy's own intervals, closed forms, and simulation."""

import math
from statistics import NormalDist

import numpy as np
import pytest
from scipy.stats import pearsonr

from harness.errors import RunError
from harness.evaluation.fisher import detectable, fisher_interval, fisher_z, quantile


def correlated(r, units, draws, rng):
    """Pearson's r of `draws` bivariate normal samples of true correlation r."""
    x = rng.normal(size=(draws, units))
    y = r * x + math.sqrt(1 - r**2) * rng.normal(size=(draws, units))
    x, y = (v - v.mean(axis=1, keepdims=True) for v in (x, y))
    return (x * y).sum(axis=1) / np.sqrt((x**2).sum(axis=1) * (y**2).sum(axis=1))


def test_a_worked_example():
    z, p = fisher_z(0.5, 0.3, 103, 103)
    expected = (0.5 * math.log(1.5 / 0.5) - 0.5 * math.log(1.3 / 0.7)) / math.sqrt(2 / 100)
    assert z == pytest.approx(expected)
    assert p == pytest.approx(2 * (1 - NormalDist().cdf(expected)))
    assert (round(float(z), 3), round(float(p), 3)) == (1.696, 0.09)


@pytest.mark.parametrize(
    ("ours", "theirs", "z"),
    [
        *((0.628, 0.613, 2.40), (0.634, 0.613, 3.38), (0.634, 0.628, 0.98)),
        *((0.667, 0.655, 2.10), (0.668, 0.655, 2.28), (0.668, 0.667, 0.18)),
        *((0.674, 0.647, 4.72), (0.678, 0.647, 5.44), (0.678, 0.674, 0.73)),
    ],
)
def test_differences_of_table_2_at_19396_clips(ours, theirs, z):
    assert fisher_z(ours, theirs, 19396, 19396)[0] == pytest.approx(z, abs=0.005)


def test_swapping_the_systems_turns_the_sign_and_keeps_p():
    z, p = fisher_z(0.6, 0.5, 50, 80)
    other, same = fisher_z(0.5, 0.6, 80, 50)
    assert z == pytest.approx(-other)
    assert p == pytest.approx(same)
    assert fisher_z(0.5, 0.5, 10, 20) == (0, 1)


def test_perfect_coefficients_give_no_nan():
    assert fisher_z(1.0, 1.0, 10, 10) == (0, 1)
    assert fisher_z(1.0, 0.9, 10, 10)[1] == 0
    assert fisher_z([-1.0], 0.9, 10, 10)[0] == -np.inf


def test_arrays_broadcast_and_nan_stays_nan():
    z, p = fisher_z([0.5, math.nan], [[0.1], [0.2]], 100, [30, 40])
    assert z.shape == p.shape == (2, 2)
    assert np.isnan(z[:, 1]).all()
    assert z[1, 0] == pytest.approx(fisher_z(0.5, 0.2, 100, 30)[0])


@pytest.mark.parametrize("level", [0.9, 0.95, 0.99])
def test_the_interval_is_scipys(level):
    rng = np.random.default_rng(1)
    x = rng.normal(size=40)
    found = pearsonr(x, x + rng.normal(size=40))
    expected = found.confidence_interval(level)
    assert fisher_interval(found.statistic, 40, level) == pytest.approx(tuple(expected))


def test_a_true_null_is_rejected_as_often_as_the_level_says():
    rng = np.random.default_rng(2)
    one, other = (correlated(0.65, n, 20_000, rng) for n in (60, 100))
    rejected = (fisher_z(one, other, 60, 100)[1] < 0.05).mean()
    assert rejected == pytest.approx(0.05, abs=0.006)


@pytest.mark.parametrize("power", [0.5, 0.8])
def test_a_detectable_difference_is_detected_with_its_power(power):
    rng, n, base = np.random.default_rng(3), 200, 0.5
    rise = float(detectable(base, n, power=power))
    ours, theirs = (correlated(r, n, 20_000, rng) for r in (base + rise, base))
    z, _ = fisher_z(ours, theirs, n, n)
    assert (z > quantile(0.95)).mean() == pytest.approx(power, abs=0.015)


def test_the_detectable_difference_is_just_significant():
    rise = detectable(0.65, 19396)
    assert rise == pytest.approx(0.0113, abs=0.0001)
    assert fisher_z(0.65 + rise, 0.65, 19396, 19396)[1] == pytest.approx(0.05)
    assert detectable(0.65, 568) > 5 * rise


@pytest.mark.parametrize(("r", "n", "message"), [(1.1, 10, "from −1 to 1"), (0.5, 3, "not 3")])
def test_what_has_no_z_is_named(r, n, message):
    with pytest.raises(RunError, match=message):
        fisher_z(0.1, r, 10, n)
    with pytest.raises(RunError, match=message):
        fisher_interval(r, n)
