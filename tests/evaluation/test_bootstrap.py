from collections import Counter

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import RunError
from harness.evaluation import bootstrap
from harness.evaluation.bootstrap import (
    bca,
    leave_one_out,
    p_bca,
    p_percentile,
    percentile,
    resampled_scores,
    speaker_weights,
)
from harness.evaluation.ccc import mean_ccc, moments
from tests.evaluation.systems import cells
from tests.references.bootstrap import resampled_mean_ccc


def test_resampled_scores_equal_a_loop_over_clips_on_the_same_resamples(monkeypatch):
    monkeypatch.setattr(bootstrap, "BLOCK", 100)  # several blocks, the last one shorter
    labels, predictions, speaker, sums = cells()
    weights = speaker_weights(8, 25, np.random.default_rng(1))
    found = resampled_scores(sums, weights)
    assert found.shape == (25, 2, 2)
    for r, drawn in enumerate(weights):
        for row in range(2):
            for seed in range(2):
                naive = resampled_mean_ccc(
                    labels.tolist(), predictions[row, seed].tolist(), speaker.tolist(), drawn
                )
                assert found[r, row, seed] == pytest.approx(naive, abs=1e-12)


def test_each_speaker_drawn_once_gives_the_score_itself():
    *_, sums = cells()
    once = np.ones((1, 8), dtype=int)
    assert resampled_scores(sums, once)[0] == pytest.approx(mean_ccc(sums), abs=1e-12)


def test_weights_are_multinomial_draws_of_the_speakers():
    weights = speaker_weights(5, 40_000, np.random.default_rng(0))
    assert weights.shape == (40_000, 5)
    assert (weights.sum(axis=1) == 5).all()
    counts = Counter(weights[:, 2].tolist())
    for k in range(4):
        expected = scipy.stats.binom.pmf(k, 5, 1 / 5)
        assert counts[k] / 40_000 == pytest.approx(expected, abs=0.01)
    assert np.cov(weights.T)[0, 1] == pytest.approx(-1 / 5, abs=0.02)


@pytest.mark.parametrize("block", [1, 30, 2**21])
def test_weights_drawn_in_blocks_are_those_drawn_at_once(monkeypatch, block):
    monkeypatch.setattr(bootstrap, "BLOCK", block)
    weights = speaker_weights(7, 100, np.random.default_rng(3))
    drawn = np.random.default_rng(3).integers(7, size=(100, 7))
    assert weights.tolist() == [[row.count(j) for j in range(7)] for row in drawn.tolist()]


def test_one_speaker_cannot_be_resampled():
    with pytest.raises(RunError, match="dev split has 1 speaker"):
        speaker_weights(1, 10, np.random.default_rng(0))


def scipys(sums, method, resamples=2000):
    """scipy.stats.bootstrap over speakers of the difference of two rows of one seed."""

    def difference(drawn):
        return float(mean_ccc(sums[1, 0][drawn]) - mean_ccc(sums[0, 0][drawn]))

    return scipy.stats.bootstrap(
        (np.arange(sums.shape[2]),),
        difference,
        vectorized=False,
        method=method,
        n_resamples=resamples,
        rng=np.random.default_rng(0),
    )


def differences(sums, weights):
    scores = resampled_scores(sums, weights)[:, :, 0]
    without = leave_one_out(sums)[:, 0]
    observed = mean_ccc(sums)[:, 0]
    return [float(observed[1] - observed[0]), scores[:, 1] - scores[:, 0], without[1] - without[0]]


@pytest.mark.parametrize("seed", range(3))
def test_intervals_are_scipys_on_the_same_resamples(seed):
    *_, sums = cells(seeds=1, speakers=20, seed=seed, effect=0.2)
    observed, _, without = differences(sums, np.ones((1, 20), dtype=int))
    for method in ("percentile", "BCa"):
        theirs = scipys(sums, method)
        same = theirs.bootstrap_distribution
        ours = bca(observed, same, without, 0.95) if method == "BCa" else percentile(same, 0.95)
        assert ours == pytest.approx(tuple(theirs.confidence_interval), abs=1e-10)


def test_own_resamples_give_scipys_interval_but_for_chance():
    *_, sums = cells(seeds=1, speakers=20)
    theirs = scipys(sums, "percentile", 3000).confidence_interval
    _, drawn, _ = differences(sums, speaker_weights(20, 3000, np.random.default_rng(1)))
    width = theirs.high - theirs.low
    assert percentile(drawn, 0.95) == pytest.approx(tuple(theirs), abs=0.1 * width)


