import numpy as np
import pandas as pd
import pytest

from harness.corpora.synthesis import landmarks, ratings


def meanings(clips: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.array([ratings.meaning(rng) for _ in range(clips)])


def naive_rating(perceived: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """One rater's ten answers on one clip, answer by answer."""
    bias = rng.normal(0, 0.10)
    answers = []
    for intensity in perceived:
        answer = intensity + bias + rng.normal(0, 0.25)
        if rng.random() < 0.35 * (1 - intensity):
            answer = 0.0
        answers.append(min(max(answer, 0.0), 1.0))
    return np.array(answers)


def naive_ccc(x: np.ndarray, y: np.ndarray) -> float:
    covariance = sum((a - x.mean()) * (b - y.mean()) for a, b in zip(x, y, strict=True)) / len(x)
    return 2 * covariance / (x.var() + y.var() + (x.mean() - y.mean()) ** 2)


def labels(perceived: np.ndarray, raters: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.array([ratings.label(clip, raters, rng) for clip in perceived])


def test_meaning_peaks_within_its_strengths() -> None:
    peaks = meanings(500).max(axis=1)
    assert peaks.min() >= 0.35
    assert peaks.max() <= 0.95


def test_expected_rating_is_the_mean_of_many_naive_raters() -> None:
    rng = np.random.default_rng(3)
    clip = meanings(1, seed=5)[0]
    many = np.mean([naive_rating(clip, rng) for _ in range(6000)], axis=0)
    np.testing.assert_allclose(ratings.expected_rating(clip), many, atol=0.015)


def test_largest_label_is_exactly_one() -> None:
    assert (labels(meanings(300), 2, seed=1).max(axis=1) == 1.0).all()


def test_a_clip_nobody_ticked_goes_to_fresh_raters() -> None:
    label = ratings.label(np.full(10, -0.3), 2, np.random.default_rng(0))
    assert label.max() == 1.0


def test_normalised_leaves_zeros() -> None:
    assert (ratings.normalised(np.zeros((2, 10))) == 0).all()


def test_ceiling_agrees_with_naive_fresh_raters() -> None:
    perceived = meanings(400)
    rng = np.random.default_rng(7)
    fresh = np.array(
        [np.mean([naive_rating(clip, rng) for _ in range(5)], axis=0) for clip in perceived]
    )
    fresh /= fresh.max(axis=1, keepdims=True)
    truth = ratings.expected_rating(perceived)
    truth /= truth.max(axis=1, keepdims=True)
    naive = np.mean([naive_ccc(fresh[:, k], truth[:, k]) for k in range(10)])
    ceiling = landmarks.ceiling(perceived, labels(perceived, 5, seed=8)).mean()
    assert ceiling == pytest.approx(naive, abs=0.02)


def test_ceiling_and_bound_agree_with_split_half_reliability() -> None:
    perceived = meanings(1500)
    one, other = labels(perceived, 5, seed=1), labels(perceived, 5, seed=2)
    halves = [np.corrcoef(one[:, k], other[:, k])[0, 1] for k in range(10)]
    expected = np.sqrt(np.mean(halves))
    bound = landmarks.bound(perceived, one, 5, np.random.default_rng(3)).mean()
    assert landmarks.ceiling(perceived, one).mean() == pytest.approx(expected, abs=0.03)
    assert bound == pytest.approx(expected, abs=0.01)


def test_more_raters_raise_the_ceiling() -> None:
    perceived = meanings(800)
    ceilings = [
        landmarks.ceiling(perceived, labels(perceived, k, seed=1)).mean() for k in (3, 5, 10, 30)
    ]
    assert ceilings == sorted(ceilings)
    assert ceilings[1] == pytest.approx(0.845, abs=0.02)
    assert ceilings[3] > 0.95


def test_confusion_keeps_the_emotion_itself() -> None:
    confusion = ratings.confusion(np.random.default_rng(0), 4)
    own = np.diagonal(confusion, axis1=1, axis2=2)
    assert (own == 1).all()
    assert (confusion.sum(axis=2) <= 1.2).all()


def test_concordance_is_the_naive_one() -> None:
    rng = np.random.default_rng(0)
    x = rng.random((50, 3))
    y = 0.5 * x + 0.3 * rng.random((50, 3))
    naive = [naive_ccc(x[:, k], y[:, k]) for k in range(3)]
    np.testing.assert_allclose(landmarks.concordance(x, y), naive)
    assert (landmarks.concordance(np.ones((4, 2)), np.ones((4, 2))) == 0).all()


def test_others_mean_leaves_the_clip_itself_out() -> None:
    label = np.array([[1.0], [3.0], [5.0], [9.0]])
    others = landmarks.others_mean(label, pd.Series(["a", "a", "a", "b"]))
    np.testing.assert_allclose(others[:, 0], [4.0, 3.0, 2.0, 4.5])
