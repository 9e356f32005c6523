"""Every test of every comparison of Table 2, each with what it covers: clips, speakers, or seeds.

The headline is the test that covers seeds and speakers, where there are seeds enough for it. The
others stand beside it because papers use them, and results/simulation says how far each can be
trusted.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from harness.evaluation.bootstrap import (
    bca,
    leave_one_out,
    p_bca,
    p_percentile,
    percentile,
    resampled_scores,
    speaker_weights,
)
from harness.evaluation.ccc import Array, mean_ccc
from harness.evaluation.fisher import fisher_z
from harness.evaluation.mrmc import SEEDS, mrmc
from harness.evaluation.permutation import p_permutation, swapped_differences, swaps
from harness.evaluation.seeds import sign_flip, smallest_p, t_over_seeds

SPEAKERS, BOTH, ALONE, CLIPS = "speakers", "seeds and speakers", "seeds", "clips"
RESAMPLES = 10_000  # of the headline's bootstrap, where the caller gives no resamples
FLOOR = 0.03  # over the number of seeds: the smallest p that the headline tells
Numbers = dict[str, Any]


class Headline(NamedTuple):
    """Difference of Ĉ, its interval and two-tailed p, and which variance they cover.

    `df`: degrees of freedom; None where the headline is a bootstrap.
    """

    difference: float
    low: float
    high: float
    p: float
    df: float | None
    covers: str


def headline(
    row: Array, baseline: Array, level: float, weights: NDArray[np.int64] | None = None
) -> Headline:
    """The one test to quote: over seeds and speakers from three seeds up, else over speakers.

    `row` and `baseline`: moments [seeds, speakers, targets, 6] of the same seeds and speakers.
    With few seeds the far tail is not calibrated: of three seeds that agree by chance p < .01 comes
    in up to 2 % of normal data without a difference, so p is not told below .03 / seeds.
    With one or two seeds it is the percentile bootstrap on `weights` (as `speaker_weights`; by
    default 10,000 resamples from seed 0), and `covers` says so.
    """
    if len(row) >= SEEDS:
        found = mrmc(row, baseline, level)
        return Headline(*found._replace(p=max(found.p, FLOOR / len(row))), BOTH)
    if weights is None:
        weights = speaker_weights(row.shape[1], RESAMPLES, np.random.default_rng(0))
    observed = float(np.mean(mean_ccc(row) - mean_ccc(baseline)))
    scores = resampled_scores(np.stack([row, baseline]), weights).mean(axis=-1)
    resampled = scores[:, 0] - scores[:, 1]
    low, high = percentile(resampled, level)
    return Headline(observed, low, high, p_percentile(resampled), None, SPEAKERS)


def holm(p: list[float]) -> list[float]:
    """Holm's (1979) step-down adjustment of a family of p, in the order given."""
    order = np.argsort(p, kind="stable")
    steps = (len(p) - np.arange(len(p))) * np.asarray(p, dtype=np.float64)[order]
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(steps))
    return adjusted.tolist()


@dataclass(frozen=True)
class Evidence:
    """What all comparisons share: moments [rows, seeds, speakers, targets, 6] and derived from
    them Ĉ [rows, seeds], Ĉ resampled [R, rows, seeds], Ĉ without each speaker [rows, seeds,
    speakers]; the resamples' weights and the patterns of swaps.
    """

    moments: Array
    weights: NDArray[np.int64]
    level: float
    pattern: NDArray
    exact: bool
    observed: Array
    resampled: Array
    without: Array


def gather(moments: Array, resamples: int, level: float, rng: np.random.Generator) -> Evidence:
    """Draw the resamples and swaps that every comparison uses; RunError with one speaker."""
    speakers = moments.shape[2]
    weights = speaker_weights(speakers, resamples, rng)
    pattern, exact = swaps(speakers, resamples, rng)
    scores, without = resampled_scores(moments, weights), leave_one_out(moments)
    return Evidence(moments, weights, level, pattern, exact, mean_ccc(moments), scores, without)


def scores(evidence: Evidence) -> list[Numbers]:
    """Of each row: ccc, ccc_sd over seeds (None with one), and its intervals over speakers."""
    found = []
    for i, by_seed in enumerate(evidence.observed):
        mean, resampled = float(by_seed.mean()), evidence.resampled[:, i].mean(axis=-1)
        low, high = percentile(resampled, evidence.level)
        bca_low, bca_high = bca(mean, resampled, evidence.without[i].mean(axis=0), evidence.level)
        sd = float(np.std(by_seed, ddof=1)) if len(by_seed) > 1 else None
        ends = {"ccc_low": low, "ccc_high": high, "ccc_bca_low": bca_low, "ccc_bca_high": bca_high}
        found.append({"ccc": mean, "ccc_sd": sd, **ends})
    return found


