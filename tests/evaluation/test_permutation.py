import tracemalloc

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from harness.evaluation import permutation
from harness.evaluation.ccc import mean_ccc, moments
from harness.evaluation.permutation import p_permutation, swapped_differences, swaps
from tests.evaluation.systems import cells


def scipys(sums, resamples):
    """scipy's paired permutation of speakers between two rows, all seeds together."""
    speakers = sums.shape[2]

    def difference(first, second):
        rows = sums.transpose(0, 2, 1, 3, 4).reshape(2 * speakers, *sums.shape[1:2], -1, 6)
        ours, theirs = (np.moveaxis(rows[i], 0, 1) for i in (first, second))
        return float(np.mean(mean_ccc(ours) - mean_ccc(theirs)))

    return scipy.stats.permutation_test(
        (np.arange(speakers), np.arange(speakers, 2 * speakers)),
        difference,
        permutation_type="samples",
        vectorized=False,
        n_resamples=resamples,
        rng=np.random.default_rng(0),
    )


@pytest.mark.parametrize("effect", [0.0, 0.4])
def test_all_swaps_give_scipys_exact_p(effect):
    *_, sums = cells(speakers=7, effect=effect)
    theirs = scipys(sums, np.inf)
    pattern, exact = swaps(7, 128, np.random.default_rng(0))
    assert exact
    assert pattern.shape == (128, 7)
    permuted = swapped_differences(sums[0], sums[1], pattern).mean(axis=1)
    assert np.sort(permuted) == pytest.approx(np.sort(theirs.null_distribution), abs=1e-12)
    assert p_permutation(theirs.statistic, permuted, True) == pytest.approx(theirs.pvalue)


def test_random_swaps_give_scipys_p_on_the_same_swaps():
    *_, sums = cells(speakers=12, effect=0.15)
    theirs = scipys(sums, 499)
    assert p_permutation(theirs.statistic, theirs.null_distribution, False) == theirs.pvalue
    pattern, exact = swaps(12, 4095, np.random.default_rng(0))
    assert not exact
    ours = swapped_differences(sums[0], sums[1], pattern).mean(axis=1)
    assert p_permutation(theirs.statistic, ours, exact) == pytest.approx(theirs.pvalue, abs=0.05)


def test_a_swap_is_a_swap_of_the_speakers_predictions():
    labels, predictions, speaker, sums = cells(speakers=5)
    pattern = np.array([[0, 1, 0, 1, 1]])
    swapped = predictions.copy()
    for j in (1, 3, 4):
        swapped[:, :, speaker == j] = predictions[::-1, :, speaker == j]
    for seed, found in enumerate(swapped_differences(sums[0], sums[1], pattern)[0]):
        one, other = (float(mean_ccc(moments(labels, row[seed], speaker))) for row in swapped)
        assert found == pytest.approx(one - other, abs=1e-12)


def test_swaps_in_blocks_are_the_swaps_at_once(monkeypatch):
    *_, sums = cells(speakers=7)
    pattern, _ = swaps(7, 128, np.random.default_rng(0))
    whole = swapped_differences(sums[0], sums[1], pattern)
    monkeypatch.setattr(permutation, "BLOCK", 100)  # two patterns at a time
    assert swapped_differences(sums[0], sums[1], pattern) == pytest.approx(whole, abs=1e-12)


def test_memory_does_not_grow_with_seeds_times_resamples():
    """20,000 swaps of 25 seeds and 10 targets: their sums alone would be 240 MB."""
    sums = np.ones((25, 8, 10, 6)) + np.random.default_rng(0).random((2, 25, 8, 10, 6))
    pattern, _ = swaps(8, 20_000, np.random.default_rng(0))
    tracemalloc.start()
    swapped_differences(sums[0], sums[1], np.resize(pattern, (20_000, 8)))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 150e6


def test_no_swap_is_the_difference_and_all_swaps_its_negative():
    *_, sums = cells(speakers=5)
    none, every = swapped_differences(sums[0], sums[1], np.array([[0] * 5, [1] * 5]))
    assert none == pytest.approx(-every, abs=1e-13)
    assert none == pytest.approx(mean_ccc(sums[0]) - mean_ccc(sums[1]), abs=1e-13)


def test_equal_rows_have_p_of_one():
    *_, sums = cells(rows=1, speakers=6)
    pattern, exact = swaps(6, 64, np.random.default_rng(0))
    permuted = swapped_differences(sums[0], sums[0], pattern)
    assert not permuted.any()
    assert p_permutation(0.0, permuted.mean(axis=1), exact) == 1


@given(st.lists(st.integers(-3, 3), min_size=1, max_size=40), st.integers(-3, 3))
def test_with_ties_p_is_symmetric_and_never_zero(permuted, observed):
    permuted = np.array(permuted, dtype=float)
    p = p_permutation(float(observed), permuted, False)
    assert 2 / (len(permuted) + 1) <= p <= 1
    assert p == p_permutation(-float(observed), -permuted, False)
