import audmetric
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import RunError
from harness.evaluation.ccc import ccc, ccc_from_moments, mean_ccc, moments
from tests.references.ccc import challenge_concordance, concordance


def example(clips=200, targets=4, seed=0):
    rng = np.random.default_rng(seed)
    labels = rng.random((clips, targets))
    predictions = 0.5 * labels + 0.3 * rng.random((clips, targets)) + 0.2
    speakers = np.array([f"s{i}" for i in rng.integers(0, 9, clips)])
    return labels, predictions, speakers


@given(st.integers(0, 10_000), st.integers(2, 50))
def test_equals_audmetric_and_the_naive_loop(seed, clips):
    labels, predictions, _ = example(clips, 2, seed)
    found = ccc(labels, predictions)
    for column in range(2):
        x, y = labels[:, column], predictions[:, column]
        assert found[column] == pytest.approx(audmetric.concordance_cc(x, y), abs=1e-12)
        assert found[column] == pytest.approx(concordance(x.tolist(), y.tolist()), abs=1e-12)


def test_a_value_worked_by_hand():
    # means 1 and 2/3, variances 2/3 and 2/9 (÷ n), covariance 1/3: 2/3 / (2/3 + 2/9 + 1/9)
    labels, predictions = np.array([[0.0], [1], [2]]), np.array([[0.0], [1], [1]])
    assert ccc(labels, predictions) == pytest.approx([2 / 3], abs=1e-12)


@given(st.integers(0, 10_000), st.integers(2, 50), st.floats(-9, 9), st.floats(1e-3, 1e3))
def test_perfect_agreement_is_exactly_one(seed, clips, shift, scale):
    labels = shift + scale * example(clips, 3, seed)[0]
    assert ccc(labels, labels).tolist() == [1, 1, 1]


def test_reversal_is_minus_one():
    labels, _, _ = example()
    mirrored = 2 * labels.mean(axis=0) - labels
    assert ccc(labels, mirrored) == pytest.approx(-np.ones(4), abs=1e-12)


def test_is_symmetric():
    labels, predictions, _ = example()
    assert ccc(labels, predictions) == pytest.approx(ccc(predictions, labels), abs=1e-12)


def test_is_invariant_to_a_common_affine_map_but_not_to_one_of_the_predictions():
    labels, predictions, _ = example()
    found = ccc(labels, predictions)
    assert ccc(7 - 3 * labels, 7 - 3 * predictions) == pytest.approx(found, abs=1e-12)
    assert np.all(ccc(labels, predictions + 0.1) < found - 0.01)


def test_constant_predictions_or_labels_score_zero():
    labels, _, _ = example()
    constant = np.full_like(labels, 0.3)
    for pair in ((labels, constant), (constant, labels), (constant, constant + 0.1)):
        assert ccc(*pair) == pytest.approx(np.zeros(4), abs=1e-12)
        sums = moments(*pair, np.zeros(len(labels), dtype=int))
        assert ccc_from_moments(sums[0]) == pytest.approx(np.zeros(4), abs=1e-9)


@pytest.mark.parametrize("value", [0.0, 0.3, 1 / 3, 1.0])
def test_equal_constants_score_one(value):
    constant = np.full((50, 2), value)
    assert ccc(constant, constant).tolist() == [1, 1]
    sums = moments(constant, constant, ["a"] * 50)
    assert ccc_from_moments(sums[0]).tolist() == [1, 1]


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("what", ["label", "prediction"])
def test_values_that_are_not_finite_are_named(bad, what):
    labels, predictions, speakers = example()
    (labels if what == "label" else predictions)[17, 2] = bad
    names = ["awe", "fear", "joy", "pride"]
    with pytest.raises(RunError, match=f"{what} of 'joy' is (nan|inf) in clip number 18"):
        ccc(labels, predictions, names)
    with pytest.raises(RunError, match="'joy'"):
        moments(labels, predictions, speakers, names)


def test_unequal_shapes_and_no_clips_are_errors():
    labels, predictions, _ = example()
    with pytest.raises(RunError, match="do not match"):
        ccc(labels, predictions[:-1])
    with pytest.raises(RunError, match="at least one clip"):
        ccc(labels[:0], predictions[:0])


def test_moments_are_the_sums_of_each_speaker_in_sorted_order():
    labels, predictions, speakers = example()
    sums = moments(labels, predictions, speakers)
    centre = labels.mean(axis=0)
    assert sums.shape == (9, 4, 6)
    for place, speaker in enumerate(sorted(set(speakers))):
        x, y = labels[speakers == speaker] - centre, predictions[speakers == speaker] - centre
        expected = [np.full(4, len(x)), x.sum(0), y.sum(0), (x * x).sum(0), (y * y).sum(0)]
        expected = np.stack([*expected, (x * y).sum(0)], axis=-1)
        assert sums[place] == pytest.approx(expected, abs=1e-10)


def test_ccc_from_moments_equals_ccc_over_leading_axes():
    labels, predictions, speakers = example()
    other = np.sqrt(predictions)
    stacked = np.array([moments(labels, p, speakers) for p in (predictions, other)])
    expected = np.array([ccc(labels, p) for p in (predictions, other)])
    assert ccc_from_moments(stacked.sum(axis=1)) == pytest.approx(expected, abs=1e-12)
    assert mean_ccc(stacked) == pytest.approx(expected.mean(axis=1), abs=1e-12)


def test_moments_stay_exact_far_from_zero():
    labels, predictions, speakers = example()
    far = moments(labels + 1e6, predictions + 1e6, speakers).sum(axis=0)
    assert ccc_from_moments(far) == pytest.approx(ccc(labels, predictions), abs=1e-8)


@pytest.mark.parametrize("clips", [10, 200, 19_396])
@pytest.mark.parametrize("noise", [0.0, 0.1, 1.0])
def test_the_challenges_script_gives_less_by_at_most_a_share_of_one_clip(clips, noise):
    labels, _, _ = example(clips)
    predictions = labels + noise * example(clips, seed=1)[0]
    for exact, x, y in zip(ccc(labels, predictions), labels.T, predictions.T, strict=True):
        shift = exact - challenge_concordance(x.tolist(), y.tolist())
        assert -1e-7 <= shift <= abs(exact) / clips + 1e-7
        if clips == 10:
            assert shift > 0.01 * abs(exact)  # the two are not the same
