from pathlib import Path

import numpy as np
import pytest
import scipy.stats

from harness.errors import RunError
from harness.evaluation.caption import caption
from harness.evaluation.plateau import FALLING, FLAT, RISING, UNCLEAR, read_curves, trend
from tests.evaluation.test_table import table

EPOCHS = np.arange(1.0, 16)


def curves(slope, jitter, seeds=4, seed=0):
    """Steep for ten epochs, then of this slope, with a jitter from epoch to epoch."""
    rng = np.random.default_rng(seed)
    level = np.minimum(EPOCHS, 10) * 0.03 + slope * np.maximum(EPOCHS - 10, 0)
    return [(EPOCHS, level + jitter * rng.normal(size=len(EPOCHS))) for _ in range(seeds)]


def test_the_slope_is_scipys_over_the_last_third_with_students_interval_over_seeds():
    some = curves(0.004, 0.01)
    slopes = [scipy.stats.linregress(x[10:], y[10:]).slope for x, y in some]
    found = trend(some, 0.9)
    ends = scipy.stats.ttest_1samp(slopes, 0).confidence_interval(0.9)
    assert found["slope"] == pytest.approx(np.mean(slopes))
    assert (found["low"], found["high"]) == pytest.approx((ends.low, ends.high))


@pytest.mark.parametrize(
    ("slope", "jitter", "word"),
    [
        (0.01, 0.002, RISING),
        (-0.01, 0.002, FALLING),
        (0.0, 0.0005, FLAT),
        (0.0, 0.05, UNCLEAR),
    ],
)
def test_the_word_says_no_more_than_the_interval(slope, jitter, word):
    assert trend(curves(slope, jitter), 0.95)["word"] == word
    assert word in caption(table())


def test_epochs_that_were_not_scored_are_left_out():
    some = curves(0.004, 0.01)
    odd = [(x[::2], y[::2]) for x, y in some]
    assert trend(odd, 0.95)["slope"] == pytest.approx(
        np.mean([np.polyfit(x[x > 10], y[x > 10], 1)[0] for x, y in odd])
    )


def test_one_seed_or_one_late_epoch_has_no_trend():
    assert trend(curves(0.0, 0.01, seeds=1), 0.95) is None
    assert trend([(x[:2], y[:2]) for x, y in curves(0.0, 0.01)], 0.95) is None
    assert trend([(x[:0], y[:0]) for x, y in curves(0.0, 0.01)], 0.95) is None


def test_curves_are_read_by_row_and_seed_without_empty_scores(tmp_path):
    path = Path(tmp_path, "history.csv")
    path.write_text("row,seed,epoch,dev_ccc\na,1,1,\na,1,2,0.25\na,2,2,0.5\nb,1,2,\n")
    found = read_curves(path)
    assert [[list(part) for part in curve] for curve in found["a"].values()] == [
        [[2.0], [0.25]],
        [[2.0], [0.5]],
    ]
    assert [len(part) for part in found["b"][1]] == [0, 0]
    path.write_text("row,seed,epoch\na,1,1\n")
    with pytest.raises(RunError, match=r"history.csv has no column 'dev_ccc'; run `dvc repro"):
        read_curves(path)
