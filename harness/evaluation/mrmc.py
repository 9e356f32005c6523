"""Seeds as readers, speakers as cases: one test that covers both (multi-reader multi-case).

Radiology asks whether a difference between two modalities would hold for other readers and other
cases (Dorfman, Berbaum and Metz 1992; Obuchowski and Rockette 1995). Here the modalities are a row
and its baseline, every seed trains both, and every seed sees every dev speaker.

The variance is of these two rows alone. Obuchowski and Rockette pool it over all modalities of a
study, which with three seeds finds twice as many true differences (80 % instead of 39 %) where all
rows vary alike over seeds; where three of nine rows vary three times as much, a true null is then
rejected in .1 to 21 % of the draws, without pooling in 4 to 6 % (results/simulation/pooling.md).
"""

from typing import NamedTuple

import numpy as np

from harness.evaluation.bootstrap import leave_one_out
from harness.evaluation.ccc import Array, ccc_from_moments
from harness.evaluation.measures.sums import Finish, mean_score
from harness.evaluation.seeds import t_test

SEEDS = 3  # fewer leave one degree of freedom or none to the variance over seeds


class MeanSquares(NamedTuple):
    """Two-way ANOVA of [seeds, speakers] without replication."""

    seeds: float
    speakers: float
    both: float  # interaction and error


class Mrmc(NamedTuple):
    """Mean difference of Ĉ over seeds, its interval, two-tailed p, degrees of freedom, standard
    error, and the mean squares that it is made of.
    """

    difference: float
    low: float
    high: float
    p: float
    df: float
    error: float
    squares: MeanSquares


def pseudo_values(row: Array, baseline: Array, finish: Finish = ccc_from_moments) -> Array:
    """Jackknife pseudo-values of the paired difference: [seeds, speakers].

    Y[s, j] = S·d_s − (S − 1)·d_s(−j), with d_s the difference of Ĉ of seed s and d_s(−j) the same
    without speaker j, then shifted so that the mean over speakers is d_s itself ("normalised",
    Hillis et al. 2005). `row` and `baseline`: sums [seeds, speakers, targets, k] of the measure.
    """
    difference = (mean_score(row, finish) - mean_score(baseline, finish))[:, np.newaxis]
    without = leave_one_out(row, finish) - leave_one_out(baseline, finish)
    speakers = without.shape[1]
    return difference + (speakers - 1) * (without.mean(axis=1, keepdims=True) - without)


def mean_squares(values: Array) -> MeanSquares:
    """MS of seeds, of speakers, and of what is left, from [seeds, speakers]."""
    seeds, speakers = values.shape
    by_seed, by_speaker, grand = values.mean(axis=1), values.mean(axis=0), values.mean()
    left = values - by_seed[:, np.newaxis] - by_speaker + grand
    return MeanSquares(
        float(speakers * ((by_seed - grand) ** 2).sum() / (seeds - 1)),
        float(seeds * ((by_speaker - grand) ** 2).sum() / (speakers - 1)),
        float((left**2).sum() / ((seeds - 1) * (speakers - 1))),
    )


def hillis(ms: MeanSquares, seeds: int) -> float:
    """Hillis' degrees of freedom, (MS_seeds + max(MS_speakers − MS_both, 0))² / (MS_seeds² /
    (seeds − 1)) (Hillis 2007; Hillis, Berbaum and Metz 2008); infinite where MS_seeds is 0.
    """
    share = _share(ms)
    return (seeds - 1) / share**2 if share > 0 else float("inf")


def degrees(ms: MeanSquares, seeds: int, speakers: int) -> float:
    """Hillis' degrees of freedom, made smaller where they are too many.

    With w the seeds' share of the variance they are (seeds − 1)/w², from an estimated w: with
    three seeds, of which most of the variance comes, the test then rejects a true null in up to
    7.9 % of normal data. Divided by 1 + 4 (1 − w)/(seeds − 1), a term that vanishes with many
    seeds or w → 1, it is 4.4 to 5.6 %. They also ignore that the speakers' variance is estimated,
    so speakers − 1 is the most. results/simulation has both.
    """
    share = _share(ms)
    tempered = hillis(ms, seeds) / (1 + 4 * (1 - share) / (seeds - 1))
    return min(tempered, float(speakers - 1))


def variance(ms: MeanSquares, seeds: int, speakers: int) -> float:
    """Of the mean over seeds and speakers."""
    return _total(ms) / (seeds * speakers)


def _total(ms: MeanSquares) -> float:
    return ms.seeds + max(ms.speakers - ms.both, 0.0)


def _share(ms: MeanSquares) -> float:
    return ms.seeds / _total(ms) if ms.seeds > 0 else 0.0


def of_pseudo_values(values: Array, level: float, published: bool = False) -> Mrmc:
    """The test on pseudo-values [seeds, speakers]; see `mrmc`."""
    seeds, speakers = values.shape
    ms = mean_squares(values)
    df = hillis(ms, seeds) if published else degrees(ms, seeds, speakers)
    mean, error = float(values.mean()), float(np.sqrt(variance(ms, seeds, speakers)))
    p, low, high = t_test(mean, error, df, level)
    return Mrmc(mean, low, high, p, df, error, ms)


def mrmc(
    row: Array,
    baseline: Array,
    level: float,
    published: bool = False,
    finish: Finish = ccc_from_moments,
) -> Mrmc:
    """Would the difference hold for other seeds and other speakers?

    A t test on the pseudo-values with variance (MS_seeds + max(MS_speakers − MS_both, 0)) /
    (seeds · speakers), Dorfman, Berbaum and Metz' for two modalities, and `degrees` of freedom, or
    as `published` with those of `hillis`. `row` and `baseline`: sums [seeds, speakers, targets,
    k]; raises RunError with one speaker.
    """
    return of_pseudo_values(pseudo_values(row, baseline, finish), level, published)
