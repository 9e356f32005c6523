"""A table as text: Markdown, CSV, LaTeX and the terminal, all from one `Table`."""

import csv
import io
from itertools import groupby

from tabulate import tabulate

from harness.evaluation.caption import caption, warning
from harness.evaluation.columns import (
    DASH,
    Column,
    alpha,
    has_paper,
    number,
    powered,
    printed_columns,
    score,
    terminal_columns,
)
from harness.evaluation.table import Table, ranks

MISSING = "MISSING"  # for Ĉ
WIDTH = 100  # columns of the terminal table


def _texts(table: Table, columns: list[Column], mark: dict[int, str]) -> list[list[str]]:
    """Texts [rows, columns]; `mark`: rank → format of the best and second Ĉ, e.g. "**{}**"."""
    rank, texts = ranks(table), []
    for row in table.rows:
        form = mark.get(rank.get(row.row, 0), "{}")
        texts.append(
            [form.format(c.text(row)) if c.text is score else c.text(row) for c in columns]
        )
    rest = [MISSING if c.text is score else "" for c in columns[1:]]
    texts += [[name, *rest] for name in table.missing]
    if table.ceiling is not None:
        ceiling = number(table.ceiling, 3)
        texts.append(["ceiling", *(ceiling if c.text is score else "" for c in columns[1:])])
    return texts


def markdown(table: Table) -> str:
    """The table and its caption in GitHub's Markdown; a warning about the corpus comes first."""
    columns = printed_columns(table)
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
            **({"trend": row.trend} if any(each.trend for each in table.rows) else {}),
            **row.model_dump(
                exclude={
                    "selection",
                    "averaged",
                    "trend",
                    "reads",
                    "against",
                    "paper",
                    "weighed",
                    "made",
                }
            ),
            **(row.weighed.model_dump() if row.weighed else {}),
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
                **({f"{kind}_detects": found and found.detects_gain} if powered(table) else {}),
            }
        if has_paper(table):
            paper = row.paper.model_dump() if row.paper else {}
            line |= {f"paper_{key}": paper.get(key) for key in _PAPER}
        lines.append(line)
    lines += [{"row": name, "ccc": MISSING} for name in table.missing]
    text = io.StringIO()
    columns = dict.fromkeys(key for line in lines for key in line)
    writer = csv.DictWriter(text, list(columns), lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return text.getvalue()


_PAPER = ("params_m", "ccc", "local_gain", "global_gain")


def latex(table: Table) -> str:
    """A `table*` for booktabs, two lines of head: the groups of columns, and the columns."""
    import pandas as pd  # a third of a second that nothing else here needs

    columns = printed_columns(table)
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
    columns = terminal_columns(table)
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
        starred = f" * marks a p that Holm's correction leaves at or below {alpha(table):g}."
    console.print(f"{caption(table)}{starred}", markup=False)
