"""Differences of Table 2 under the paper-style test: Fisher's z, at clips and at speakers as units.

Which differences are significant for every unrounded Ĉ that the table allows, for none, or for
some. z rises with the difference d and, for one d, with the lower Ĉ; so its bounds are at the ends
of d and of the lower Ĉ, which linear programmes give.
"""

from collections.abc import Mapping
from itertools import product

import numpy as np

from harness.errors import RunError
from harness.evaluation.fisher import detectable, fisher_interval, fisher_z, quantile
from harness.extras.audit.finding import FAILS, HOLDS, UNDECIDED, Finding
from harness.extras.audit.gains import encoder, gains, scores
from harness.extras.audit.rounding import Span, allowed
from harness.paper import Paper

LEVEL = 0.95  # where no claim of significance says another
POWER = 0.8
WEAKNESSES = (
    "The paper names no test. Fisher's r-to-z for independent samples, two-tailed, applied to Ĉ, "
    "is the usual one for two printed coefficients. Its assumptions do not hold here: both systems "
    "see the same clips (so it is too careful), clips of one speaker are alike (so it is too bold "
    "at clips, and at speakers it ignores that one speaker gives many clips), CCC is not Pearson's "
    "r, Ĉ is a mean of ten of them, and one training run per row, perhaps at the best epoch on "
    "these very clips, says nothing of other seeds.",
    "Verdicts: `holds` is significant for every unrounded Ĉ that Table 2 allows, `fails` for none, "
    "`cannot be decided` for some.",
)


def level(paper: Paper) -> float:
    """The level of the first claim of significance."""
    claimed = (claim.level.value / 100 for claim in paper.claims if claim.level is not None)
    return next(claimed, LEVEL)


def units(paper: Paper) -> dict[str, int]:
    """Name of a unit → how many the validation set has."""
    return {
        name: int(paper.table1[name].validation.value)  # as printed
        for name in ("clips", "speakers")
    }


def comparisons(paper: Paper) -> list[tuple[str, str]]:
    """(row, baseline): local gains, RUWL over none, then global gains that are not local too."""
    local = [(gain.row, gain.baseline) for gain in gains(paper, ["local_gain"])]
    ruwl = [
        (name, name.removesuffix("-ruwl"))
        for name in paper.table2
        if name.endswith("-ruwl") and name.removesuffix("-ruwl") in paper.table2
    ]
    overall = [(gain.row, gain.baseline) for gain in gains(paper, ["global_gain"])]
    return list(dict.fromkeys([*local, *ruwl, *overall]))


def z_bounds(paper: Paper, row: str, baseline: str, n: int, with_gains: bool = True) -> Span:
    """Bounds of z over all unrounded Ĉ that the whole table allows; without gains, or where these
    contradict each other, over all that round to the printed ones."""
    printed, cells = scores(paper), gains(paper) if with_gains else []
    if allowed(printed, cells, {row: 1}) is None:
        cells = []
    difference = allowed(printed, cells, {row: 1, baseline: -1})
    ends = {name: allowed(printed, cells, {name: 1}) for name in (row, baseline)}
    lower = ends[baseline]
    if difference is None or lower is None:  # cannot be: without gains there is no contradiction
        raise RunError("Table 2 allows no Ĉ at all; check its numbers in paper.yaml")
    z = [float(fisher_z(r + d, r, n, n)[0]) for d, r in product(difference, lower)]
    return min(z), max(z)


def decision(bounds: Span, needed: float) -> str:
    """Is |z| beyond `needed` for all z in the bounds, for none, or for some?"""
    low, high = bounds
    if low > needed or high < -needed:
        return HOLDS
    return FAILS if -needed < low and high < needed else UNDECIDED


def difference_findings(paper: Paper, unit: str) -> list[Finding]:
    """Each comparison with n = the validation set's clips or speakers."""
    return [_difference(paper, unit, *pair) for pair in comparisons(paper)]


def _difference(paper: Paper, unit: str, row: str, baseline: str) -> Finding:
    n, at = units(paper)[unit], level(paper)
    ours, theirs = paper.table2[row].ccc, paper.table2[baseline].ccc
    z, p = (float(v) for v in fisher_z(ours.value, theirs.value, n, n))
    bounds, alone = (z_bounds(paper, row, baseline, n, gains) for gains in (True, False))
    needed = quantile(at)
    verdict = decision(bounds, needed)
    sentence = {
        HOLDS: "Significant.",
        FAILS: "Not significant.",
        UNDECIDED: "Significant or not, depending on the decimals that are not printed.",
    }[verdict]
    if verdict != decision(alone, needed):
        sentence += " Rounding of Ĉ alone leaves it open; the printed gains settle it."
    calculation = (
        f"(artanh {ours.text} − artanh {theirs.text}) / √(2 / ({n} − 3)): z = {z:.2f}, "
        f"p = {p_text(p)}; z in [{alone[0]:.2f}, {alone[1]:.2f}] over rounding, in "
        f"[{bounds[0]:.2f}, {bounds[1]:.2f}] with all gains, against ±{needed:.2f}"
    )
    where = f"Table 2, {row} over {baseline}"
    if baseline != encoder(row) and baseline != row.removesuffix("-ruwl"):
        where += " (global)"
    values = {"z": z, "p": p, "z_lowest": bounds[0], "z_highest": bounds[1], "n": n}
    values |= {"z_lowest_rounding": alone[0], "z_highest_rounding": alone[1]}
    found = f"fisher.{unit}.{row}.{baseline}"
    return Finding(found, where, verdict, sentence, calculation, (), {**values})


def p_text(p: float) -> str:
    """p with two digits, as 5.4e-08 below 0.001."""
    return f"{p:.1e}" if p < 0.001 else f"{p:.2g}"


def detectable_differences(paper: Paper, unit: str) -> list[dict[str, float | str]]:
    """For each vanilla row: its interval and the smallest rise over it that the test can find."""
    n, at = units(paper)[unit], level(paper)
    found: list[dict[str, float | str]] = []
    for name, row in paper.table2.items():
        if name != encoder(name):
            continue
        low, high = fisher_interval(row.ccc.value, n, at)
        found.append(
            {
                "row": name,
                "ccc": row.ccc.value,
                "interval_low": float(low),
                "interval_high": float(high),
                "just_significant": float(detectable(row.ccc.value, n, at)),
                "with_power_80": float(detectable(row.ccc.value, n, at, POWER)),
            }
        )
    return found


def claim_is_significant(paper: Paper, row: str, baseline: str) -> Mapping[str, str]:
    """Unit → decision for one comparison."""
    needed = quantile(level(paper))
    return {
        unit: decision(z_bounds(paper, row, baseline, n), needed)
        for unit, n in units(paper).items()
    }


def units_needed(r1: float, r2: float, at: float) -> int:
    """How many independent units two coefficients need to be just significantly different."""
    apart = abs(float(np.arctanh(r1) - np.arctanh(r2)))
    return int(np.ceil(2 * (quantile(at) / apart) ** 2 + 3))
