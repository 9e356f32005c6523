"""What single clips do to Ĉ, against the CCC of another library and against plain loops."""

import audmetric
import numpy as np
import pytest

from harness.report.clipwise import added, apart, highest


@pytest.fixture
def data():
    """Labels [clips, targets] and predictions [runs, clips, targets]."""
    rng = np.random.default_rng(4)
    labels = rng.uniform(size=(30, 3))
    return labels, 0.6 * labels + rng.normal(0.1, 0.2, (4, 30, 3))


def test_what_the_clips_add_sums_to_what_the_score_lacks(data):
    labels, predictions = data
    each = [
        audmetric.concordance_cc(labels[:, at], run[:, at])
        for run in predictions
        for at in range(labels.shape[1])
    ]
    assert added(labels, predictions).sum() == pytest.approx(1 - np.mean(each), abs=1e-12)


def test_a_clip_adds_more_the_further_its_predictions_are_from_its_labels(data):
    labels, predictions = data
    errors = [np.abs(predictions[:, clip] - labels[clip]).sum() for clip in range(len(labels))]
    worst = int(np.argmax(errors))
    assert worst in highest(added(labels, predictions), 3)


def test_perfect_predictions_and_equal_constants_add_nothing(data):
    labels, _ = data
    assert not added(labels, labels[np.newaxis]).any()
    constant = np.full((5, 2), 0.3)
    assert not added(constant, constant[np.newaxis]).any()


def test_rows_are_apart_by_the_distance_of_their_mean_predictions():
    one = np.array([[[0.0, 1.0], [0.5, 0.5]], [[0.2, 0.8], [0.5, 0.5]]])
    other = np.array([[[0.5, 0.5], [0.5, 0.0]]])
    assert apart(one, other) == pytest.approx([(0.4 + 0.4) / 2, (0.0 + 0.5) / 2])


def test_the_highest_come_first_and_equal_ones_in_their_order():
    assert highest(np.array([1.0, 3.0, 2.0, 3.0]), 3) == [1, 3, 2]
