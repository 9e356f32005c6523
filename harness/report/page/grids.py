"""Tables of the page: cells of text, which sort by a number where they have one."""

from collections.abc import Callable, Sequence
from itertools import groupby
from typing import NamedTuple

from markupsafe import Markup

from harness.evaluation.columns import DASH, Column, number, printed_columns, score
from harness.evaluation.table import Table, TableRow, ranks, shown_kinds
from harness.report.page.words import verdict


class Entry(NamedTuple):
    """`text` as shown; `sort`: what it sorts by, or None for the text itself; `kind`: a class of
    the style; `tint`: 0 to 1, how strong its background is."""

    text: str | Markup
    sort: float | None = None
    kind: str = ""
    tint: float | None = None


class Grid(NamedTuple):
    """`label`: what it shows, in a sentence; `groups`: names above columns and how many each spans;
    the first cell of a row is its head. `foot`: rows that stay at the end."""

    label: str
    heads: list[Entry]
    rows: list[list[Entry]]
    groups: Sequence[tuple[str, int]] = ()
    foot: Sequence[list[Entry]] = ()


def minus(text: str) -> str:
    """With a true minus before digits, and no new line before a percent sign."""
    signs = "".join(
        "−" if sign == "-" and after.isdigit() and not before.isalnum() else sign
        for before, sign, after in zip(" " + text, text, text[1:] + " ", strict=False)
    )
    return signs.replace(" %", "\N{NO-BREAK SPACE}%")


def figure(value: float | None, decimals: int, signed: bool = False) -> Entry:
    """A number, "–" for none."""
    if value is None:
        return Entry(DASH, None, "num")
    text = f"{value:+.{decimals}f}" if signed else number(value, decimals)
    return Entry(minus(text), value, "num")


def text(content: str) -> Entry:
    """A cell of words."""
    return Entry(content)


def prose(content: str) -> Entry:
    """A sentence, which may have several lines."""
    return Entry(content, None, "prose")


def head(title: str, numeric: bool = True) -> Entry:
    """A column's name."""
    return Entry(title, None, "num" if numeric else "")


def word(content: str) -> Entry:
    """A verdict."""
    return Entry(content, None, f"word {content.split()[0]}")


PLACES = {0: "", 1: "best", 2: "second"}  # classes of the two highest Ĉ
WORDS = ("row", "reads", "trend", "worst")  # columns of words


def family_grid(table: Table) -> Grid:
    """The family's table as its Markdown has it, and a verdict beside every gain."""
    columns: list[tuple[Column, Callable[[TableRow], Entry]]] = []
    kinds = iter(shown_kinds(table))
    for column in printed_columns(table):
        columns.append((column, _shown(table, column)))
        if column.short.startswith("gain"):
            columns.append((column._replace(short="verdict"), _verdict(table, next(kinds))))
    rows = [[cell(row) for _, cell in columns] for row in table.rows]
    foot = []
    if table.ceiling is not None:
        ceiling = figure(table.ceiling, 3)
        foot = [
            [text("ceiling"), *(ceiling if c.text is score else text("") for c, _ in columns[1:])]
        ]
    return Grid(
        f"Every row of the family {table.family}: parameters, Ĉ, and its gains over the rows that "
        "it is compared with.",
        [head(c.short, c.short not in WORDS and c.short != "verdict") for c, _ in columns],
        rows,
        [(name, len(list(each))) for name, each in groupby(columns, lambda pair: pair[0].group)],
        foot,
    )


def _shown(table: Table, column: Column) -> Callable[[TableRow], Entry]:
    rank = ranks(table)

    def cell(row: TableRow) -> Entry:
        content = column.text(row)
        if column.short in WORDS:
            return Entry(content, None, "short")
        if column.text is score:
            return Entry(minus(content), row.ccc, f"num {PLACES[rank.get(row.row, 0)]}")
        return Entry(minus(content), first_number(content), "num")

    return cell


def _verdict(table: Table, kind: str) -> Callable[[TableRow], Entry]:
    def cell(row: TableRow) -> Entry:
        gain = row.against.get(kind)
        return word(verdict(gain, table)) if gain else text(DASH)

    return cell


def first_number(content: str) -> float | None:
    """What a cell like "≤ 0.01" or "-19.5 [-26.4, -12.7]" sorts by."""
    for part in content.replace("≤", " ").replace("<", " ").split():
        try:
            return float(part)
        except ValueError:
            continue
    return None
