"""A table as text: Markdown, CSV, LaTeX and the terminal, all from one `Table`."""

import csv
import io
from collections.abc import Callable
from decimal import ROUND_CEILING, Decimal
from itertools import groupby
from typing import Any, NamedTuple

from tabulate import tabulate

from harness.evaluation.caption import caption, warning
from harness.evaluation.table import Table, TableRow, ranks, shown_kinds

WIDTH = 100  # columns of the terminal table
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


def _score(row: TableRow) -> str:
    spread = "n/a" if row.ccc_sd is None else number(row.ccc_sd, 3)
    return f"{number(row.ccc, 3)} ± {spread}"


def _reads(row: TableRow) -> str:
    return ", ".join(f"{key} {_value(value)}" for key, value in row.reads.items())


def _value(value: Any) -> str:
    return " ".join(f"{each:g}" for each in value) if isinstance(value, list) else str(value)


def _alpha(table: Table) -> float:
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
        *([paper] if _has_paper(table) else []),
    ]


def _has_paper(table: Table) -> bool:
    return any(row.paper for row in table.rows)


def _scores(table: Table) -> list[Column]:
    level, group = _percent(table), "Ĉ"
    paper: Column = Column(
        "paper Ĉ", lambda row: number(row.paper.ccc if row.paper else None, 3), group, "paper"
    )
    return [
        Column("Ĉ ± sd", _score, group, "± sd"),
        Column(level, lambda row: interval(row.ccc_low, row.ccc_high, 3), group, level),
        *([paper] if _has_paper(table) else []),
    ]


def _gain(table: Table, kind: str) -> list[Column]:
    """A kind of comparison: gain with its interval, p, Holm's p, and the paper's gain."""
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

    paper = Column(f"paper {kind}", lambda row: number(row.printed(kind), 1), group, "paper")
    return [
        Column(f"{kind} gain (%)", gain, group, f"gain [{_percent(table)}]"),
        Column(f"p ({kind})", p, group, "p"),
        Column(f"Holm ({kind})", holm, group, "Holm"),
        *([paper] if any(row.printed(kind) is not None for row in table.rows) else []),
    ]


def _brief_gain(table: Table, kind: str) -> list[Column]:
    """The same for the terminal: gain, p with a star where Holm leaves it small, the paper's."""

    def gain(row: TableRow) -> str:
        found = row.against.get(kind)
        return number(found.gain if found else None, 1)

    def p(row: TableRow) -> str:
        found = row.against.get(kind)
        if found is None:
            return DASH
        star = "*" if found.p_holm is not None and found.p_holm <= _alpha(table) else ""
        return f"{probability(found.p, table.smallest_p).replace(' ', '')}{star}"

    paper = Column("paper", lambda row: number(row.printed(kind), 1))
    printed = any(row.printed(kind) is not None for row in table.rows)
    return [Column(f"{kind} %", gain), Column("p", p), *([paper] if printed else [])]


def _columns(table: Table) -> list[Column]:
    gains = [column for kind in shown_kinds(table) for column in _gain(table, kind)]
    row = Column("row", lambda row: row.row, "", "row")
    return [row, *_front(table), *_scores(table), *gains]


def _brief(table: Table) -> list[Column]:
    gains = [column for kind in shown_kinds(table) for column in _brief_gain(table, kind)]
    scores = [c._replace(title="paper") if c.short == "paper" else c for c in _scores(table)]
    return [Column("row", lambda row: row.row), *scores, *gains]


def _texts(table: Table, columns: list[Column], mark: dict[int, str]) -> list[list[str]]:
    """Texts [rows, columns]; `mark`: rank → format of the best and second Ĉ, e.g. "**{}**"."""
    rank, texts = ranks(table), []
    for row in table.rows:
        form = mark.get(rank.get(row.row, 0), "{}")
        texts.append(
            [form.format(c.text(row)) if c.text is _score else c.text(row) for c in columns]
        )
    if table.ceiling is not None:
        ceiling = number(table.ceiling, 3)
        texts.append(["ceiling", *(ceiling if c.text is _score else "" for c in columns[1:])])
    return texts


def markdown(table: Table) -> str:
    """The table and its caption in GitHub's Markdown; a warning about the corpus comes first."""
    columns = _columns(table)
    texts = _texts(table, columns, {1: "**{}**", 2: "<u>{}</u>"})
    align = ["left" if c.title in ("row", "reads") else "right" for c in columns]
    head = [column.title for column in columns]
    body = tabulate(texts, head, "github", disable_numparse=True, colalign=align)
    first = warning(table)
    parts = [*([f"**{first}**"] if first else []), body, caption(table)]
    return "\n\n".join(parts) + "\n"


