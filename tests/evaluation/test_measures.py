"""Measures against naive loops, and through every test of significance."""

import math

import numpy as np
import pytest
import scipy.integrate
import scipy.stats

from harness.errors import RunError
from harness.evaluation.bootstrap import leave_one_out, resampled_scores
from harness.evaluation.ccc import mean_ccc
from harness.evaluation.measures import accuracy, ccc, crps, nll
from harness.evaluation.measures.sums import mean_score
from harness.evaluation.permutation import swapped_differences
from harness.evaluation.significance import comparisons, gather, headline, scores

SPEAKERS = np.array([f"s{i % 7}" for i in range(70)])
RNG = np.random.default_rng(0)
LABELS = RNG.random((70, 3))
MEANS = LABELS + 0.2 * RNG.normal(size=(2, 3, 70, 3))  # [rows, seeds, clips, targets]
MEANS[1] += 0.5
SDS = 0.1 + 0.2 * RNG.random((2, 3, 70, 3))


def naive_nll(y, mean, sd):
    return -math.log(math.exp(-((y - mean) ** 2) / (2 * sd**2)) / (sd * math.sqrt(2 * math.pi)))


def naive_crps(y, mean, sd):
    """The definition's integral, in two parts because it has a jump at y."""

    def below(x):
        return scipy.stats.norm.cdf(x, mean, sd) ** 2

    def above(x):
        return scipy.stats.norm.sf(x, mean, sd) ** 2

    ends = min(y, mean) - 12 * sd, max(y, mean) + 12 * sd
    parts = ((below, ends[0], y), (above, y, ends[1]))
    return sum(scipy.integrate.quad(*part, points=[mean], limit=200)[0] for part in parts)


def naive_accuracy(y, mean, _):
    return float((y > 0.5) == (mean > 0.5))


def classes(labels, means, _, speakers):
    return accuracy.sums(labels > 0.5, means > 0.5, speakers)


CASES = {
    "accuracy": (classes, accuracy.finish, naive_accuracy),
    "nll": (nll.sums, nll.finish, naive_nll),
    "crps": (crps.sums, crps.finish, naive_crps),
}


def naive(one, row, seed, clips):
    """The mean over targets of the mean over these clips, a clip drawn twice counted twice."""
    by_target = []
    for target in range(3):
        values = [
            one(LABELS[c, target], MEANS[row, seed, c, target], SDS[row, seed, c, target])
            for c in clips
        ]
        by_target.append(sum(values) / len(values))
    return sum(by_target) / 3


def sums_of(sums):
    return np.array(
        [
            [sums(LABELS, m, sd, SPEAKERS) for m, sd in zip(*row, strict=True)]
            for row in zip(MEANS, SDS, strict=True)
        ]
    )


@pytest.mark.parametrize("name", CASES)
def test_a_measure_is_the_mean_of_a_naive_loop_over_clips(name):
    sums, finish, one = CASES[name]
    found = mean_score(sums_of(sums), finish)
    assert found[1, 2] == pytest.approx(naive(one, 1, 2, range(70)), abs=1e-7)


@pytest.mark.parametrize("name", ["accuracy", "nll"])
def test_resamples_swaps_and_what_is_left_are_the_loop_on_the_clips_that_they_mean(name):
    sums, finish, one = CASES[name]
    every, names = sums_of(sums), np.unique(SPEAKERS)
    weights = np.random.default_rng(1).multinomial(7, np.full(7, 1 / 7), size=3)
    drawn = resampled_scores(every, weights, finish)
    for r, weight in enumerate(weights):
        times = weight[np.searchsorted(names, SPEAKERS)]
        clips = np.repeat(np.arange(70), times)
        assert drawn[r, 1, 0] == pytest.approx(naive(one, 1, 0, clips), abs=1e-12)
    left = np.flatnonzero(SPEAKERS != "s3")
    assert leave_one_out(every, finish)[0, 1, 3] == pytest.approx(naive(one, 0, 1, left), abs=1e-12)
    pattern = np.array([[0, 0, 1, 0, 0, 1, 0]])
    swapped = np.isin(SPEAKERS, ["s2", "s5"])
    found = swapped_differences(every[0], every[1], pattern, finish)[0, 2]
    shares = swapped.mean()
    sides = [
        [naive(one, row, 2, np.flatnonzero(swapped == other)) for other in (False, True)]
        for row in (0, 1)
    ]
    kept, moved = sides[0][0] - sides[1][0], sides[1][1] - sides[0][1]
    assert found == pytest.approx((1 - shares) * kept + shares * moved, abs=1e-12)


