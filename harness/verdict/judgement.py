"""A result against what is expected of it: OK, OKish, CHANGED, LOW, HIGH, MISSING or STALE."""

import math
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any

from scipy.stats import t

from harness.config.tolerances import Metrics, Spread, Tolerance
from harness.paper import Paper, Printed
from harness.verdict.results import GAIN, Results, Sample

SLACK = 1e-9  # floating point at the very edge of a tolerance


class Verdict(StrEnum):
    """OK: within the tolerance; OKish: within what the seeds' spread adds to it; LOW, HIGH: not.

    CHANGED: not either, and not made from the same as what is expected.
    """

    OK = "OK"
    OKISH = "OKish"
    CHANGED = "CHANGED"
    LOW = "LOW"
    HIGH = "HIGH"
    MISSING = "MISSING"
    STALE = "STALE"

    @property
    def passes(self) -> bool:
        return self in (Verdict.OK, Verdict.OKISH, Verdict.CHANGED)


@dataclass(frozen=True)
class Judgement:
    """One cell of the table: a metric of a row, observed and expected, in the metric's unit.

    `tolerance`: the largest |difference| that is OK; `widened`: the largest that is OKish; None
    where nothing is expected.
    """

    row: str
    metric: str
    observed: float | None
    expected: float | None
    tolerance: float | None
    widened: float | None
    verdict: Verdict
    note: str = ""

    def record(self) -> dict[str, Any]:
        """As written to JSON; NaN never gets here."""
        return asdict(self)


def tolerance(expected: Sample, allowed: Tolerance) -> float:
    """The larger of the absolute and the relative tolerance, and the rounding of a printed one."""
    size = abs(expected.value or 0.0)
    return max(allowed.absolute, allowed.relative * size) + expected.rounding


def allowance(observed: Sample, expected: Sample, spread: Spread) -> float:
    """What seeds alone explain: t · s · √(1/n + 1/m), the two-sample t interval of two means.

    s² pools the samples that have `spread.seeds` seeds or more; one with fewer counts as one run.
    0 when neither has.
    """
    samples = [
        sample if sample.sd is not None and sample.runs >= spread.seeds else None
        for sample in (observed, expected)
    ]
    runs = [s.runs if s else 1 for s in samples]
    freedom = sum(n - 1 for n in runs)
    if freedom == 0:
        return 0.0
    squares = sum((s.runs - 1) * (s.sd or 0.0) ** 2 for s in samples if s)
    quantile = float(t.ppf((1 + spread.level) / 2, freedom))
    return quantile * math.sqrt(squares / freedom) * math.sqrt(sum(1 / n for n in runs))


def verdict(difference: float, within: float, widened: float) -> Verdict:
    """Of observed − expected, for two numbers that are there and fresh; edges belong inside."""
    if abs(difference) <= within + SLACK:
        return Verdict.OK
    if abs(difference) <= widened + SLACK:
        return Verdict.OKISH
    return Verdict.LOW if difference < 0 else Verdict.HIGH


def judge(
    row: str,
    metric: str,
    observed: Sample,
    expected: Sample,
    allowed: Tolerance,
    spread: Spread,
    stale: str | None = None,
) -> Judgement:
    """One cell. A number that is missing on either side or not finite is MISSING; then STALE, when
    `stale` says why; only then are numbers compared."""
    within = tolerance(expected, allowed)
    widened = within + allowance(observed, expected, spread)
    ours, theirs = _number(observed.value), _number(expected.value)
    if ours is None or theirs is None:
        note = "no result" if ours is None else "nothing to compare with"
        found = Verdict.MISSING
    elif stale:
        note, found = stale, Verdict.STALE
    else:
        note, found = "", verdict(ours - theirs, within, widened)
    return Judgement(row, metric, ours, theirs, within, widened, found, note)


Moved = Callable[[list[str]], str | None]  # rows → what else they were made from, if they were
Expected = dict[str, dict[str, Sample]]  # row → metric → what is expected; no metric: nothing is


def printed(paper: Paper) -> Expected:
    """Table 2 as printed, each number ± its rounding and of one run, as far as the paper says."""
    return {
        name: {
            metric: number
            for metric, number in (
                ("ccc", _sample(row.ccc)),
                ("local_gain", _sample(row.local_gain)),
                ("global_gain", _sample(row.global_gain)),
                ("params", _sample(row.params_m, 1e6)),
            )
            if number is not None
        }
        for name, row in paper.table2.items()
    }


def committed(reference: Results) -> Expected:
    """Another run's results with the spread of its own seeds; "–" in its table expects nothing."""
    return {
        row: {
            metric: sample
            for metric in reference.measured
            if (sample := reference.sample(row, metric)).value is not None or metric == "ccc"
        }
        for row in reference.rows
    }


def unmoved(rows: list[str]) -> None:
    """All rows are made from the same as what is expected of them, as far as anyone can tell."""


def compare(
    results: Results | None,
    expected: Expected,
    allowed: Metrics,
    spread: Spread,
    stale: dict[str, str],
    moved: Moved = unmoved,
) -> list[Judgement]:
    """Every expected number judged; `stale`: row → why its cells are not of this code and params.

    A gain is stale, or made from something else, with its row or with its baseline. Rows that
    nothing is expected of are left out here; see `unexpected`.
    """
    judgements = []
    for row, metrics in expected.items():
        contradiction = results.contradiction(row) if results else None
        for metric, sample in metrics.items():
            behind = results.behind(row, metric) if results else [row]
            why = _stale(stale, behind) or contradiction
            observed = results.sample(row, metric) if results else Sample(None)
            one = judge(row, metric, observed, sample, allowed.of(metric), spread, why)
            if not one.verdict.passes and not why and not _diverged(one, results, behind):
                reason = moved(behind)
                one = replace(one, verdict=Verdict.CHANGED, note=reason) if reason else one
            judgements.append(one)
    return judgements


def unexpected(
    results: Results, expected: Expected, stale: dict[str, str], moved: Moved = unmoved
) -> tuple[list[Judgement], list[str]]:
    """What was found and nothing is expected of. A number of a row that is new is judged; any other
    is returned as "row metric" and never counts as a pass."""
    judgements, others = [], []
    for row in results.rows:
        for metric in results.measured:
            found = results.sample(row, metric).value
            if found is None or metric in expected.get(row, {}):
                continue
            behind = results.behind(row, metric)
            why, change = _stale(stale, behind), moved(behind)
            if why or change:
                verdict = Verdict.STALE if why else Verdict.CHANGED
                note = why or change or ""
                judgements.append(Judgement(row, metric, found, None, None, None, verdict, note))
            else:
                others.append(f"{row} {metric}")
    return judgements, others


def _stale(stale: dict[str, str], rows: list[str]) -> str | None:
    return next((stale[row] for row in rows if row in stale), None)


def _diverged(one: Judgement, results: Results | None, behind: list[str]) -> bool:
    """Whether the row and its baseline are there and the number is not: no change excuses that."""
    baseline = not one.metric.endswith(GAIN) or len(behind) == 2
    there = results is not None and one.row in results.rows and baseline
    return there and one.observed is None


def passes(judgements: Iterable[Judgement]) -> bool:
    """Whether there is anything to judge and all of it passes."""
    verdicts = [judgement.verdict for judgement in judgements]
    return bool(verdicts) and all(one.passes for one in verdicts)


def _sample(number: Printed | None, unit: float = 1.0) -> Sample | None:
    return None if number is None else Sample(number.value * unit, rounding=number.rounding * unit)


def _number(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
