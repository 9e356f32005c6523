"""The one test to quote: would other seeds and other speakers show the difference?"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from harness.evaluation import floors
from harness.evaluation.bootstrap import percentile, resampled_row, speaker_weights
from harness.evaluation.ccc import Array, ccc_from_moments
from harness.evaluation.measures.sums import Finish, mean_score
from harness.evaluation.mrmc import SEEDS, MeanSquares, mrmc

SPEAKERS, BOTH = "speakers", "seeds and speakers"  # what it covers
RESAMPLES = 10_000  # of its bootstrap, where the caller gives no resamples


class Headline(NamedTuple):
    """Difference of Ĉ, its interval and two-tailed p, and which variance they cover.

    `smallest_p`: what p is never told below; both are None where no p is told. `df`, `error` and
    `squares`: the t test's; None where the interval is a bootstrap's. Without an interval all but
    the first are.
    """

    difference: float
    low: float | None = None
    high: float | None = None
    p: float | None = None
    smallest_p: float | None = None
    df: float | None = None
    covers: str | None = None
    error: float | None = None
    squares: MeanSquares | None = None


def headline(
    row: Array,
    baseline: Array,
    level: float,
    weights: NDArray[np.int32] | None = None,
    finish: Finish = ccc_from_moments,
) -> Headline:
    """The one test to quote, over seeds and speakers; it takes three seeds.

    `row` and `baseline`: sums [seeds, speakers, targets, k] of the same seeds and speakers, of the
    measure that `finish` makes of them.
    With few seeds the far tail is not calibrated: of three seeds that agree by chance p < .01 comes
    in up to 2 % of normal data without a difference, so p is not told below .03 / seeds. Nor is it
    below what speakers can vouch for, see harness.evaluation.floors.
    With one or two seeds there is no p. The interval is then the percentile bootstrap's on
    `weights` (as `speaker_weights`; by default 10,000 resamples from seed 0), and `covers` says
    so. One speaker leaves the difference alone.
    """
    seeds, speakers = row.shape[:2]
    observed = float(np.mean(mean_score(row, finish) - mean_score(baseline, finish)))
    if speakers < 2:
        return Headline(observed)
    if seeds >= SEEDS:
        found = mrmc(row, baseline, level, finish=finish)
        smallest = floors.over_speakers("mrmc", speakers, floors.TAIL / seeds)
        p = floors.told(found.p, smallest)
        ends = found.difference, found.low, found.high
        return Headline(*ends, p, smallest, found.df, BOTH, found.error, found.squares)
    if weights is None:
        weights = speaker_weights(speakers, RESAMPLES, np.random.default_rng(0))
    ours, theirs = (resampled_row(sums, weights, finish).mean(axis=-1) for sums in (row, baseline))
    resampled = ours - theirs
    low, high = percentile(resampled, level)
    return Headline(observed, low, high, covers=SPEAKERS)
