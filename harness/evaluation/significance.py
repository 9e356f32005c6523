"""How far Ĉ and the gains would move with other speakers: a paired bootstrap over dev speakers.

Clips of one speaker resemble each other, so speakers are resampled, not clips. Every row and seed
sees the same resamples: a difference between two rows is taken within each of them. What is
covered is the choice of speakers; the seeds at hand are averaged and held fixed.
"""

from dataclasses import astuple, dataclass

import numpy as np
from numpy.typing import NDArray

from harness.errors import RunError
from harness.evaluation.ccc import Array, ccc_from_moments, mean_ccc

BLOCK = 2**21  # numbers in one block of resampled sums: 16 MiB


@dataclass(frozen=True)
class Score:
    """Ĉ of a row averaged over its seeds, and the percentile interval over speakers."""

    ccc: float
    sd: float | None  # over seeds (n − 1); None with one seed
    low: float
    high: float


@dataclass(frozen=True)
class Gain:
    """A row against its baseline: relative gain in percent, its percentile interval, and p.

    The gain, or its interval, is None where the baseline's Ĉ is not above 0, in the data or in
    some resample: a share of nothing has no meaning. p is of the difference and always exists.
    """

    percent: float | None
    low: float | None
    high: float | None
    p: float


def speaker_weights(speakers: int, resamples: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """How often each speaker is drawn: [resamples, speakers], each row a multinomial draw.

    Raises RunError with fewer than two speakers, where there is nothing to resample.
    """
    if speakers < 2:
        raise RunError(
            f"the dev split has {speakers} speaker; a bootstrap over speakers needs two or more, "
            "so use a corpus with more speakers in dev"
        )
    drawn = rng.integers(speakers, size=(resamples, speakers))
    drawn += speakers * np.arange(resamples)[:, np.newaxis]  # counts of all resamples at once
    counts = np.bincount(drawn.ravel(), minlength=resamples * speakers)
    return counts.reshape(resamples, speakers)


def resampled_scores(moments: Array, weights: NDArray[np.int64]) -> Array:
    """Ĉ of every cell in every resample: [rows, seeds, speakers, targets, 6] → [R, rows, seeds].

    One matrix product for each of the six sums, weights [R, speakers] by moments [speakers,
    rows · seeds · targets], in blocks of resamples so that memory stays small.
    """
    rows, seeds, speakers, targets, sums = moments.shape
    by_speaker = np.moveaxis(moments, (4, 2), (0, 1)).reshape(sums, speakers, -1)
    scores = np.empty((len(weights), rows, seeds))
    step = max(1, BLOCK // moments[:, :, 0].size)
    for start in range(0, len(weights), step):
        block = weights[start : start + step].astype(np.float64) @ by_speaker
        each = ccc_from_moments(np.moveaxis(block, 0, -1))
        scores[start : start + step] = each.reshape(-1, rows, seeds, targets).mean(axis=-1)
    return scores


def score(by_seed: Array, resampled: Array, level: float) -> Score:
    """Ĉ of one row from its cells: `by_seed` [seeds], `resampled` [R, seeds]."""
    sd = float(np.std(by_seed, ddof=1)) if len(by_seed) > 1 else None
    return Score(float(by_seed.mean()), sd, *interval(resampled.mean(axis=-1), level))


def gain(row: Score, baseline: Score, resampled: Array, level: float) -> Gain:
    """The row over its baseline; `resampled`: [R, 2, seeds], the row's cells and the baseline's."""
    ours, theirs = resampled.mean(axis=-1).T
    p = p_two_tailed(ours - theirs)
    if baseline.ccc <= 0:
        return Gain(None, None, None, p)
    percent = 100 * (row.ccc / baseline.ccc - 1)
    if theirs.min() <= 0:
        return Gain(percent, None, None, p)
    return Gain(percent, *interval(100 * (ours / theirs - 1), level), p)


def interval(resampled: Array, level: float) -> tuple[float, float]:
    """Percentile interval (Efron 1979) of [R] resampled values, e.g. level 0.95."""
    low, high = np.quantile(resampled, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def p_two_tailed(differences: Array) -> float:
    """Twice the smaller tail of [R] resampled differences beyond 0, in [2 / (R + 1), 1].

    The +1 counts the sample itself among the resamples, so that p is never 0
    (Davison and Hinkley 1997, §4.2).
    """
    tail = min(np.count_nonzero(differences <= 0), np.count_nonzero(differences >= 0)) + 1
    return min(1.0, 2 * tail / (len(differences) + 1))


def _gain_numbers(kind: str, found: Gain | None) -> dict[str, float | None]:
    percent, low, high, p = astuple(found) if found else (None,) * 4
    key = f"{kind}_gain"
    return {key: percent, f"{key}_low": low, f"{key}_high": high, f"p_{kind}": p}


def row_numbers(
    moments: Array,
    weights: NDArray[np.int64],
    baselines: dict[str, list[int | None]],
    level: float,
) -> list[dict[str, float | None]]:
    """One flat dict a row: ccc, ccc_sd, ccc_low, ccc_high, and for each kind of baseline
    <kind>_gain, <kind>_gain_low, <kind>_gain_high (percent) and p_<kind>, None without a baseline.

    `moments`: [rows, seeds, speakers, targets, 6]; `weights`: as `speaker_weights`; `baselines`:
    kind → for every row the index of its baseline row.
    """
    observed, resampled = mean_ccc(moments), resampled_scores(moments, weights)
    scores = [score(observed[i], resampled[:, i], level) for i in range(len(observed))]
    numbers: list[dict[str, float | None]] = []
    for i, own in enumerate(scores):
        ccc, sd, low, high = astuple(own)
        row: dict[str, float | None] = {"ccc": ccc, "ccc_sd": sd, "ccc_low": low, "ccc_high": high}
        for kind, indices in baselines.items():
            j = indices[i]
            found = None if j is None else gain(own, scores[j], resampled[:, [i, j]], level)
            row |= _gain_numbers(kind, found)
        numbers.append(row)
    return numbers