def compare(evidence: Evidence, i: int, j: int) -> Numbers:
    """Row `i` against row `j`: difference, relative gain in percent, and every test's numbers.

    `gain_low` and `gain_high` are the headline's interval as a share of the baseline's Ĉ, so that
    they leave out 0 just where its p is small; `gain_bootstrap_*` let the baseline vary too. A
    gain over a baseline that is not above 0, here or in a resample, is None: it has no meaning.
    """
    row, baseline, level = evidence.moments[i], evidence.moments[j], evidence.level
    found = headline(row, baseline, level, evidence.weights)
    base = float(evidence.observed[j].mean())
    ours, theirs = (evidence.resampled[:, k].mean(axis=-1) for k in (i, j))
    share = None
    if min(base, theirs.min()) > 0:
        share = percentile(100 * (ours / theirs - 1), level)
    gain = [100 * v / base if base > 0 else None for v in (found.difference, found.low, found.high)]
    return {
        "difference": found.difference,
        "low": found.low,
        "high": found.high,
        "gain": gain[0],
        "gain_low": gain[1],
        "gain_high": gain[2],
        "gain_bootstrap_low": share[0] if share else None,
        "gain_bootstrap_high": share[1] if share else None,
        "p": found.p,
        "df": found.df,
        "covers": found.covers,
        "tests": _tests(evidence, i, j, found),
    }


def _tests(evidence: Evidence, i: int, j: int, found: Headline) -> dict[str, Numbers]:
    """Test → its p, interval and what it covers; None where the seeds are too few for it."""
    tests = {}
    if found.covers == BOTH:
        tests["mrmc"] = _test(BOTH, found.p, (found.low, found.high), df=found.df)
    else:
        tests["mrmc"] = _test(BOTH, None)
    return {
        **tests,
        **_bootstrap_tests(evidence, i, j),
        "permutation": _permutation_test(evidence, i, j),
        **_seed_tests(evidence.observed[i] - evidence.observed[j], evidence.level),
        "fisher z": _fisher_test(evidence, i, j),
    }


def _test(
    covers: str, p: float | None, interval: tuple[float, float] | None = None, **more: Any
) -> Numbers:
    low, high = interval or (None, None)
    return {"covers": covers, "p": p, "low": low, "high": high, **more}


def _bootstrap_tests(evidence: Evidence, i: int, j: int) -> dict[str, Numbers]:
    difference = float(np.mean(evidence.observed[i] - evidence.observed[j]))
    resampled = (evidence.resampled[:, i] - evidence.resampled[:, j]).mean(axis=-1)
    without = (evidence.without[i] - evidence.without[j]).mean(axis=0)
    level = evidence.level
    corrected = bca(difference, resampled, without, level)
    return {
        "bootstrap": _test(SPEAKERS, p_percentile(resampled), percentile(resampled, level)),
        "bootstrap BCa": _test(SPEAKERS, p_bca(difference, resampled, without), corrected),
    }


def _permutation_test(evidence: Evidence, i: int, j: int) -> Numbers:
    difference = float(np.mean(evidence.observed[i] - evidence.observed[j]))
    permuted = swapped_differences(evidence.moments[i], evidence.moments[j], evidence.pattern)
    p = p_permutation(difference, permuted.mean(axis=-1), evidence.exact)
    return _test(SPEAKERS, p, exact=evidence.exact)


def _seed_tests(differences: Array, level: float) -> dict[str, Numbers]:
    n = len(differences)
    if n < 2:
        return {"sign flip": _test(ALONE, None, smallest_p=None), "t": _test(ALONE, None)}
    p, low, high = t_over_seeds(differences, level)
    return {
        "sign flip": _test(ALONE, sign_flip(differences), smallest_p=smallest_p(n)),
        "t": _test(ALONE, p, (low, high), df=n - 1),
    }


def _fisher_test(evidence: Evidence, i: int, j: int) -> Numbers:
    """The "paper-style" test; None with so few clips that it does not exist."""
    clips = float(evidence.moments[i, 0, :, 0, 0].sum())
    if clips <= 3:
        return _test(CLIPS, None, z=None)
    ours, theirs = (np.clip(evidence.observed[k].mean(), -1, 1) for k in (i, j))
    z, p = fisher_z(ours, theirs, clips, clips)
    return _test(CLIPS, float(p), z=float(z))


def comparisons(evidence: Evidence, baselines: dict[str, list[int | None]]) -> list[Numbers]:
    """For every row: kind of baseline → the baseline's index, what `compare` gives, and p_holm;
    None without a baseline.

    `baselines`: kind → for every row the index of its baseline. Holm's family is all pairs of rows
    that are compared, each counted once: for the rows of the first encoder the local baseline is
    the global one too.
    """
    pairs = sorted(
        {(i, j) for kind in baselines.values() for i, j in enumerate(kind) if j is not None}
    )
    found = {pair: compare(evidence, *pair) for pair in pairs}
    adjusted = holm([found[pair]["p"] for pair in pairs])
    for pair, p in zip(pairs, adjusted, strict=True):
        found[pair] |= {"p_holm": p, "family": len(pairs)}
    return [
        {
            kind: None if (j := indices[i]) is None else {"baseline": j, **found[i, j]}
            for kind, indices in baselines.items()
        }
        for i in range(len(evidence.moments))
    ]
