"""A family's claims with their verdicts, and what each of its rows gives and costs, as Markdown."""

from typing import Any

from tabulate import tabulate

from harness.evaluation.claims import CCC, COUNTED, KEPT, LOWER, MARGIN, Evidenced
from harness.evaluation.columns import DASH, corrected, interval, number, probability
from harness.evaluation.probes import PROBES

Numbers = dict[str, Any]
HEAD = ["claim", "about", "verdict", "part", "claimed", "difference", "p", "Holm"]


def markdown(claims: list[Numbers], found: Evidenced, family: str, first: str | None) -> str:
    """`claims`: as harness.evaluation.claims.judged gives them; `first`: a warning about the
    corpus."""
    parts = [
        f"# What is claimed about {family}",
        *([f"**{first}**"] if first else []),
        _caption(found.level),
        _claims(claims),
        "## What each row gives and costs",
        _about_rows(found),
        _rows(found),
    ]
    return "\n\n".join(parts) + "\n"


def _caption(level: float) -> str:
    margin = f"{100 * MARGIN:g} %"
    return (
        "A claim **holds** if every part is as claimed and passes Holm's correction over the parts "
        f"about one thing at {1 - level:.2g}. It is **contradicted** if a part is the other way "
        "and passes. Else it is **not shown**. Where a probe reads nothing even from the row "
        "that another one is compared with, there is **nothing to read**. Tests take seeds as "
        f"readers and dev speakers as cases. *At most {margin} lower* is tested against a loss of "
        f"that size. Counts need no test: less is less by more than {margin}. The claims and this "
        "rule were fixed before the runs (docs/protocol.md)."
    )


def _claims(claims: list[Numbers]) -> str:
    lines = []
    for claim in claims:
        head = [claim["claim"], claim["about"], f"**{claim['verdict']}**"]
        for part in claim["parts"]:
            lines.append([*head, *_part(part)])
            head = ["", "", ""]
    return _table(lines, HEAD, 5)


def _part(part: Numbers) -> list[str]:
    name = COUNTED.get(part["measure"], part["measure"])
    if name in PROBES:
        name += " probe"
    what = f"{name}: {part['row']} {'/' if 'ratio' in part else '−'} {part['baseline']}"
    if "ratio" in part:
        return [what, "lower", f"× {part['ratio']:.3f}", DASH, DASH]
    ways = {LOWER: "lower", KEPT: f"at most {100 * MARGIN:g} % lower"}
    difference = f"{part['difference']:+.4f}"
    if part["low"] is not None:
        difference += f" {interval(part['low'], part['high'], 4)}"
    p, smallest = part["p"], part["smallest_p"]
    told = probability(p, smallest), corrected(part["p_holm"], p, smallest)
    return [what, ways.get(part["way"], "higher"), difference, *told]


def _about_rows(found: Evidenced) -> str:
    return (
        "Ĉ and the accuracy of probes are means over seeds ± their standard deviation; the probes "
        f"are asked for the {found.question}, and *shuffled* is the linear one's control. "
        "Parameters are those that are trained, without the frozen network. Multiply-adds are "
        "counted in convolutions and matrix products, of one clip: through the network, and in a "
        "training step with its backward pass and whatever a frozen network and the Gram matrices "
        "add. Memory is that of a training step, counted: weights, gradients and AdamW's moments, "
        "and what the backward pass keeps. Milliseconds and the memory that a process really takes "
        "depend on the machine: results/bench."
    )


def _rows(found: Evidenced) -> str:
    lines = [_row(found, row, one) for row, one in found.statistics.items()]
    head = [
        *("row", CCC, *(f"{probe} probe" for probe in PROBES), "shuffled"),
        *("parameters", "M multiply-adds", "M in a step", "MB"),
    ]
    return _table(lines, head, 1)


def _row(found: Evidenced, row: str, one: Numbers) -> list[str]:
    read = {
        each["probe"]: each
        for each in found.probes
        if each["row"] == row and each["question"] == found.question
    }
    probes = [_spread(read[probe], "accuracy", "sd") if probe in read else DASH for probe in PROBES]
    linear = read.get(next(iter(PROBES)))
    cost = found.costs.get(row)
    return [
        row,
        _spread(one, "ccc", "ccc_sd"),
        *probes,
        number(linear["shuffled"] if linear else None, 3),
        f"{cost['parameters']:,.0f}" if cost else DASH,
        *(number(cost[key] / 1e6 if cost else None, 2) for key in ("forward", "work")),
        number(cost["memory"] / 1e6 if cost else None, 1),
    ]


def _spread(one: Numbers, mean: str, sd: str) -> str:
    return f"{number(one[mean], 3)} ± {'n/a' if one[sd] is None else number(one[sd], 3)}"


def _table(lines: list[list[str]], head: list[str], texts: int) -> str:
    align = ["left"] * texts + ["right"] * (len(head) - texts)
    return tabulate(lines, head, "github", disable_numparse=True, colalign=align)
