"""What each reading of the paper is worth: rows with one reading changed, beside the same row."""

from typing import Any

from tabulate import tabulate

from harness.config.readings import Readings, base, changes
from harness.config.table import Row
from harness.evaluation import floors
from harness.evaluation.ccc import Array, mean_ccc
from harness.evaluation.rendering import DASH, corrected, number, probability
from harness.evaluation.significance import headline, holm

SIGN = {True: "higher", False: "lower"}


def compared(row: str, other: str, moments: dict[str, Array], level: float) -> dict[str, Any]:
    """Ĉ of `row` less Ĉ of `other`, with interval and two-tailed p, None where there is none.

    `moments`: row → [seeds, speakers, targets, 6], the same seeds and speakers in all.
    """
    found = headline(moments[row], moments[other], level)
    return {
        "row": row,
        "against": other,
        "ccc": float(mean_ccc(moments[row]).mean()),
        "against_ccc": float(mean_ccc(moments[other]).mean()),
        "difference": found.difference,
        "low": found.low,
        "high": found.high,
        "p": found.p,
        "smallest_p": found.smallest_p,
        "covers": found.covers,
    }


def sensitivity(
    rows: list[str], values: dict[str, Any], moments: dict[str, Array], level: float
) -> list[dict[str, Any]]:
    """One dict a row: `compared` with its base, what is changed, and Holm's p over all rows.

    `values`: what the base reads, by key; the name of its preset is one of them.
    """
    lines = [
        compared(row, base(row), moments, level)
        | {
            "change": ", ".join(f"{k} {_text(v)}" for k, v in changes(row).items()),
            "from": ", ".join(_text(values[k]) for k in changes(row)),
        }
        for row in rows
    ]
    for line, p in zip(lines, holm([line["p"] for line in lines]), strict=True):
        line["p_holm"] = p
    return lines


def control_pairs(rows: list[str], table: list[Row]) -> list[tuple[str, str]]:
    """(row, row with RUWL) of each encoder of which `rows` changes the fixed weights.

    First the row without RUWL as it is in the table, then with other weights.
    """
    ruwl = {row.encoder: row.name for row in table if row.method == "rrtn-ruwl"}
    found = []
    for row in table:
        other = [r for r in rows if base(r) == row.name and "fixed_weights" in changes(r)]
        if other and row.method == "rrtn" and row.encoder in ruwl:
            found += [(name, ruwl[row.encoder]) for name in (row.name, *other)]
    return found


def meaning(line: dict[str, Any]) -> str:
    """What the reading decides, and what was seen; nothing is where there is no p."""
    keys = changes(line["row"])
    about = [
        f.description or "" for k in keys if (f := Readings.model_fields.get(k)) is not None
    ] or ["every key that params.yaml leaves to the preset"]
    if line["p"] is None:
        seen = DASH
    elif line["low"] <= 0 <= line["high"]:
        seen = "no difference seen"
    else:
        seen = f"Ĉ {SIGN[line['difference'] > 0]}"
    return f"{'; '.join(about)}: {seen}"


def markdown(found: dict[str, Any]) -> str:
    """readings.md from the content of readings.json."""
    percent = f"{100 * found['level']:g} % interval"
    head = ["row", "reading", "instead of", "Ĉ", "change", percent, "p", "p (Holm)", "meaning"]
    body = [
        [
            *(base(line["row"]), line["change"], line["from"], number(line["ccc"], 3)),
            *_difference(line),
            corrected(line["p_holm"], line["p"], line["smallest_p"]),
            meaning(line),
        ]
        for line in found["readings"]
    ]
    parts = [f"# Readings of the paper, measured on {found['corpus']}", found["caption"]]
    parts.append(_table(body, head))
    if found["controls"]:
        head = ["row", "Ĉ", "against", "Ĉ", "change", percent, "p"]
        body = [
            [
                *(line["row"], number(line["ccc"], 3)),
                *(line["against"], number(line["against_ccc"], 3)),
                *_difference(line),
            ]
            for line in found["controls"]
        ]
        parts += ["## How much of RUWL is the Barlow Twins term", CONTROLS, _table(body, head)]
    return "\n\n".join(parts) + "\n"


CONTROLS = (
    "Rows without RUWL and with other fixed weights (CCC, CCC of the masked view, Barlow Twins), "
    "each against the row with RUWL. With a weight of 0 the network is trained on two views and "
    "no redundancy is reduced at all."
)


def caption(found: dict[str, Any]) -> str:
    """How the table was made, in sentences."""
    seeds = ", ".join(map(str, found["seeds"]))
    family = sum(line["p"] is not None for line in found["readings"])
    if family:
        tests = (
            f"Interval and two-tailed p cover {found['covers']}; ≤ marks a p at the smallest that "
            "so many seeds and speakers can vouch for; Holm's p is corrected for the "
            f"{family} comparisons. The meaning is read off the interval alone."
        )
    else:
        tests = (
            f"p takes three seeds and {floors.FEWEST['mrmc']} dev speakers, so there is none, and "
            f"no meaning. The interval covers {found['covers'] or 'nothing'}."
        )
    return (
        f"Starting from the readings of profile {found['profile']} (preset {found['preset']}), one "
        f"is changed at a time, and the row is trained again with seeds {seeds}. The change in Ĉ "
        f"is on the {found['speakers']} dev speakers. {tests}"
    )


def _difference(line: dict[str, Any]) -> list[str]:
    low, high = line["low"], line["high"]
    interval = DASH if low is None else f"[{low:+.3f}, {high:+.3f}]"
    p = probability(line["p"], line["smallest_p"])
    return [f"{line['difference']:+.3f}", interval, p]


def _table(body: list[list[str]], head: list[str]) -> str:
    return tabulate(body, head, "github", disable_numparse=True)


def _text(value: Any) -> str:
    return ", ".join(f"{v:g}" for v in value) if isinstance(value, list) else str(value)
