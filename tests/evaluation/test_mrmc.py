import numpy as np
import pytest
import scipy.stats

from harness.errors import RunError
from harness.evaluation.ccc import mean_ccc
from harness.evaluation.mrmc import (
    MeanSquares,
    degrees,
    hillis,
    mean_squares,
    mrmc,
    of_pseudo_values,
    pseudo_values,
)
from tests.evaluation.systems import cells
from tests.references import anova


def test_mean_squares_are_a_two_way_anovas():
    values = np.random.default_rng(0).normal(size=(3, 11))
    assert tuple(mean_squares(values)) == pytest.approx(anova.mean_squares(values.tolist()))


def test_pseudo_values_are_the_jackknifes_shifted_to_the_difference():
    labels, predictions, speaker, sums = cells(seeds=2, speakers=4, each=3)
    found = pseudo_values(sums[0], sums[1])
    difference = mean_ccc(sums[0]) - mean_ccc(sums[1])
    assert found.mean(axis=1) == pytest.approx(difference, abs=1e-13)
    for seed in range(2):
        ours, theirs = (predictions[row, seed].tolist() for row in (0, 1))
        naive = anova.pseudo_values(labels.tolist(), ours, theirs, speaker.tolist())
        shift = difference[seed] - np.mean(naive)
        assert found[seed] == pytest.approx(np.array(naive) + shift, abs=1e-11)


def test_the_published_test_follows_from_the_naive_anova():
    """Hillis' F of two modalities, written out: F = t², the same p."""
    *_, sums = cells(seeds=4, speakers=9, effect=0.1)
    values = pseudo_values(sums[0], sums[1])
    # two modalities that differ by `values`: MS of modality × … are half of those of the difference
    ms = [each / 2 for each in anova.mean_squares(values.tolist())]
    seeds, speakers = values.shape
    between = seeds * speakers * values.mean() ** 2 / 2
    error = ms[0] + max(ms[1] - ms[2], 0)
    df = error**2 / (ms[0] ** 2 / (seeds - 1))
    found = mrmc(sums[0], sums[1], 0.9, published=True)
    assert found.df == pytest.approx(df)
    assert found.p == pytest.approx(scipy.stats.f.sf(between / error, 1, df))
    half = scipy.stats.t.ppf(0.95, df) * np.sqrt(2 * error / (seeds * speakers))
    assert (found.low, found.high) == pytest.approx((values.mean() - half, values.mean() + half))


def test_without_variance_over_speakers_it_is_students_t_over_seeds():
    seeds = np.array([0.1, 0.3, -0.1, 0.4])
    found = of_pseudo_values(np.repeat(seeds[:, np.newaxis], 20, axis=1), 0.95)
    theirs = scipy.stats.ttest_1samp(seeds, 0)
    ends = theirs.confidence_interval(0.95)
    assert (found.df, found.p) == pytest.approx((3, theirs.pvalue))
    assert (found.low, found.high) == pytest.approx((ends.low, ends.high))


def test_seeds_that_agree_leave_students_t_over_speakers():
    speakers = np.random.default_rng(0).normal(0.2, 1, 15)
    found = of_pseudo_values(np.repeat(speakers[np.newaxis], 3, axis=0), 0.95)
    assert found.p == pytest.approx(scipy.stats.ttest_1samp(speakers, 0).pvalue)
    assert found.df == 14


def test_degrees_of_freedom_are_between_seeds_and_speakers():
    rng = np.random.default_rng(1)
    for _ in range(200):
        seeds, speakers = rng.integers(3, 9), rng.integers(10, 60)
        ms = MeanSquares(*rng.exponential(size=3))
        found = degrees(ms, int(seeds), int(speakers))
        assert found <= min(hillis(ms, int(seeds)), speakers - 1)
        assert found > 0.5 * (seeds - 1)


def normal_model(seeds, speakers, ratio, draws=40_000):
    """Rejections of mean 0: published and tempered; `ratio`: variance of a seed over speakers'."""
    rng = np.random.default_rng(0)
    both = 0.1
    each = ratio + both, seeds + both, both
    df = seeds - 1, speakers - 1, (seeds - 1) * (speakers - 1)
    ms = [e * rng.chisquare(k, draws) / k for e, k in zip(each, df, strict=True)]
    mean = rng.normal(size=draws) * np.sqrt((each[0] + each[1] - both) / (seeds * speakers))
    rejected = [0, 0]
    for i in range(draws):
        one = MeanSquares(*(float(m[i]) for m in ms))
        error = np.sqrt((one.seeds + max(one.speakers - one.both, 0)) / (seeds * speakers))
        t = abs(mean[i]) / error
        for k, freedom in enumerate((hillis(one, seeds), degrees(one, seeds, speakers))):
            rejected[k] += t > CRITICAL(freedom)
    return [r / draws for r in rejected]


GRID = np.r_[np.linspace(0.5, 10, 400), np.geomspace(10.05, 1e7, 400)]
TABLE = scipy.stats.t.ppf(0.975, GRID)


def CRITICAL(df):
    return np.interp(min(df, 1e7), GRID, TABLE)


@pytest.mark.parametrize("ratio", [0.3, 3, 30])
def test_with_three_seeds_the_tempered_degrees_hold_the_level_where_hillis_do_not(ratio):
    published, tempered = normal_model(3, 30, ratio)
    assert tempered == pytest.approx(0.05, abs=0.01)
    if ratio == 30:
        assert published > 0.07


def test_equal_rows_differ_by_nothing():
    *_, sums = cells(rows=1, seeds=3)
    found = mrmc(sums[0], sums[0], 0.95)
    assert (found.difference, found.low, found.high, found.p) == (0, 0, 0, 1)


def test_sign_and_order_of_seeds_do_not_matter():
    *_, sums = cells(seeds=4)
    one, other = mrmc(sums[0], sums[1], 0.95), mrmc(sums[1], sums[0], 0.95)
    assert (one.p, one.df) == pytest.approx((other.p, other.df))
    assert (one.low, one.high) == pytest.approx((-other.high, -other.low))
    turned = mrmc(sums[0, ::-1], sums[1, ::-1], 0.95)
    assert turned[:-1] == pytest.approx(one[:-1])
    assert turned.squares == pytest.approx(one.squares)


def test_one_speaker_is_named():
    *_, sums = cells(seeds=3)
    with pytest.raises(RunError, match="1 speaker"):
        mrmc(sums[0, :, :1], sums[1, :, :1], 0.95)
