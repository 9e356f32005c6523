import numpy as np
import pytest

from harness.evaluation.mrmc import of_pseudo_values
from harness.extras.simulation import pooling
from harness.extras.simulation.pooling import ROWS, TESTS, each_p, error, p_values, squares


def naive_squares(values):
    """Three interactions of a three-way ANOVA, term by term."""
    rows, seeds, speakers = values.shape

    def mean(a=None, s=None, j=None):
        index = tuple(slice(None) if k is None else k for k in (a, s, j))
        return float(np.mean(values[index]))

    every = range(rows), range(seeds), range(speakers)
    by_seed = by_speaker = rest = 0.0
    for a in every[0]:
        for s in every[1]:
            by_seed += (mean(a, s) - mean(a) - mean(s=s) + mean()) ** 2
        for j in every[2]:
            by_speaker += (mean(a, j=j) - mean(a) - mean(j=j) + mean()) ** 2
        for s in every[1]:
            for j in every[2]:
                left = values[a, s, j] - mean(a, s) - mean(a, j=j) - mean(s=s, j=j)
                rest += (left + mean(a) + mean(s=s) + mean(j=j) - mean()) ** 2
    return (
        speakers * by_seed / ((rows - 1) * (seeds - 1)),
        seeds * by_speaker / ((rows - 1) * (speakers - 1)),
        rest / ((rows - 1) * (seeds - 1) * (speakers - 1)),
    )


def test_squares_are_a_three_way_anovas():
    values = np.random.default_rng(0).normal(size=(4, 3, 5))
    assert tuple(squares(values)) == pytest.approx(naive_squares(values))


def test_of_two_rows_it_is_the_headline():
    rng = np.random.default_rng(1)
    for _ in range(20):
        values = rng.normal(size=(2, 4, 12)) + rng.normal(size=(2, 4, 1))
        difference = values[0].mean() - values[1].mean()
        ours = p_values(difference, squares(values), 4, 12, 3, 2)
        assert float(ours) == pytest.approx(of_pseudo_values(values[0] - values[1], 0.95).p)


def test_a_draw_has_the_errors_of_its_world():
    rng, world = np.random.default_rng(2), pooling.WORLDS["seeds decide"]
    spread = np.array(pooling.SPREADS["a row of each × 3"], dtype=float)
    means = [pooling.drawn(world, spread, 3, rng).mean(axis=(-2, -1)) for _ in range(4)]
    difference = np.concatenate([mean[:, 0] - mean[:, 1] for mean in means])
    assert difference.std() == pytest.approx(error(world, spread, 3), rel=0.05)


def test_all_tests_agree_where_rows_and_seeds_are_many_and_vary_alike():
    values = np.random.default_rng(3).normal(size=(3, ROWS, 200, 6))
    found = each_p(values, 0.02)
    assert set(found) == set(TESTS)
    for test in ("its encoder", "the table", "shrunk"):
        assert found[test] == pytest.approx(found["its pair"], abs=0.12)
