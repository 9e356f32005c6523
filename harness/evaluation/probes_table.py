"""What probes read, as Markdown."""

from itertools import groupby
from typing import Any

from tabulate import tabulate

from harness.evaluation.columns import interval, number, probability

Numbers = dict[str, Any]
HEAD = ["row", "accuracy ± sd", "shuffled", "chance", "p over shuffled"]
COMPARED = ["against", "difference", "p"]


def markdown(found: list[Numbers], family: str, seeds: int, level: float) -> str:
    """`found`: as harness.evaluation.probes.summary gives it."""
    parts = [f"# What probes read from the embeddings of {family}", _caption(seeds, level)]
    for (question, probe), each in groupby(found, key=lambda one: (one["question"], one["probe"])):
        lines = [line for one in each for line in _lines(one)]
        head = [*HEAD, *(COMPARED if any(line[len(HEAD)] for line in lines) else [])]
        shown = [line[: len(head)] for line in lines]
        align = ["left", *["right"] * 4, "left", "right", "right"][: len(head)]
        text = tabulate(shown, head, "github", disable_numparse=True, colalign=align)
        parts += [f"## {question}, {probe}", text]
    return "\n\n".join(parts) + "\n"


def _caption(seeds: int, level: float) -> str:
    return (
        f"Accuracy over {seeds} seeds and its standard deviation over them. A speaker is learned "
        "from 70 % of their dev clips and asked of the rest, a country learned on train and asked "
        "of dev, whose speakers are others. *Shuffled*: the same "
        "probe, taught labels in a random order. *Chance*: the answer that is right most often. "
        "Where p over shuffled is not small, nothing is read. The difference from another "
        f"row has a {100 * level:g} % interval and a p of its own. Both tests take seeds as "
        "readers and dev speakers as cases. The rules are in docs/protocol.md#probes."
    )


def _lines(one: Numbers) -> list[list[str]]:
    spread = "n/a" if one["sd"] is None else number(one["sd"], 3)
    front = [
        one["row"],
        f"{number(one['accuracy'], 3)} ± {spread}",
        number(one["shuffled"], 3),
        number(one["chance"], 3),
        probability(one["above"]["p"], one["above"]["smallest_p"]),
    ]
    lines = []
    for other in one["comparisons"].values():
        ends = interval(other["low"], other["high"], 3)
        difference = f"{other['difference']:+.3f} {ends}"
        p = probability(other["p"], other["smallest_p"])
        lines.append([*front, other["baseline"], difference, p])
        front = [""] * len(front)
    return lines or [[*front, "", "", ""]]
