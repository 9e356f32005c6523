"""What `harness check` found: JSON, Markdown, plain text, and colours on a terminal."""

from typing import Any

from tabulate import tabulate

from harness.verdict.judgement import Judgement, Verdict
from harness.verdict.profiles import Checked
from harness.verdict.staleness import Staleness

FORMS = {"ccc": "{:.4f}", "local_gain": "{:.2f}", "global_gain": "{:.2f}", "params": "{:.0f}"}
STYLES = {Verdict.OK: "green", Verdict.OKISH: "cyan"}  # the others are red
HEADERS = ("row", "metric", "result", "expected", "OK ±", "OKish ±", "verdict", "command")
ALIGN = ("left", "left", *["right"] * 4, "left", "left")


def record(checked: list[Checked], gate: Staleness | None, passed: bool) -> dict[str, Any]:
    """Everything, for JSON; `stale` is null where the locks were not looked at."""
    return {
        "passes": passed,
        "stale": gate.reasons if gate else None,
        "profiles": [
            {
                "profile": one.profile,
                "against": one.against,
                "passes": one.passes,
                "counts": one.counts,
                "remarks": one.remarks,
                "cells": [c.record() | {"command": one.commands[c.row]} for c in one.cells],
            }
            for one in checked
        ],
    }


def text(
    checked: list[Checked], gate: Staleness | None, passed: bool, markdown: bool = False
) -> str:
    """The report for people, plain or in GitHub's Markdown; a row's command stands once."""
    title, code = ("### {}", "`{}`") if markdown else ("{}", "{}")
    parts = []
    for one in checked:
        cells = [[*line[:-1], code.format(line[-1]) if line[-1] else ""] for line in lines(one)]
        form = "github" if markdown else "simple"
        table = tabulate(cells, HEADERS, form, disable_numparse=True, colalign=ALIGN)
        parts += [title.format(summary(one)), *([table] if cells else [])]
        parts += ["\n".join(f"- {note}" for note in notes(one))] if notes(one) else []
    first, *each = stages(gate)
    parts += [title.format(first), *(["\n".join(each)] if each else []), outcome(passed)]
    return "\n\n".join(parts) + "\n"


def show(checked: list[Checked], gate: Staleness | None, passed: bool) -> None:
    """Print the report: coloured tables on a terminal, plain text anywhere else."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False, markup=False)
    if not console.is_terminal:
        print(text(checked, gate, passed), end="")
        return
    for one in checked:
        drawn = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
        for header, side in zip(HEADERS, ALIGN, strict=True):
            drawn.add_column(header, justify="right" if side == "right" else "left")
        for cell, line in zip(one.cells, lines(one), strict=True):
            *numbers, found, command = line
            style = STYLES.get(cell.verdict, "bold red")
            drawn.add_row(*map(Text, numbers), Text(found, style), Text(command, "dim"))
        console.print(drawn)
        console.print("\n".join([*(f"- {note}" for note in notes(one)), summary(one), ""]))
    console.print("\n".join(stages(gate)), style="red" if gate and gate.reasons else None)
    console.print(outcome(passed), style="bold green" if passed else "bold red")


def lines(one: Checked) -> list[list[str]]:
    """Texts [cells, columns]; the command stands in the first line of its row."""
    found, before = [], None
    for cell in one.cells:
        found.append([*_texts(cell), "" if cell.row == before else one.commands[cell.row]])
        before = cell.row
    return found


def _texts(cell: Judgement) -> list[str]:
    numbers = (cell.observed, cell.expected, cell.tolerance, cell.widened)
    form = FORMS[cell.metric]
    shown = ["–" if value is None else form.format(value) for value in numbers]
    return [cell.row, cell.metric, *shown, cell.verdict.value]


def summary(one: Checked) -> str:
    """The profile, what it was compared with, and how many cells got which verdict."""
    counts = ", ".join(f"{number} {verdict}" for verdict, number in one.counts.items())
    return f"{one.profile} against {one.against}: {counts}"


def notes(one: Checked) -> list[str]:
    """Why cells could not be compared, each reason once, and how the two runs differ."""
    reasons: dict[str, list[str]] = {}
    for cell in one.cells:
        if cell.note:
            reasons.setdefault(f"{cell.verdict}: {cell.note}", []).append(cell.row)
    found = [f"{why} ({', '.join(dict.fromkeys(rows))})" for why, rows in reasons.items()]
    return [*found, *one.remarks]


def stages(gate: Staleness | None) -> list[str]:
    """The staleness gate: one sentence, then a line for each group of stale stages."""
    if gate is None:
        return ["Stages: not looked at, because dvc.lock is of another profile."]
    total = len(gate.upstream)
    if not gate.reasons:
        return [f"Stages: all {total} are as dvc.lock has them."]
    each = [f"- {stage}: {'; '.join(reasons)}" for stage, reasons in gate.grouped()]
    apart = all(stage.startswith("sensitivity/") for stage in gate.reasons)
    command = "dvc repro sensitivity/dvc.yaml" if apart else "dvc repro"
    return [f"Stages: {len(gate.reasons)} of {total} are STALE; run `{command}`.", *each]


def outcome(passed: bool) -> str:
    """The last line."""
    return "The check passes." if passed else "The check FAILS."
