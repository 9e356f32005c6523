"""The paired bootstrap over speakers: percentile and BCa intervals, and a two-tailed p.

Clips of one speaker resemble each other, so speakers are resampled, not clips. Every row and seed
sees the same resamples: a difference between two rows is taken within each of them. What is
covered is the choice of speakers; the seeds at hand are averaged and held fixed.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from harness.errors import RunError
from harness.evaluation.ccc import Array, ccc_from_moments
from harness.evaluation.measures.sums import Finish

BLOCK = 2**21  # numbers in one block of draws or of resampled sums: 16 MiB


def speaker_weights(speakers: int, resamples: int, rng: np.random.Generator) -> NDArray[np.int32]:
    """How often each speaker is drawn: [resamples, speakers], each row a multinomial draw.

    Drawn in blocks of resamples, the same numbers as all at once, so that memory stays small.
    Raises RunError with fewer than two speakers, where there is nothing to resample.
    """
    if speakers < 2:
        raise RunError(
            f"the dev split has {speakers} speaker; a bootstrap over speakers needs two or more, "
            "so use a corpus with more speakers in dev"
        )
    counts = np.empty((resamples, speakers), dtype=np.int32)
    step = max(1, BLOCK // speakers)
    for start in range(0, resamples, step):
        block = counts[start : start + step]
        drawn = rng.integers(speakers, size=block.shape)
        drawn += speakers * np.arange(len(block))[:, np.newaxis]  # counts of a block at once
        block[:] = np.bincount(drawn.ravel(), minlength=block.size).reshape(block.shape)
    return counts


def resampled_scores(
    moments: Array, weights: NDArray[np.integer], finish: Finish = ccc_from_moments
) -> Array:
    """Ĉ of every cell in every resample: [rows, seeds, speakers, targets, k] → [R, rows, seeds].

    One matrix product for each of the k sums, weights [R, speakers] by moments [speakers,
    rows · seeds · targets], in blocks of resamples so that memory stays small. A sum of the labels
    alone is the same in every cell and is multiplied once.
    """
    rows, seeds, speakers, targets, sums = moments.shape
    by_speaker = np.moveaxis(moments, (4, 2), (0, 1))  # [k, speakers, rows, seeds, targets]
    shared = [bool((each == each[:, :1, :1]).all()) for each in by_speaker]
    once = [
        each[:, :1, :1] if same else each for each, same in zip(by_speaker, shared, strict=True)
    ]
    scores = np.empty((len(weights), rows, seeds))
    step = max(1, BLOCK // moments[:, :, 0].size)
    for start in range(0, len(weights), step):
        block = weights[start : start + step].astype(np.float64)
        drawn = np.empty((sums, len(block), rows, seeds, targets))
        for into, each in zip(drawn, once, strict=True):
            into[:] = (block @ each.reshape(speakers, -1)).reshape(len(block), *each.shape[1:])
        scores[start : start + step] = finish(np.moveaxis(drawn, 0, -1)).mean(axis=-1)
    return scores


def resampled_row(
    row: Array, weights: NDArray[np.integer], finish: Finish = ccc_from_moments
) -> Array:
    """Ĉ of one row's cells in every resample: [seeds, speakers, targets, k] → [R, seeds]."""
    return resampled_scores(row[np.newaxis], weights, finish)[:, 0]


def leave_one_out(moments: Array, finish: Finish = ccc_from_moments) -> Array:
    """Ĉ without each speaker in turn: [..., speakers, targets, k] → [..., speakers].

    Raises RunError with fewer than two speakers, where nobody would be left.
    """
    speakers = moments.shape[-3]
    if speakers < 2:
        raise RunError(
            f"the dev split has {speakers} speaker; leaving one out needs two or more, "
            "so use a corpus with more speakers in dev"
        )
    rest = moments.sum(axis=-3, keepdims=True) - moments
    return finish(rest).mean(axis=-1)


def percentile(resampled: Array, level: float) -> tuple[float, float]:
    """Percentile interval (Efron 1979) of [R] resampled values, e.g. level 0.95."""
    low, high = np.quantile(resampled, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def bca(observed: float, resampled: Array, without: Array, level: float) -> tuple[float, float]:
    """Bias-corrected and accelerated interval (Efron 1987) of a value and its [R] resamples.

    `without`: the value without each speaker [speakers], for the acceleration. Where all resamples
    lie on one side of the value, the bias correction would be infinite: it is taken as if half a
    resample lay on the other side.
    """
    bias, acceleration = _bias(observed, resampled), _acceleration(without)
    shifted = bias + ndtri(np.array([(1 - level) / 2, (1 + level) / 2]))
    low, high = np.quantile(resampled, ndtr(bias + shifted / (1 - acceleration * shifted)))
    return float(low), float(high)


def p_percentile(differences: Array) -> float:
    """Twice the smaller tail of [R] resampled differences beyond 0, in [2 / (R + 1), 1].

    The +1 counts the sample itself among the resamples, so that p is never 0
    (Davison and Hinkley 1997, §4.2).
    """
    return min(1.0, 2 * _tail(differences)[0])


def p_bca(observed: float, differences: Array, without: Array) -> float:
    """One minus the largest level whose BCa interval leaves out 0, with the same +1 as above.

    Arguments as in `bca`. With no bias and no acceleration it is `p_percentile`.
    """
    if not differences.any() and observed == 0:
        return 1.0
    bias, acceleration = _bias(observed, differences), _acceleration(without)
    tail, below = _tail(differences)
    tail = min(tail, 1 - 1 / (len(differences) + 1))  # 1 where all are 0
    place = ndtri(tail if below else 1 - tail) - bias
    z = place / (1 + acceleration * place) - bias
    return float(min(1.0, 2 * min(ndtr(z), ndtr(-z))))


def _tail(differences: Array) -> tuple[float, bool]:
    """The smaller tail's share beyond 0, and whether it is the one below 0."""
    below, above = np.count_nonzero(differences <= 0), np.count_nonzero(differences >= 0)
    return (min(below, above) + 1) / (len(differences) + 1), bool(below <= above)


def _bias(observed: float, resampled: Array) -> float:
    """z₀; ties with the observed value count half, as in scipy.stats.bootstrap."""
    less, equal = np.count_nonzero(resampled < observed), np.count_nonzero(resampled == observed)
    share = (less + equal / 2) / len(resampled)
    return float(ndtri(np.clip(share, 0.5 / len(resampled), 1 - 0.5 / len(resampled))))


def _acceleration(without: Array) -> float:
    """a, from the skewness of the jackknife values [speakers]; 0 where they do not differ."""
    influence = without.mean() - without
    spread = (influence**2).sum() ** 1.5
    return float((influence**3).sum() / (6 * spread)) if spread > 0 else 0.0
