"""A result against what is expected of it: OK, OKish, CHANGED, LOW, HIGH, MISSING or STALE."""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any, NamedTuple

from scipy.stats import t

from harness.config.tolerances import Metrics, Spread, Tolerance
from harness.paper import Paper, Printed
from harness.verdict.results import METRICS, Results, Sample

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


class Pool(NamedTuple):
    """Variance over seeds of one metric, its degrees of freedom, and how many numbers it is for.

    Three seeds of one row may agree by chance, those of all rows of a table hardly do.
    """

    variance: float
    freedom: int
    numbers: int


def pool(pairs: Sequence[tuple[Sample, Sample]], spread: Spread, numbers: int = 0) -> Pool:
    """Of the observed and expected samples of a metric, one pair a row.

    Only samples of `spread.seeds` seeds or more tell. `numbers`: how many are judged at once (0: as
    many as there are pairs).
    """
    each = [sample for pair in pairs for sample in pair if _tells(sample, spread)]
    freedom = sum(sample.runs - 1 for sample in each)
    squares = sum((sample.runs - 1) * (sample.sd or 0.0) ** 2 for sample in each)
    return Pool(squares / freedom if freedom else 0.0, freedom, numbers or len(pairs))


def allowance(
    observed: Sample, expected: Sample, spread: Spread, pooled: Pool | None = None
) -> float:
    """What seeds alone explain: t · s · √(1/n + 1/m), the two-sample t interval of two means.

    s² is the pool's (None: of these two), and the level is of all its numbers together
    (Bonferroni). A sample of fewer than `spread.seeds` seeds counts as one run; 0 when both are.
    """
    pooled = pooled or pool([(observed, expected)], spread)
    runs = [s.runs if _tells(s, spread) else 1 for s in (observed, expected)]
    if pooled.freedom == 0 or max(runs) == 1:
        return 0.0
    tail = (1 - spread.level) / (2 * pooled.numbers)
    quantile = float(t.isf(tail, pooled.freedom))
    return quantile * math.sqrt(pooled.variance) * math.sqrt(sum(1 / n for n in runs))


def _tells(sample: Sample, spread: Spread) -> bool:
    return sample.sd is not None and sample.runs >= spread.seeds


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
    pooled: Pool | None = None,
) -> Judgement:
    """One cell; `pooled`: of all rows (None: of this one).

    A number that is missing on either side or not finite is MISSING; then STALE, when `stale` says
    why; only then are numbers compared.
    """
    within = tolerance(expected, allowed)
    widened = within + allowance(observed, expected, spread, pooled)
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
            for metric in METRICS
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
    pools = _pools(results, expected, spread)
    for row, metrics in expected.items():
        contradiction = results.contradiction(row) if results else None
        for metric, sample in metrics.items():
            behind = results.behind(row, metric) if results else [row]
            why = _stale(stale, behind) or contradiction
            observed = results.sample(row, metric) if results else Sample(None)
            one = judge(
                row, metric, observed, sample, getattr(allowed, metric), spread, why, pools[metric]
            )
            if not one.verdict.passes and not why and not _diverged(one, results, behind):
                reason = moved(behind)
                one = replace(one, verdict=Verdict.CHANGED, note=reason) if reason else one
            judgements.append(one)
    return judgements


def _pools(results: Results | None, expected: Expected, spread: Spread) -> dict[str, Pool]:
    """Metric → its pool over the rows; all numbers that have a spread are judged at once."""
    pairs: dict[str, list[tuple[Sample, Sample]]] = defaultdict(list)
    for row, metrics in expected.items():
        for metric, sample in metrics.items():
            observed = results.sample(row, metric) if results else Sample(None)
            pairs[metric].append((observed, sample))
    numbers = sum(
        any(_tells(sample, spread) for sample in pair) for each in pairs.values() for pair in each
    )
    return {metric: pool(each, spread, numbers) for metric, each in pairs.items()}


def unexpected(
    results: Results, expected: Expected, stale: dict[str, str], moved: Moved = unmoved
) -> tuple[list[Judgement], list[str]]:
    """What was found and nothing is expected of. A number of a row that is new is judged; any other
    is returned as "row metric" and never counts as a pass."""
    judgements, others = [], []
    for row in results.rows:
        for metric in METRICS:
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
    baseline = not one.metric.endswith("gain") or len(behind) == 2
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
