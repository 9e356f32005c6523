"""harness.corpora.splits: a draw puts the share of speakers in dev that was asked for, exactly."""

import numpy as np
import pandas as pd
import pytest

from harness.corpora.splits import drawn
from harness.errors import CorpusError


def clips(speakers: int, seed: int = 0) -> "pd.Series[str]":
    """One to nine clips of each speaker, in any order."""
    rng = np.random.default_rng(seed)
    each = np.repeat([f"s{i}" for i in range(speakers)], rng.integers(1, 10, speakers))
    return pd.Series(rng.permutation(each))


@pytest.mark.parametrize(
    ("speakers", "share", "expected"),
    [
        (10, 0.3, 3),
        (10, 0.25, 2),
        (7, 0.3, 2),
        (3, 0.5, 2),
        (4, 0.7, 3),
        (91, 0.3, 27),
        (357, 0.3, 107),
    ],
)
def test_the_count_is_exact_with_every_seed(speakers: int, share: float, expected: int) -> None:
    whose = clips(speakers)
    draws = set()
    for seed in range(30):
        split = drawn(whose, share, seed, "mine")
        pd.testing.assert_series_equal(split, drawn(whose, share, seed, "mine"))
        assert set(split) == {"train", "dev"}
        assert split.groupby(whose).nunique().eq(1).all()
        dev = frozenset(whose[split == "dev"])
        assert len(dev) == expected
        draws.add(dev)
    assert len(draws) > 2


def test_each_speaker_is_as_likely_as_another_however_many_clips_there_are() -> None:
    whose = clips(20)
    in_dev = sum(
        drawn(whose, 0.3, seed, "mine").eq("dev").groupby(whose).first() for seed in range(400)
    )
    assert in_dev.between(120 - 37, 120 + 37).all()  # 4 standard deviations


def test_more_clips_of_the_same_speakers_leave_them_where_they_are() -> None:
    few, many = clips(12, seed=1), clips(12, seed=2)
    split = [drawn(whose, 0.4, 7, "mine").groupby(whose).first() for whose in (few, many)]
    pd.testing.assert_series_equal(*split, check_names=False)


@pytest.mark.parametrize(
    ("speakers", "share", "counts"),
    [
        (1, 0.5, "1 speakers puts 0 in dev and 1 in train"),
        (2, 0.5, "2 speakers puts 1 in dev and 1 in train"),
        (2, 0.9, "2 speakers puts 2 in dev and 0 in train"),
        (10, 0.1, "10 speakers puts 1 in dev and 9 in train"),
        (10, 0.99, "10 speakers puts 10 in dev and 0 in train"),
        (100, 0.001, "100 speakers puts 0 in dev and 100 in train"),
    ],
)
def test_what_leaves_a_split_too_small_is_refused(speakers: int, share: float, counts: str) -> None:
    message = f"mine: dev_share {share:g} of {counts}; dev needs 2 and train 1, so change dev_share"
    with pytest.raises(CorpusError, match=message):
        drawn(clips(speakers), share, 0, "mine")