@pytest.mark.parametrize("name", CASES)
def test_every_test_of_significance_takes_the_measure(name):
    sums, finish, _ = CASES[name]
    every = sums_of(sums)
    evidence = gather(every, 300, 0.95, np.random.default_rng(0), finish)
    observed = mean_score(every, finish).mean(axis=1)
    assert [row["ccc"] for row in scores(evidence)] == pytest.approx(observed.tolist())
    found = comparisons(evidence, {"other": [None, 0]})[1]["other"]
    assert found["difference"] == pytest.approx(observed[1] - observed[0])
    assert found["low"] < found["difference"] < found["high"]
    assert found["p"] == headline(every[1], every[0], 0.95, finish=finish).p
    tests = found["tests"]
    assert tests["fisher z"]["p"] is None  # of correlations alone
    assert tests["bootstrap"]["low"] < found["difference"] < tests["bootstrap"]["high"]
    over = ("mrmc", "permutation", "sign flip", "t")
    assert all(0 < tests[test]["p"] <= 1 for test in over)
    if name != "accuracy":  # the second row is off by half a unit
        assert found["low"] > 0


def test_ccc_is_a_measure_like_the_others():
    found = np.array([ccc.sums(LABELS, means, SPEAKERS) for means in MEANS[0]])
    assert mean_score(found, ccc.finish).tolist() == mean_ccc(found).tolist()


def naive_sample(y, values, weights):
    near = sum(w * abs(v - y) for v, w in zip(values, weights, strict=True))
    pairs = [
        w * u * abs(v - x)
        for v, w in zip(values, weights, strict=True)
        for x, u in zip(values, weights, strict=True)
    ]
    return near - sum(pairs) / 2


def test_crps_of_draws_and_of_bins_is_the_double_sum_over_pairs():
    draws = RNG.normal(size=(4, 3, 6))
    even = [1 / 6] * 6
    found = crps.sample(LABELS[:4], draws)
    expected = [[naive_sample(LABELS[c, t], draws[c, t], even) for t in range(3)] for c in range(4)]
    assert found == pytest.approx(np.array(expected), abs=1e-12)
    centres, shares = np.linspace(0.1, 0.9, 5), RNG.dirichlet(np.ones(5), size=(4, 3))
    found = crps.sample(LABELS[:4], centres, shares)
    expected = [
        [naive_sample(LABELS[c, t], centres, shares[c, t]) for t in range(3)] for c in range(4)
    ]
    assert found == pytest.approx(np.array(expected), abs=1e-12)


def test_many_draws_of_a_normal_law_have_its_crps():
    draws = 0.3 + 0.2 * scipy.stats.norm.ppf((np.arange(20_000) + 0.5) / 20_000)
    assert crps.sample(np.array(0.45), draws) == pytest.approx(
        crps.gaussian(np.array(0.45), 0.3, np.array(0.2)), abs=1e-5
    )


def test_without_spread_crps_is_the_absolute_error():
    assert crps.sample(LABELS, np.full((70, 3, 4), 0.3)) == pytest.approx(np.abs(LABELS - 0.3))
    narrow = crps.gaussian(LABELS, 0.3, np.full((70, 3), 1e-9))
    assert narrow == pytest.approx(np.abs(LABELS - 0.3), abs=1e-8)


def test_an_sd_that_is_none_and_a_value_that_is_no_number_are_named():
    sd = np.full((70, 3), 0.1)
    sd[4, 1] = 0
    for measure in (nll, crps):
        with pytest.raises(RunError, match=r"deviation is 0\.0; a likelihood needs one above 0"):
            measure.sums(LABELS, MEANS[0, 0], sd, SPEAKERS)
    means = MEANS[0, 0].copy()
    means[4, 1] = np.nan
    with pytest.raises(RunError, match="clip number 5 has nan for target number 2"):
        nll.sums(LABELS, means, np.full((70, 3), 0.1), SPEAKERS)
