"""harness.evaluation.weighed: the worst emotion and the weights of rows, from files by hand."""

import numpy as np
import pytest
from scipy import stats

from harness.errors import RunError
from harness.evaluation.weighed import entropy, sentences, weighed

TARGETS = ["Awe", "Fear"]
SCORES = """row,seed,selection,target,ccc
terms,1,last,Awe,0.4
terms,1,last,Fear,0.1
terms,1,best,Fear,0.9
terms,1,best,Awe,0.2
terms,2,last,Awe,0.2
terms,2,last,Fear,0.3
terms,2,best,Fear,0.9
terms,2,best,Awe,0.3
emotions,1,last,Awe,0.5
emotions,1,last,Fear,0.6
"""
HISTORY = """row,seed,epoch,weight_ccc,weight_barlow_twins,weight_Awe,weight_Fear,held_out_ccc
terms,1,1,1.0,1.0,,,
terms,1,2,2.0,0.02,,,
terms,2,1,1.0,1.0,,,
terms,2,2,1.0,0.03,,,
emotions,1,1,1.0,,0.5,0.5,0.35
emotions,1,2,1.0,,0.9,0.1,0.25
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "scores.csv").write_text(SCORES)
    (tmp_path / "history.csv").write_text(HISTORY)
    return tmp_path


def test_the_worst_emotion_is_that_of_the_reported_epoch_in_the_mean_over_seeds(folder):
    last = weighed(folder, {"terms": "last", "emotions": "last"}, TARGETS)
    assert (last["terms"].worst, last["terms"].worst_ccc) == ("Fear", pytest.approx(0.2))
    assert (last["emotions"].worst, last["emotions"].worst_ccc) == ("Awe", pytest.approx(0.5))
    best = weighed(folder, {"terms": "best"}, TARGETS)["terms"]
    assert (best.worst, best.worst_ccc) == ("Awe", pytest.approx(0.25))


def test_weights_are_those_of_the_last_epoch_and_of_the_emotions_where_a_rule_weighs_them(folder):
    found = weighed(folder, {"terms": "last", "emotions": "last"}, TARGETS)
    of_terms = [stats.entropy([2, 0.02], base=2), stats.entropy([1, 0.03], base=2)]
    assert found["terms"].entropy == pytest.approx(np.mean(of_terms), rel=1e-5)
    assert found["emotions"].entropy == pytest.approx(stats.entropy([0.9, 0.1], base=2), rel=1e-5)
    assert (found["terms"].twins, found["emotions"].twins) == (pytest.approx(0.02), None)
    assert (found["terms"].held_out, found["emotions"].held_out) == (None, pytest.approx(0.35))


@pytest.mark.parametrize("weights", [[1, 1, 1], [3, 2, 0.001], [0, 5, 0], [1e-9, 1e9]])
def test_entropy_is_scipys_over_that_of_even_weights(weights):
    expected = stats.entropy(weights, base=len(weights))
    assert entropy(weights) == pytest.approx(expected, abs=1e-12)
    assert entropy([7 * weight for weight in weights]) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("weights", [[], [1.0], [0.0, 0.0], [1.0, -1.0], [1.0, float("nan")]])
def test_weights_without_shares_have_no_entropy(weights):
    assert entropy(weights) is None


def test_the_caption_tells_what_rules_do_to_barlow_twins_and_what_held_out_speakers_say(folder):
    text = " ".join(sentences(weighed(folder, {"terms": "last", "emotions": "last"}, TARGETS)))
    assert "relative to that of the clean view's CCC: terms 0.02." in text
    assert "held-out train speakers: emotions 0.350." in text


def test_a_row_that_was_not_collected_is_named(folder):
    with pytest.raises(RunError, match="row 'gone'"):
        weighed(folder, {"gone": "last"}, TARGETS)
    (folder / "history.csv").unlink()
    with pytest.raises(RunError, match=r"history\.csv is missing"):
        weighed(folder, {"terms": "last"}, TARGETS)
