"""The columns of a table, and how its numbers are written."""

from collections.abc import Callable
from decimal import ROUND_CEILING, Decimal
from typing import Any, NamedTuple

from harness.evaluation.table import Table, TableRow, shown_kinds

DASH = "–"


class Column(NamedTuple):
    """What is shown of every row. `title` stands alone; `short` below a `group`'s name."""

    title: str
    text: Callable[[TableRow], str]
    group: str = ""
    short: str = ""


def number(value: float | None, decimals: int) -> str:
    """A number as printed in the table, "–" for none."""
    return DASH if value is None else f"{value:.{decimals}f}"


def probability(p: float | None, smallest: float | None = None) -> str:
    """p with three decimals, or four below 0.001, and then at least "<0.0001".

    A p that is the `smallest` that can be told is a bound, "≤ 0.01", and is rounded up.
    """
    if p is not None and p < 0.00005:
        return "<0.0001"
    decimals = 4 if p is not None and p < 0.001 else 3
    if p is not None and smallest is not None and p <= smallest < 1:
        exact, unit = Decimal(f"{p:.6g}"), Decimal(1).scaleb(-decimals)
        return f"≤ {exact.quantize(unit, ROUND_CEILING).normalize()}"
    return number(p, decimals)


def corrected(holm: float | None, p: float | None, smallest: float | None) -> str:
    """Holm's p as text: it is a bound where the p that it corrects is one."""
    at_floor = p is not None and smallest is not None and p <= smallest
    return probability(holm, holm if at_floor else None)


def interval(low: float | None, high: float | None, decimals: int) -> str:
    """ "[0.323, 0.415]", or a dash."""
    return DASH if low is None else f"[{number(low, decimals)}, {number(high, decimals)}]"


def score(row: TableRow) -> str:
    """ "0.613 ± 0.004"."""
    spread = "n/a" if row.ccc_sd is None else number(row.ccc_sd, 3)
    return f"{number(row.ccc, 3)} ± {spread}"


def _trend(row: TableRow) -> str:
    return row.trend or DASH


def _reads(row: TableRow) -> str:
    return ", ".join(f"{key} {_value(value)}" for key, value in row.reads.items())


def _value(value: Any) -> str:
    return " ".join(f"{each:g}" for each in value) if isinstance(value, list) else str(value)


def alpha(table: Table) -> float:
    """The p that is small."""
    return round(1 - table.level, 10)


def _percent(table: Table) -> str:
    return f"{100 * table.level:g} % interval"


def _front(table: Table) -> list[Column]:
    """Names, readings, parameters."""
    group = "Parameters (M)"
    reads = [Column("reads", _reads, "", "reads")] if any(row.reads for row in table.rows) else []
    paper: Column = Column(
        "paper (M)",
        lambda row: number(row.paper.params_m if row.paper else None, 2),
        group,
        "paper",
    )
    return [
        *reads,
        Column("params (M)", lambda row: number(row.params / 1e6, 2), group, "width 1"),
        Column("trained (M)", lambda row: number(row.params_trained / 1e6, 2), group, "trained"),
        *([paper] if has_paper(table) else []),
    ]


def has_paper(table: Table) -> bool:
    """Whether the paper prints any of its rows."""
    return any(row.paper for row in table.rows)


def _scores(table: Table) -> list[Column]:
    level, group = _percent(table), "Ĉ"
    paper: Column = Column(
        "paper Ĉ", lambda row: number(row.paper.ccc if row.paper else None, 3), group, "paper"
    )
    return [
        Column("Ĉ ± sd", score, group, "± sd"),
        *(
            [Column("trend", _trend, group, "trend")]
            if any(row.trend for row in table.rows)
            else []
        ),
        Column(level, lambda row: interval(row.ccc_low, row.ccc_high, 3), group, level),
        *([paper] if has_paper(table) else []),
    ]


def _weighed(table: Table) -> list[Column]:
    """In a family that weighs emotions: the worst one, and how even the weights are."""
    if not any(row.weighed for row in table.rows):
        return []

    def worst(row: TableRow) -> str:
        found = row.weighed
        return f"{found.worst} {number(found.worst_ccc, 3)}" if found else DASH

    def entropy(row: TableRow) -> str:
        return number(row.weighed.entropy if row.weighed else None, 2)

    return [Column("worst", worst, "Ĉ", "worst"), Column("entropy", entropy, "", "entropy")]


def _gain(table: Table, kind: str) -> list[Column]:
    """A kind of comparison: gain with its interval, p, Holm's p, the smallest gain that would be
    found, and the paper's gain.
    """
    smallest, group = table.smallest_p, f"{kind.capitalize()} gain (%)"

    def gain(row: TableRow) -> str:
        found = row.against.get(kind)
        if found is None or found.gain is None or found.gain_low is None:
            return number(found.gain if found else None, 1)
        return f"{number(found.gain, 1)} {interval(found.gain_low, found.gain_high, 1)}"

    def p(row: TableRow) -> str:
        found = row.against.get(kind)
        return probability(found.p, smallest) if found else DASH

    def holm(row: TableRow) -> str:
        found = row.against.get(kind)
        return corrected(found.p_holm, found.p, smallest) if found else DASH

    def detects(row: TableRow) -> str:
        found = row.against.get(kind)
        return number(found.detects_gain if found else None, 1)

    paper = Column(f"paper {kind}", lambda row: number(row.printed(kind), 1), group, "paper")
    return [
        Column(f"{kind} gain (%)", gain, group, f"gain [{_percent(table)}]"),
        Column(f"p ({kind})", p, group, "p"),
        Column(f"Holm ({kind})", holm, group, "Holm"),
        *([Column(f"detects ({kind})", detects, group, "detects")] if powered(table) else []),
        *([paper] if any(row.printed(kind) is not None for row in table.rows) else []),
    ]


def powered(table: Table) -> bool:
    """Whether any comparison says what it could have shown."""
    each = (gain.detects_gain for row in table.rows for gain in row.against.values())
    return any(gain is not None for gain in each)


def _brief_gain(table: Table, kind: str) -> list[Column]:
    """The same for the terminal: gain, p with a star where Holm leaves it small, the paper's."""

    def gain(row: TableRow) -> str:
        found = row.against.get(kind)
        return number(found.gain if found else None, 1)

    def p(row: TableRow) -> str:
        found = row.against.get(kind)
        if found is None:
            return DASH
        star = "*" if found.p_holm is not None and found.p_holm <= alpha(table) else ""
        return f"{probability(found.p, table.smallest_p).replace(' ', '')}{star}"

    paper = Column("paper", lambda row: number(row.printed(kind), 1))
    printed = any(row.printed(kind) is not None for row in table.rows)
    return [Column(f"{kind} %", gain), Column("p", p), *([paper] if printed else [])]


def printed_columns(table: Table) -> list[Column]:
    gains = [column for kind in shown_kinds(table) for column in _gain(table, kind)]
    row = Column("row", lambda row: row.row, "", "row")
    return [row, *_front(table), *_scores(table), *_weighed(table), *gains]


def terminal_columns(table: Table) -> list[Column]:
    gains = [column for kind in shown_kinds(table) for column in _brief_gain(table, kind)]
    scores = [
        column._replace(title="paper") if column.short == "paper" else column
        for column in _scores(table)
        if column.text is not _trend
    ]
    return [Column("row", lambda row: row.row), *scores, *gains]