def test_labels_shared_by_all_cells_change_nothing():
    *_, sums = cells()
    other = sums.copy()
    other[1] = cells(seed=5)[-1][1]  # other labels, as no table has: nothing is shared
    weights = speaker_weights(8, 20, np.random.default_rng(0))
    assert resampled_scores(other, weights)[:, 0] == pytest.approx(
        resampled_scores(sums, weights)[:, 0], abs=1e-13
    )


def test_leaving_one_out_is_dropping_the_clips():
    labels, predictions, speaker, sums = cells()
    found = leave_one_out(sums)
    for j in range(8):
        left = speaker != j
        rest = moments(labels[left], predictions[1, 0][left], speaker[left])
        assert found[1, 0, j] == pytest.approx(float(mean_ccc(rest)), abs=1e-12)
    with pytest.raises(RunError, match="1 speaker; leaving one out"):
        leave_one_out(sums[:, :, :1])


def test_bca_and_its_p_agree_about_zero():
    """p is where the interval's nearer end reaches 0."""
    rng = np.random.default_rng(0)
    without = -rng.exponential(size=30)
    for centre in (0.2, 0.5, 0.9):
        drawn = rng.exponential(size=9999) + centre - 1
        p = p_bca(centre, drawn, without)
        low, high = bca(centre, drawn, without, 1 - p)
        assert min(abs(low), abs(high)) < 0.02


def test_without_bias_and_skewness_bca_is_the_percentile():
    drawn = np.linspace(-1, 3, 4001)
    even = np.array([-1.0, 0, 1])
    assert bca(1.0, drawn, even, 0.9) == pytest.approx(percentile(drawn, 0.9), abs=1e-9)
    assert p_bca(1.0, drawn, even) == pytest.approx(p_percentile(drawn), abs=1e-6)


def test_bca_of_resamples_on_one_side_stays_finite():
    drawn = np.linspace(1, 2, 199)
    for observed in (0.5, 2.5):
        low, high = bca(observed, drawn, np.arange(5.0), 0.95)
        assert 1 <= low <= high <= 2
        assert 0 < p_bca(observed, drawn, np.arange(5.0)) <= 1
    assert bca(1.0, np.ones(99), np.ones(5), 0.95) == (1, 1)
    assert p_bca(0.0, np.zeros(99), np.zeros(5)) == 1


few = st.integers(-3, 3).map(lambda n: n / 2)  # ties and zeros are common


@given(st.lists(few, min_size=1, max_size=60), few, st.lists(few, min_size=2, max_size=9))
def test_with_ties_p_stays_in_range_and_ends_in_order(drawn, observed, without):
    drawn, without = np.array(drawn), np.array(without)
    smallest = 2 / (len(drawn) + 1)
    assert smallest <= p_percentile(drawn) <= 1
    assert p_percentile(drawn) == p_percentile(-drawn)
    assert 0 <= p_bca(observed, drawn, without) <= 1
    low, high = bca(observed, drawn, without, 0.95)
    assert drawn.min() <= low <= high <= drawn.max()


def test_interval_covers_the_middle_share():
    assert percentile(np.arange(101.0), 0.9) == pytest.approx((5, 95))


def test_speakers_are_the_unit_when_clips_of_a_speaker_err_together():
    rng = np.random.default_rng(0)
    speaker = np.repeat(np.arange(12), 30)
    labels = rng.random((360, 1))
    predictions = labels + 0.3 * rng.normal(size=(12, 1))[speaker]

    def width(units):
        sums = moments(labels, predictions, units)[np.newaxis, np.newaxis]
        weights = speaker_weights(len(set(units)), 2000, np.random.default_rng(0))
        low, high = percentile(resampled_scores(sums, weights)[:, 0, 0], 0.95)
        return high - low

    assert width(speaker) > 2 * width(np.arange(360))


def test_p_counts_the_smaller_tail_twice_and_is_never_zero():
    assert p_percentile(np.ones(99)) == pytest.approx(2 / 100)
    assert p_percentile(np.r_[np.ones(95), -np.ones(4)]) == pytest.approx(2 * 5 / 100)
    assert p_percentile(np.r_[np.ones(50), -np.ones(49)]) == 1
    assert p_percentile(np.zeros(99)) == 1


def test_p_is_symmetric_in_sign():
    rng = np.random.default_rng(0)
    differences = rng.normal(0.8, 1, 499)
    assert p_percentile(differences) == p_percentile(-differences)
    assert p_percentile(differences) < 1
