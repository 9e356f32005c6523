"""Table 2 as text: Markdown, CSV, LaTeX and the terminal, all from the dict of table.build."""

import csv
import io
from collections.abc import Callable
from decimal import ROUND_CEILING, Decimal
from typing import Any

from tabulate import tabulate

from harness.evaluation.table import caption, ranks, warning

Cell = Callable[[dict[str, Any]], str]
WIDTH = 100  # columns of the terminal table
DASH = "–"


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


def _score(row: dict[str, Any]) -> str:
    spread = "n/a" if row["ccc_sd"] is None else number(row["ccc_sd"], 3)
    return f"{number(row['ccc'], 3)} ± {spread}"


def _interval(row: dict[str, Any], key: str, decimals: int) -> str:
    low, high = row[f"{key}_low"], row[f"{key}_high"]
    return DASH if low is None else f"[{number(low, decimals)}, {number(high, decimals)}]"


def _gain(kind: str, brief: bool, alpha: float, smallest: float | None) -> list[tuple[str, Cell]]:
    key, p, holm = f"{kind}_gain", f"p_{kind}", f"p_{kind}_holm"
    paper: Cell = lambda row: number(row["paper"][key], 1)  # noqa: E731
    if brief:
        return [
            (f"{kind} %", lambda row: number(row[key], 1)),
            ("p", lambda row: _starred(probability(row[p], smallest), row[holm], alpha)),
            ("paper", paper),
        ]

    def with_interval(row: dict[str, Any]) -> str:
        share = number(row[key], 1)
        return share if row[f"{key}_low"] is None else f"{share} {_interval(row, key, 1)}"

    return [
        (f"{kind} gain (%)", with_interval),
        (f"p ({kind})", lambda row: probability(row[p], smallest)),
        (f"Holm ({kind})", lambda row: corrected(row[holm], row[p], smallest)),
        (f"paper {kind}", paper),
    ]


def _starred(p: str, holm: float | None, alpha: float) -> str:
    star = "*" if holm is not None and holm <= alpha else ""
    return f"{p.replace(' ', '')}{star}"  # every column counts


def _alpha(table: dict[str, Any]) -> float:
    return round(1 - table["level"], 10)


def _columns(table: dict[str, Any], brief: bool) -> list[tuple[str, Cell]]:
    params: list[tuple[str, Cell]] = [
        ("params (M)", lambda row: number(row["params"] / 1e6, 2)),
        ("trained (M)", lambda row: number(row["params_trained"] / 1e6, 2)),
        ("paper (M)", lambda row: number(row["paper"]["params_m"], 2)),
    ]
    scores: list[tuple[str, Cell]] = [
        ("Ĉ ± sd", _score),
        (f"{100 * table['level']:g} % interval", lambda row: _interval(row, "ccc", 3)),
        ("paper" if brief else "paper Ĉ", lambda row: number(row["paper"]["ccc"], 3)),
    ]
    gains = [
        column
        for kind in ("local", "global")
        for column in _gain(kind, brief, _alpha(table), table["smallest_p"])
    ]
    return [("row", lambda row: row["row"]), *([] if brief else params), *scores, *gains]


def _cells(
    table: dict[str, Any], columns: list[tuple[str, Cell]], mark: dict[int, str]
) -> list[list[str]]:
    """Texts [rows, columns]; `mark`: rank → format of the best and second Ĉ, e.g. "**{}**"."""
    rank, texts = ranks(table), []
    for row in table["rows"]:
        form = mark.get(rank.get(row["row"], 0), "{}")
        texts.append([form.format(f(row)) if f is _score else f(row) for _, f in columns])
    if table["ceiling"] is not None:
        ceiling = number(table["ceiling"], 3)
        texts.append(["ceiling", *(ceiling if f is _score else "" for _, f in columns[1:])])
    return texts