def comma_separated(table: Table) -> str:
    """One line a row, numbers unrounded; every line names its corpus, selection and seeds.

    A p that is `smallest_p` is a bound.
    """
    lines = []
    for row in table.rows:
        line = {
            "corpus": table.corpus,
            "selection": row.selection,
            "seeds": " ".join(map(str, table.seeds)),
            "smallest_p": table.smallest_p,
            **row.model_dump(exclude={"selection", "averaged", "reads", "against", "paper"}),
        }
        for kind in table.kinds:
            found = row.against.get(kind)
            line |= {
                f"{kind}_baseline": found and found.baseline,
                f"{kind}_gain": found and found.gain,
                f"{kind}_gain_low": found and found.gain_low,
                f"{kind}_gain_high": found and found.gain_high,
                f"p_{kind}": found and found.p,
                f"p_{kind}_holm": found and found.p_holm,
            }
        if _has_paper(table):
            paper = row.paper.model_dump() if row.paper else {}
            line |= {f"paper_{key}": paper.get(key) for key in _PAPER}
        lines.append(line)
    text = io.StringIO()
    writer = csv.DictWriter(text, list(lines[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return text.getvalue()


_PAPER = ("params_m", "ccc", "local_gain", "global_gain")


def latex(table: Table) -> str:
    """A `table*` for booktabs, two lines of head: the groups of columns, and the columns."""
    import pandas as pd  # a third of a second that nothing else here needs

    columns = _columns(table)
    texts = _texts(table, columns, {1: r"\textbf{{{}}}", 2: r"\underline{{{}}}"})
    head = [(_escape(column.group), _escape(column.short)) for column in columns]
    frame = pd.DataFrame(
        [[_escape(text) for text in row] for row in texts], columns=pd.MultiIndex.from_tuples(head)
    )
    align = "".join("l" if c.title in ("row", "reads") else "r" for c in columns)
    styler = frame.style.hide(axis="index")
    body = styler.to_latex(hrules=True, column_format=align, multicol_align="c")
    groups, rest = body.split("\\\\\n", 1)
    first = warning(table)
    sentences = _escape(" ".join([*([first] if first else []), caption(table)]))
    return (
        "\n".join(
            [
                *([f"% {first}"] if first else []),
                "% needs \\usepackage{booktabs}",
                r"\begin{table*}",
                rf"\caption{{{sentences}}}",
                r"\centering\scriptsize\setlength{\tabcolsep}{3pt}",
                groups + r"\\",
                _rules(columns),
                f"{rest}" + r"\end{table*}",
            ]
        )
        + "\n"
    )


def _rules(columns: list[Column]) -> str:
    """A line below each group's name, over the columns that it has."""
    rules, start = "", 1
    for group, each in groupby(columns, lambda column: column.group):
        end = start + len(list(each))
        rules += rf"\cmidrule(lr){{{start}-{end - 1}}}" if group else ""
        start = end
    return rules


def _escape(text: str) -> str:
    for plain, tex in (
        *((sign, f"\\{sign}") for sign in "%_&#"),
        *(("Ĉ", r"$\hat{C}$"), ("±", r"$\pm$"), ("≤", r"$\leq$"), (DASH, "--")),
    ):
        text = text.replace(plain, tex)
    return text


def show(table: Table) -> None:
    """Print the table on stdout, at most 100 columns wide; plain text when it is not a terminal."""
    from rich import box
    from rich.console import Console
    from rich.table import Table as Drawing

    console = Console(width=WIDTH, highlight=False)
    columns = _brief(table)
    style = {1: "[bold]{}[/bold]", 2: "[underline]{}[/underline]"}
    lines = box.SIMPLE_HEAD if console.is_terminal else box.ASCII2
    drawn = Drawing(box=lines, padding=(0, 0), collapse_padding=True, pad_edge=False)
    for place, column in enumerate(columns):
        drawn.add_column(column.title, justify="right" if place else "left", overflow="fold")
    for row in _texts(table, columns, style):
        drawn.add_row(*row)
    first = warning(table)
    if first:
        console.print(first, style="bold", markup=False)
    console.print(drawn)
    starred = ""
    if table.smallest_p is not None:
        starred = f" * marks a p that Holm's correction leaves at or below {_alpha(table):g}."
    console.print(f"{caption(table)}{starred}", markup=False)
