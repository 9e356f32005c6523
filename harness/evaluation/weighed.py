"""What rows that weigh losses are scored by beside Ĉ: their worst emotion, and their weights.

Never by the total: a loss at learned weights is low by construction (docs/protocol.md#weighting).
"""

import csv
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import fmean

from harness.config.strict import Strict
from harness.errors import RunError

WEIGHT = "weight_"
TWINS, CLEAN = "barlow_twins", "ccc"  # terms, as the history names them
Scores = dict[str, dict[tuple[str, str], list[float]]]  # row → selection and target → a CCC a seed


class Weighed(Strict):
    """Means over a row's seeds.

    `worst`: the target with the lowest CCC, `worst_ccc`; `entropy`: of the weights at the end, as a
    share of that of even ones; `twins`: what Barlow Twins then counts, relative to the clean view's
    CCC; `held_out`: the best epoch's Ĉ on held-out train speakers. None where a row has no such.
    """

    worst: str
    worst_ccc: float
    entropy: float | None
    twins: float | None
    held_out: float | None


def weighed(folder: Path, selections: dict[str, str], targets: Sequence[str]) -> dict[str, Weighed]:
    """Row → its scores. `folder`: of a family, with scores.csv and history.csv; `selections`: row →
    the epoch that it reports. Raises RunError for a row that the files lack."""
    scores: Scores = {}
    for line in _lines(folder / "scores.csv"):
        own = scores.setdefault(line["row"], {})
        own.setdefault((line["selection"], line["target"]), []).append(float(line["ccc"]))
    cells: dict[str, dict[str, list[dict[str, str]]]] = {}
    for line in _lines(folder / "history.csv"):
        cells.setdefault(line["row"], {}).setdefault(line["seed"], []).append(line)
    return {
        row: _of_row(row, selection, targets, scores, list(cells.get(row, {}).values()), folder)
        for row, selection in selections.items()
    }


def _of_row(
    row: str,
    selection: str,
    targets: Sequence[str],
    scores: Scores,
    histories: list[list[dict[str, str]]],
    folder: Path,
) -> Weighed:
    found = scores.get(row, {})
    lacking = [target for target in targets if (selection, target) not in found]
    if lacking or not histories:
        raise RunError(f"{folder} has no {selection} CCC of row '{row}'; collect the family again")
    means = {target: fmean(found[selection, target]) for target in targets}
    worst = min(means, key=lambda target: means[target])
    ends = [_weights(history[-1]) for history in histories]
    inside = [
        [float(x) for line in history if (x := line.get("held_out_ccc"))] for history in histories
    ]
    return Weighed(
        worst=worst,
        worst_ccc=round(means[worst], 6),
        entropy=_mean(entropy(_one_rule(end, targets)) for end in ends),
        twins=_mean(
            end[TWINS] / end[CLEAN] if TWINS in end and end[CLEAN] else None for end in ends
        ),
        held_out=_mean(max(each, default=None) for each in inside),
    )


def entropy(weights: Sequence[float]) -> float | None:
    """-Σ p ln p / ln n of the shares p of n weights: 1 for even ones, 0 for all on one.

    None for less than two weights, or for weights that have no shares.
    """
    total = sum(weights)
    if len(weights) < 2 or min(weights) < 0 or not 0 < total < math.inf:
        return None
    shares = [weight / total for weight in weights if weight > 0]
    return abs(sum(share * math.log(share) for share in shares)) / math.log(len(weights))


def sentences(found: dict[str, Weighed]) -> list[str]:
    """What a caption says of the columns, and of what has none. `found`: by row."""
    said = [
        "'worst' is the target with the lowest CCC.",
        "'entropy' is that of the weights after the last step, as a share of that of even weights: "
        "with 0 all weight is on one loss.",
    ]
    twins = {row: f"{each.twins:.2g}" for row, each in found.items() if each.twins is not None}
    if twins:
        said.append(
            "Weight of Barlow Twins after the last step, relative to that of the clean view's CCC: "
            f"{_listed(twins)}."
        )
    inside = {row: f"{x.held_out:.3f}" for row, x in found.items() if x.held_out is not None}
    if inside:
        said.append(f"Ĉ of the best epoch on held-out train speakers: {_listed(inside)}.")
    return said


def _one_rule(weights: dict[str, float], targets: Sequence[str]) -> list[float]:
    """Those of the emotions where a rule weighs them, else of the terms."""
    emotions = [weights[target] for target in targets if target in weights]
    return emotions or list(weights.values())


def _weights(line: dict[str, str]) -> dict[str, float]:
    return {
        name.removeprefix(WEIGHT): float(value)
        for name, value in line.items()
        if name.startswith(WEIGHT) and value
    }


def _mean(each: Iterable[float | None]) -> float | None:
    """Rounded to six digits; None where a cell has none."""
    values = list(each)
    known = [value for value in values if value is not None]
    return float(f"{fmean(known):.6g}") if known and len(known) == len(values) else None


def _listed(values: dict[str, str]) -> str:
    return ", ".join(f"{row} {value}" for row, value in values.items())


def _lines(path: Path) -> list[dict[str, str]]:
    if not path.is_file():
        raise RunError(f"{path} is missing; collect the family again")
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
