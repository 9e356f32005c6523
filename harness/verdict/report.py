"""What `harness check` found: JSON, Markdown, plain text, and colours on a terminal."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from tabulate import tabulate

from harness.config.rows import TABLE2
from harness.verdict.judgement import Judgement, Verdict
from harness.verdict.outcome import Outcome
from harness.verdict.profiles import Checked
from harness.verdict.results import remedy
from harness.verdict.staleness import Staleness, together

FORMS = {"ccc": "{:.4f}", "params": "{:.0f}"}
PERCENT = "{:.2f}"  # of a gain
STYLES = {Verdict.OK: "green", Verdict.OKISH: "cyan", Verdict.CHANGED: "yellow"}  # others are red
HEADERS = ("row", "metric", "result", "expected", "OK ±", "OKish ±", "verdict", "command")
ALIGN = ("left", "left", *["right"] * 4, "left", "left")


def record(found: Outcome) -> dict[str, Any]:
    """Everything, for JSON; `stale` and `remade` are null where the locks were not looked at."""
    return {
        "word": found.word.value,
        "passes": found.passes,
        "base": found.bases,
        "counts": found.counts,
        "stale": found.gate.reasons if found.gate else None,
        "remade": found.gate.remade if found.gate else None,
        "profiles": [
            {
                "profile": one.profile,
                "family": one.family,
                "base": one.base,
                "against": one.against,
                "passes": one.passes,
                "counts": one.counts,
                "equal": one.equal,
                "trained": one.trained
                if isinstance(one.trained, str)
                else dict(zip(("same", "of"), one.trained, strict=True)),
                "made": one.made,
                "remarks": one.remarks,
                "cells": [c.record() | {"command": one.commands[c.row]} for c in one.cells],
            }
            for one in found.checked
        ],
    }


def text(found: Outcome, markdown: bool = False) -> str:
    """The report for people: plain with what moved, or in GitHub's Markdown with every number."""
    title, code = ("### {}", "`{}`") if markdown else ("{}", "{}")
    parts = []
    for one in found.checked:
        shown = lines(one, one.cells if markdown else moved(one))
        cells = [[*line[:-1], code.format(line[-1]) if line[-1] else ""] for line in shown]
        form = "github" if markdown else "simple"
        table = tabulate(cells, HEADERS, form, disable_numparse=True, colalign=ALIGN)
        parts += [title.format(summary(one)), *([table] if cells else [])]
        parts += ["\n".join(f"- {note}" for note in notes(one))] if notes(one) else []
    for first, each in stages(found.gate):
        parts += [title.format(first), *(["\n".join(each)] if each else [])]
    return "\n\n".join([*parts, found.sentence()]) + "\n"


def show(found: Outcome) -> None:
    """Print the report: coloured tables on a terminal, plain text anywhere else."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False, markup=False)
    if not console.is_terminal:
        print(text(found), end="")
        return
    for one in found.checked:
        console.print(summary(one))
        cells = moved(one)
        drawn = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
        for header, side in zip(HEADERS, ALIGN, strict=True):
            drawn.add_column(header, justify="right" if side == "right" else "left")
        for cell, line in zip(cells, lines(one, cells), strict=True):
            *numbers, verdict, command = line
            style = STYLES.get(cell.verdict, "bold red")
            drawn.add_row(*map(Text, numbers), Text(verdict, style), Text(command, "dim"))
        if cells:
            console.print(drawn)
        console.print("\n".join([*(f"- {note}" for note in notes(one)), ""]))
    alarm = "red" if found.gate and not found.gate.passes else None
    for first, each in stages(found.gate):
        console.print("\n".join([first, *each]), style=alarm)
    console.print(found.sentence(), style="bold green" if found.passes else "bold red")


def moved(one: Checked) -> list[Judgement]:
    """All but the numbers that are the expected ones, bit for bit."""
    return [c for c in one.cells if c.verdict is not Verdict.OK or c.observed != c.expected]


def lines(one: Checked, cells: list[Judgement]) -> list[list[str]]:
    """Texts [cells, columns]; the command stands in the first line of its row."""
    found, before = [], None
    for cell in cells:
        found.append([*_texts(cell), "" if cell.row == before else one.commands[cell.row]])
        before = cell.row
    return found


def _texts(cell: Judgement) -> list[str]:
    numbers = (cell.observed, cell.expected, cell.tolerance, cell.widened)
    form = FORMS.get(cell.metric, PERCENT)
    shown = ["–" if value is None else form.format(value) for value in numbers]
    return [cell.row, cell.metric, *shown, cell.verdict.value]


def summary(one: Checked) -> str:
    """The family, what it was compared with, and how many cells got which verdict."""
    counts = ", ".join(f"{number} {verdict}" for verdict, number in one.counts.items())
    return f"{one.name} against {one.against}: {counts}"


def notes(one: Checked) -> list[str]:
    """Why numbers could not be compared or were let pass, each reason once, and how the two runs
    differ."""
    reasons: dict[str, list[str]] = {}
    for cell in one.cells:
        if cell.note:
            reasons.setdefault(f"{cell.verdict}: {cell.note}", []).append(cell.row)
    found = [f"{why} ({', '.join(dict.fromkeys(rows))})" for why, rows in reasons.items()]
    if one.equal == len(one.cells) and one.base != "the paper" and not one.repeated:
        found.append("these numbers are equal, but others in the result files are not")
    if not one.made:
        found.append(
            f"read and not made here: not all its cells are in runs/{one.profile}/{one.family}"
        )
    return [*found, *one.remarks, *([one.trained] if isinstance(one.trained, str) else [])]


def stages(gate: Staleness | None) -> list[tuple[str, list[str]]]:
    """The staleness gate: a sentence for each family, with a line for each group of stages."""
    if gate is None:
        return [("Stages: not looked at, because dvc.lock is of another profile.", [])]
    found: list[tuple[str, list[str]]] = []
    for family, every in gate.families().items():
        stale = [stage for stage in every if stage in gate.reasons]
        command = "make repro" if family == TABLE2 else remedy(family)
        first = f"Stages of {family}: {len(stale)} of {len(every)} are STALE; run `{command}`."
        if not stale:
            first = f"Stages of {family}: all {len(every)} are as the lock has them."
        elif gate.idle.issuperset(every):
            found.append((f"Stages of {family}: not run; `{command}` makes its table.", []))
            continue
        elif gate.idle.issuperset(stale):
            first += " None of their results are here, so nothing fails."
        found.append((first, [f"- {name}: {why}" for name, why in _reasons(gate, stale)]))
    remade = [
        f"- {path} was remade; {', '.join(together(by))} came from the earlier bytes"
        for path, by in gate.remade.items()
    ]
    if remade:
        found.append(
            ("Made again from the same recipe, with other bytes; that is not STALE.", remade)
        )
    return found


def _reasons(gate: Staleness, stale: list[str]) -> Iterator[tuple[str, str]]:
    """("train (27 cells)", "code.py changed; params.yaml: rows.cnn10 modified (3 of them)")."""
    for name, each in together(stale).items():
        counts = Counter(reason for stage in each for reason in gate.reasons[stage])
        yield (
            name,
            "; ".join(r if n == len(each) else f"{r} ({n} of them)" for r, n in counts.items()),
        )
