"""Paired permutation: under the null two rows are interchangeable, speaker by speaker.

Swapping all predictions of a speaker between the two rows swaps the speaker's moments; all seeds
of a speaker are swapped together, because a speaker is one observation. What is covered is the
assignment of speakers, with the seeds held fixed.
"""

from math import lcm

import numpy as np
from numpy.typing import NDArray

from harness.evaluation.bootstrap import BLOCK
from harness.evaluation.ccc import Array, ccc_from_moments
from harness.evaluation.measures.sums import Finish

ROUNDING = 1e-12  # swapped differences this close to the observed one are ties


def swaps(speakers: int, resamples: int, rng: np.random.Generator) -> tuple[NDArray, bool]:
    """Which speakers to swap: [P, speakers] of 0 and 1, and whether these are all there are.

    All 2^speakers patterns where they are no more than `resamples`, otherwise `resamples` draws.
    """
    if speakers < 63 and 2**speakers <= resamples:
        patterns = np.arange(2**speakers)[:, np.newaxis] >> np.arange(speakers) & 1
        return patterns.astype(np.int8), True
    return rng.integers(2, size=(resamples, speakers), dtype=np.int8), False


def swapped_differences(
    row: Array, baseline: Array, pattern: NDArray, finish: Finish = ccc_from_moments
) -> Array:
    """Ĉ of `row` minus Ĉ of `baseline` after each pattern of swaps: → [P, seeds].

    `row` and `baseline`: sums [seeds, speakers, targets, k]; one matrix product over speakers
    for each sum that differs between the two (those of the labels do not), in blocks of patterns
    so that memory stays small. Of rows with another number of epochs the fewer ones count again.
    """
    row, baseline = _paired(row, baseline)
    seeds, speakers, targets, sums = row.shape
    change = np.moveaxis(baseline - row, (3, 1), (0, 1))  # [k, speakers, seeds, targets]
    differences = np.empty((len(pattern), seeds))
    step = max(1, BLOCK // max(row[:, 0].size, speakers))
    for start in range(0, len(pattern), step):
        weights = pattern[start : start + step].astype(np.float64)
        moved = np.zeros((sums, len(weights), seeds, targets))
        for into, each in zip(moved, change, strict=True):
            if each.any():
                into[:] = (weights @ each.reshape(speakers, -1)).reshape(-1, seeds, targets)
        ours, theirs = (
            finish(moments.sum(axis=1) + sign * np.moveaxis(moved, 0, -1)).mean(axis=-1)
            for moments, sign in ((row, 1), (baseline, -1))
        )
        differences[start : start + step] = ours - theirs
    return differences


def _paired(row: Array, baseline: Array) -> tuple[Array, Array]:
    """Both with one number of targets, repeated, which leaves their mean as it is.

    The targets of an epoch stand together, so that a repetition pairs each with itself.
    """
    targets = lcm(row.shape[2], baseline.shape[2])
    ours, theirs = (np.tile(s, (1, 1, targets // s.shape[2], 1)) for s in (row, baseline))
    return ours, theirs


def p_permutation(observed: float, permuted: Array, exact: bool) -> float:
    """Two-tailed p of a difference among [P] swapped ones: twice the smaller tail, at most 1.

    With random swaps the observed one counts too (+1), so that p is never 0 (Phipson and Smyth
    2010); all swaps contain it already.
    """
    near = ROUNDING * max(1.0, abs(observed))
    below = np.count_nonzero(permuted <= observed + near)
    above = np.count_nonzero(permuted >= observed - near)
    extra = 0 if exact else 1
    return min(1.0, 2 * (min(below, above) + extra) / (len(permuted) + extra))
