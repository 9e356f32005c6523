import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from harness.evaluation import floors
from harness.evaluation.seeds import sign_flip, t_over_seeds, t_test

values = st.lists(st.integers(-4, 4).map(lambda n: n / 4), min_size=2, max_size=8)


@given(values)
def test_the_sign_flip_is_scipys_paired_permutation_with_all_signs(differences):
    differences = np.array(differences)
    theirs = scipy.stats.permutation_test(
        (differences, np.zeros(len(differences))),
        lambda x, y, axis: np.sum(x - y, axis=axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=np.inf,
    )
    assert sign_flip(differences) == pytest.approx(theirs.pvalue)


@pytest.mark.parametrize(
    ("seeds", "p"), [(1, 1.0), (3, 0.25), (5, 0.0625), (6, 0.03125), (8, 2**-7)]
)
def test_the_smallest_p_is_that_of_differences_of_one_sign(seeds, p):
    assert floors.exact(seeds) == p
    assert sign_flip(np.linspace(1, 2, seeds)) == p
    assert sign_flip(-np.linspace(1, 2, seeds)) == p


def test_five_seeds_can_never_be_significant():
    assert floors.exact(5) > 0.05 >= floors.exact(6)


def test_no_difference_at_all_has_p_of_one():
    assert sign_flip(np.zeros(4)) == 1
    assert t_over_seeds(np.zeros(4), 0.95) == (1, 0, 0)


def test_more_seeds_than_can_be_flipped_have_no_p():
    assert sign_flip(np.ones(20)) == floors.exact(20)
    assert sign_flip(np.ones(21)) is None


def test_t_is_scipys():
    differences = np.random.default_rng(0).normal(0.5, 1, 7)
    theirs = scipy.stats.ttest_1samp(differences, 0)
    ends = theirs.confidence_interval(0.9)
    assert t_over_seeds(differences, 0.9) == pytest.approx((theirs.pvalue, ends.low, ends.high))


def test_infinite_degrees_of_freedom_are_the_normal_law():
    p, low, high = t_test(1.0, 0.5, float("inf"), 0.95)
    assert p == pytest.approx(2 * scipy.stats.norm.sf(2))
    assert (low, high) == pytest.approx(scipy.stats.norm.interval(0.95, 1, 0.5))
