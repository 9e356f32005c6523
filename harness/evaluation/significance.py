"""Every test of every comparison of a table, each with what it covers: clips, speakers, or seeds.

The headline is the test that covers seeds and speakers, where there are seeds enough for it. The
others stand beside it because papers use them, and results/simulation says how far each can be
trusted.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.evaluation import floors
from harness.evaluation.bootstrap import (
    bca,
    leave_one_out,
    p_bca,
    p_percentile,
    percentile,
    resampled_row,
    speaker_weights,
)
from harness.evaluation.ccc import Array, ccc_from_moments
from harness.evaluation.fisher import fisher_z
from harness.evaluation.headline import BOTH, SPEAKERS, Headline, headline
from harness.evaluation.measures.sums import Finish, mean_score
from harness.evaluation.permutation import p_permutation, swapped_differences, swaps
from harness.evaluation.power import detectable
from harness.evaluation.seeds import sign_flip, t_over_seeds

ALONE, CLIPS = "seeds", "clips"
Numbers = dict[str, Any]


def holm(p: Sequence[float | None]) -> list[float | None]:
    """Holm's (1979) step-down adjustment of a family of p, in the order given.

    The family is what has a p; None stays None.
    """
    family = np.array([each for each in p if each is not None], dtype=np.float64)
    order = np.argsort(family, kind="stable")
    steps = (len(family) - np.arange(len(family))) * family[order]
    adjusted = np.empty(len(family))
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(steps))
    in_turn = iter(adjusted.tolist())
    return [None if each is None else next(in_turn) for each in p]


@dataclass(frozen=True)
class Evidence:
    """What all comparisons share: of each row the sums [seeds, speakers, targets, k] and what
    `finish` makes of them, the measure's mean over targets: observed [rows, seeds], resampled
    [R, rows, seeds], without each speaker [rows, seeds, speakers]; the resamples' weights and the
    patterns of swaps. Rows may have another number of targets, where their score is a mean over
    epochs too. With one speaker R is 0 and nobody is left out. Without more said, the measure is
    CCC.
    """

    moments: Sequence[Array]
    weights: NDArray[np.int32]
    level: float
    pattern: NDArray
    exact: bool
    observed: Array
    resampled: Array
    without: Array
    finish: Finish


def gather(
    moments: Sequence[Array] | Array,
    resamples: int,
    level: float,
    rng: np.random.Generator,
    finish: Finish = ccc_from_moments,
) -> Evidence:
    """Draw the resamples and swaps that every comparison uses."""
    rows, (seeds, speakers) = list(moments), moments[0].shape[:2]
    weights, without = np.empty((0, speakers), dtype=np.int32), np.empty((len(rows), seeds, 0))
    if speakers > 1:
        weights = speaker_weights(speakers, resamples, rng)
        without = np.stack([leave_one_out(row, finish) for row in rows])
    pattern, exact = swaps(speakers, resamples, rng)
    observed = np.stack([mean_score(row, finish) for row in rows])
    scores = np.stack([resampled_row(row, weights, finish) for row in rows], axis=1)
    return Evidence(rows, weights, level, pattern, exact, observed, scores, without, finish)


def scores(evidence: Evidence) -> list[Numbers]:
    """Of each row: ccc, ccc_sd over seeds (None with one), and its intervals over speakers (None
    with one).
    """
    found, ends = [], ("ccc_low", "ccc_high", "ccc_bca_low", "ccc_bca_high")
    for i, by_seed in enumerate(evidence.observed):
        mean, resampled = float(by_seed.mean()), evidence.resampled[:, i].mean(axis=-1)
        sd = float(np.std(by_seed, ddof=1)) if len(by_seed) > 1 else None
        numbers: Numbers = {"ccc": mean, "ccc_sd": sd, **dict.fromkeys(ends)}
        if len(resampled):
            without = evidence.without[i].mean(axis=0)
            corrected = bca(mean, resampled, without, evidence.level)
            both = (*percentile(resampled, evidence.level), *corrected)
            numbers |= dict(zip(ends, both, strict=True))
        found.append(numbers)
    return found


def compare(evidence: Evidence, i: int, j: int) -> Numbers:
    """Row `i` against row `j`: difference, relative gain in percent, and every test's numbers.

    `gain_low` and `gain_high` are the headline's interval as a share of the baseline's Ĉ, so that
    they leave out 0 just where its p is small and not at a floor; `gain_bootstrap_*` let the
    baseline vary too. A gain over a baseline that is not above 0, here or in a resample, is None:
    it has no meaning. `detects_difference` is the smallest that this test finds with 80 % power,
    and `detects_gain` the same as a share of the baseline.
    """
    row, baseline, level = evidence.moments[i], evidence.moments[j], evidence.level
    found = headline(row, baseline, level, evidence.weights, evidence.finish)
    base = float(evidence.observed[j].mean())
    ours, theirs = (evidence.resampled[:, k].mean(axis=-1) for k in (i, j))
    share = None
    if len(theirs) and min(base, theirs.min()) > 0:
        share = percentile(100 * (ours / theirs - 1), level)
    gain = [
        100 * v / base if v is not None and base > 0 else None
        for v in (found.difference, found.low, found.high)
    ]
    return {
        "base": base,
        "difference": found.difference,
        "low": found.low,
        "high": found.high,
        "gain": gain[0],
        "gain_low": gain[1],
        "gain_high": gain[2],
        "gain_bootstrap_low": share[0] if share else None,
        "gain_bootstrap_high": share[1] if share else None,
        "p": found.p,
        "smallest_p": found.smallest_p,
        "df": found.df,
        "covers": found.covers,
        **_power(found, base, level),
        "tests": _tests(evidence, i, j, found),
    }


def _power(found: Headline, base: float, level: float) -> Numbers:
    """What the headline could have shown, and the variances behind it; None where it is no test."""
    if found.error is None or found.df is None:
        return dict.fromkeys(("error", "detects_difference", "detects_gain", "squares"))
    least = detectable(found.error, found.df, level)
    gain = 100 * least / base if base > 0 else None
    squares = found.squares and found.squares._asdict()
    return {
        "error": found.error,
        "detects_difference": least,
        "detects_gain": gain,
        "squares": squares,
    }


def _tests(evidence: Evidence, i: int, j: int, found: Headline) -> dict[str, Numbers]:
    """Test → its p, interval and what it covers; None where there is too little for it."""
    mrmc_test = _test(BOTH)
    if found.covers == BOTH:
        ends = {"low": found.low, "high": found.high, "df": found.df}
        mrmc_test = _test(BOTH, found.p, found.smallest_p, **ends)
    return {
        "mrmc": mrmc_test,
        **_bootstrap_tests(evidence, i, j),
        "permutation": _permutation_test(evidence, i, j),
        **_seed_tests(evidence.observed[i] - evidence.observed[j], evidence.level),
        "fisher z": _fisher_test(evidence, i, j),
    }


def _test(
    covers: str, p: float | None = None, smallest_p: float | None = None, **more: Any
) -> Numbers:
    """`more`: low and high of the interval, where the test has one, and what else there is."""
    blank = {"low": None, "high": None}
    return {"covers": covers, "p": p, "smallest_p": smallest_p, **blank, **more}


def _bootstrap_tests(evidence: Evidence, i: int, j: int) -> dict[str, Numbers]:
    difference = float(np.mean(evidence.observed[i] - evidence.observed[j]))
    resampled = (evidence.resampled[:, i] - evidence.resampled[:, j]).mean(axis=-1)
    without = (evidence.without[i] - evidence.without[j]).mean(axis=0)
    if not len(resampled):
        return {"bootstrap": _test(SPEAKERS), "bootstrap BCa": _test(SPEAKERS)}
    level = evidence.level
    found = {
        "bootstrap": (p_percentile(resampled), percentile(resampled, level)),
        "bootstrap BCa": (
            p_bca(difference, resampled, without),
            bca(difference, resampled, without, level),
        ),
    }
    tests = {}
    for name, (p, (low, high)) in found.items():
        smallest = floors.over_speakers(name, len(without), 2 / (len(resampled) + 1))
        tests[name] = _test(SPEAKERS, floors.told(p, smallest), smallest, low=low, high=high)
    return tests


def _permutation_test(evidence: Evidence, i: int, j: int) -> Numbers:
    difference = float(np.mean(evidence.observed[i] - evidence.observed[j]))
    rows = evidence.moments[i], evidence.moments[j]
    permuted = swapped_differences(*rows, evidence.pattern, evidence.finish)
    p = p_permutation(difference, permuted.mean(axis=-1), evidence.exact)
    smallest = floors.over_speakers("permutation", rows[0].shape[1], 2 / (len(permuted) + 1))
    return _test(SPEAKERS, floors.told(p, smallest), smallest, exact=evidence.exact)


def _seed_tests(differences: Array, level: float) -> dict[str, Numbers]:
    n = len(differences)
    if n < 2:
        return {"sign flip": _test(ALONE), "t": _test(ALONE)}
    flipped = sign_flip(differences)
    p, low, high = t_over_seeds(differences, level)
    return {
        "sign flip": _test(ALONE, flipped, None if flipped is None else floors.exact(n)),
        "t": _test(ALONE, p, low=low, high=high, df=n - 1),
    }


def _fisher_test(evidence: Evidence, i: int, j: int) -> Numbers:
    """The "paper-style" test; None with so few clips that it does not exist, and but for CCC."""
    clips = float(evidence.moments[i][0, :, 0, 0].sum())
    if clips <= 3 or evidence.finish is not ccc_from_moments:
        return _test(CLIPS, z=None)
    ours, theirs = (np.clip(evidence.observed[k].mean(), -1, 1) for k in (i, j))
    z, p = fisher_z(ours, theirs, clips, clips)
    return _test(CLIPS, float(p), z=float(z))


def comparisons(evidence: Evidence, baselines: dict[str, list[int | None]]) -> list[Numbers]:
    """For every row: kind of baseline → the baseline's index, what `compare` gives, p_holm and the
    size of its family; None without a baseline.

    `baselines`: kind → for every row the index of its baseline. Holm's family is all pairs of rows
    that are compared and have a p, each counted once: for the rows of the first encoder the local
    baseline is the global one too.
    """
    pairs = sorted(
        {(i, j) for kind in baselines.values() for i, j in enumerate(kind) if j is not None}
    )
    found = {pair: compare(evidence, *pair) for pair in pairs}
    adjusted = holm([found[pair]["p"] for pair in pairs])
    for pair, p in zip(pairs, adjusted, strict=True):
        found[pair] |= {"p_holm": p, "family": sum(each is not None for each in adjusted)}
    return [
        {
            kind: None if (j := indices[i]) is None else {"baseline": j, **found[i, j]}
            for kind, indices in baselines.items()
        }
        for i in range(len(evidence.moments))
    ]
