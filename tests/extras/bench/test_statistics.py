"""harness.extras.bench.statistics: ours, the loop and scipy's give the same Ĉ."""

import numpy as np
import pytest

from harness.extras.bench import statistics


@pytest.fixture
def data():
    return statistics.study(rows=2, seeds=2, clips=40, speakers=6, targets=3)


def test_ours_and_the_loop_score_the_same_resamples_alike(data):
    drawn = np.random.default_rng(1).integers(6, size=(25, 6))
    weights = np.array([np.bincount(row, minlength=6) for row in drawn])
    ours = statistics.scored(statistics.sums(data), weights)
    assert ours.shape == (25, 2, 2)
    np.testing.assert_allclose(statistics.looped(data, drawn), ours, rtol=1e-9)


def test_scipys_distribution_is_that_of_ours(data):
    theirs = np.array(statistics.by_scipy(data, 2000)).reshape(2, 2, -1)
    ours = statistics.vectorised(statistics.sums(data), 2000)
    assert theirs.shape == (2, 2, 2000)
    np.testing.assert_allclose(ours.mean(axis=0), theirs.mean(axis=2), atol=0.02)
    np.testing.assert_allclose(ours.std(axis=0), theirs.std(axis=2), rtol=0.15)


def test_every_speaker_has_a_clip(data):
    assert set(data.speakers) == set(range(6))