def markdown(table: dict[str, Any]) -> str:
    """The table and its caption in GitHub's Markdown; a warning about the corpus comes first."""
    columns = _columns(table, brief=False)
    cells = _cells(table, columns, {1: "**{}**", 2: "<u>{}</u>"})
    align = ("left", *["right"] * (len(columns) - 1))
    body = tabulate(cells, [h for h, _ in columns], "github", disable_numparse=True, colalign=align)
    first = warning(table)
    parts = [*([f"**{first}**"] if first else []), body, caption(table)]
    return "\n\n".join(parts) + "\n"


def comma_separated(table: dict[str, Any]) -> str:
    """One line a row, numbers unrounded; every line names its corpus, selection and seeds.

    A p that is `smallest_p` is a bound.
    """
    about = {
        "corpus": table["corpus"],
        "selection": table["selection"],
        "seeds": " ".join(map(str, table["seeds"])),
        "smallest_p": table["smallest_p"],
    }
    lines = []
    for row in table["rows"]:
        printed = {f"paper_{key}": value for key, value in row["paper"].items()}
        own = {key: value for key, value in row.items() if key != "paper"}
        lines.append({**about, **own, **printed})
    text = io.StringIO()
    writer = csv.DictWriter(text, list(lines[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return text.getvalue()


def latex(table: dict[str, Any]) -> str:
    """A `table*` for booktabs, two lines of head as the groups of columns need."""
    columns = _columns(table, brief=False)
    cells = _cells(table, columns, {1: r"\textbf{{{}}}", 2: r"\underline{{{}}}"})
    first = warning(table)
    sentences = _escape(" ".join([*([first] if first else []), caption(table)]))
    groups = {"Parameters (M)": 3, "$\\hat{C}$": 3, r"Local gain (\%)": 4, r"Global gain (\%)": 4}
    head = [rf"\multicolumn{{{wide}}}{{c}}{{{group}}}" for group, wide in groups.items()]
    interval = _escape(columns[5][0])
    gain = f"gain [{interval}] & $p$ & Holm & paper"
    lines = [
        *([f"% {first}"] if first else []),
        "% needs \\usepackage{booktabs}",
        r"\begin{table*}",
        rf"\caption{{{sentences}}}",
        r"\centering\scriptsize\setlength{\tabcolsep}{3pt}",
        rf"\begin{{tabular}}{{l*{{{len(columns) - 1}}}{{r}}}}",
        r"\toprule",
        " & ".join(["", *head]) + r" \\",
        r"\cmidrule(lr){2-4}\cmidrule(lr){5-7}\cmidrule(lr){8-11}\cmidrule(lr){12-15}",
        rf"row & width 1 & trained & paper & $\pm$ sd & {interval} & paper & {gain} & {gain} \\",
        r"\midrule",
        *(" & ".join(map(_escape, row)) + r" \\" for row in cells),
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table*}",
    ]
    return "\n".join(lines) + "\n"


def _escape(text: str) -> str:
    for plain, tex in (
        *((sign, f"\\{sign}") for sign in "%_&#"),
        *(("Ĉ", r"$\hat{C}$"), ("±", r"$\pm$"), ("≤", r"$\leq$"), (DASH, "--")),
    ):
        text = text.replace(plain, tex)
    return text


def show(table: dict[str, Any]) -> None:
    """Print the table on stdout, at most 100 columns wide; plain text when it is not a terminal."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    console = Console(width=WIDTH, highlight=False)
    columns = _columns(table, brief=True)
    style = {1: "[bold]{}[/bold]", 2: "[underline]{}[/underline]"}
    lines = box.SIMPLE_HEAD if console.is_terminal else box.ASCII2
    drawn = Table(box=lines, padding=(0, 0), collapse_padding=True, pad_edge=False)
    for place, (header, _) in enumerate(columns):
        drawn.add_column(header, justify="right" if place else "left", overflow="fold")
    for row in _cells(table, columns, style):
        drawn.add_row(*row)
    first = warning(table)
    if first:
        console.print(first, style="bold", markup=False)
    console.print(drawn)
    starred = ""
    if table["smallest_p"] is not None:
        starred = f" * marks a p that Holm's correction leaves at or below {_alpha(table):g}."
    console.print(f"{caption(table)}{starred}", markup=False)
