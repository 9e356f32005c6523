"""Which unrounded Ĉ a table allows: every printed number is an interval, every gain two lines.

A gain of g percent over b, g = 100 (a / b − 1), printed as one in [low, high], says
low · b ≤ 100 (a − b) ≤ high · b: linear in the unrounded a and b, as b > 0. All cells together are
a linear programme. Intervals are closed: a tie may be rounded either way.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, linprog, milp

from harness.errors import RunError
from harness.paper import Printed

Array = NDArray[np.float64]
Span = tuple[float, float]
SCALE = 1000  # Ĉ in thousandths: the solver's absolute tolerance (1e-7) is then far below rounding
INFEASIBLE = 2  # scipy's status, of linprog and of milp


@dataclass(frozen=True)
class PrintedGain:
    """A printed relative gain in percent of row over baseline; `place` is its name."""

    place: str
    row: str
    baseline: str
    printed: Printed


def span(printed: Printed, unit: float = 1) -> Span:
    """The numbers that round to a printed one, lowest and highest, times `unit`."""
    return (printed.value - printed.rounding) * unit, (printed.value + printed.rounding) * unit


def overlap(one: Span, other: Span) -> bool:
    """Whether two closed intervals share a number; a last bit apart counts as touching."""
    slack = 1e-9 * max(map(abs, (*one, *other)))
    return max(one[0], other[0]) <= min(one[1], other[1]) + slack


def inside(value: float, within: Span) -> bool:
    """Whether a number lies in a closed interval, up to a last bit."""
    return overlap((value, value), within)


def allowed(
    scores: Mapping[str, Printed], gains: Sequence[PrintedGain], weights: Mapping[str, float]
) -> Span | None:
    """Least and greatest Σ weight · Ĉ over all unrounded Ĉ for which every score and every gain is
    printed as it is; None if there are none.

    `scores`: row → printed Ĉ; `weights`: row → factor, e.g. {"cnn14-rrtn": 1, "cnn14": -1}.
    """
    factors = tuple(float(weights.get(row, 0)) for row in scores)
    return _extremes(tuple(scores.items()), tuple(gains), factors)


@cache  # the same ranges are asked for by several findings
def _extremes(
    scores: tuple[tuple[str, Printed], ...],
    gains: tuple[PrintedGain, ...],
    factors: tuple[float, ...],
) -> Span | None:
    spans = np.array([span(printed) for _, printed in scores])
    if not gains:  # a box: each Ĉ at the end that its factor asks for
        ends = np.sort(spans * np.array(factors)[:, np.newaxis], axis=1).sum(axis=0)
        return float(ends[0]), float(ends[1])
    lines = _lines(dict(scores), gains)
    least_and_greatest = []
    for sign in (1, -1):
        found = linprog(
            sign * np.array(factors), A_ub=lines, b_ub=np.zeros(len(lines)), bounds=SCALE * spans
        )
        if found.status == INFEASIBLE:
            return None
        if not found.success:
            raise RunError(f"the linear programme of Table 2 has no answer: {found.message}")
        least_and_greatest.append(sign * found.fun / SCALE)
    return least_and_greatest[0], least_and_greatest[1]


def smallest_conflicts(
    scores: Mapping[str, Printed], gains: Sequence[PrintedGain]
) -> list[frozenset[str]]:
    """All smallest sets of printed numbers without which the others can be true together.

    Of rows (their Ĉ) and places of gains; [frozenset()] if nothing has to go. A wrong Ĉ may be
    anything in [0.001, 1], a wrong gain anything. Integer programme: a 0/1 for each number,
    as few 1s as possible; each set found is then forbidden, until more are needed.
    """
    names = [*scores, *(gain.place for gain in gains)]
    constraints, bounds = _with_switches(scores, gains)
    costs = np.concatenate([np.zeros(len(scores)), np.ones(len(names))])
    integral = np.concatenate([np.zeros(len(scores)), np.ones(len(names))])
    found: list[frozenset[str]] = []
    while True:
        answer = milp(costs, integrality=integral, bounds=bounds, constraints=constraints)
        if not answer.success:
            break
        switches = answer.x[len(scores) :] > 0.5
        wrong = frozenset(name for name, on in zip(names, switches, strict=True) if on)
        if found and len(wrong) > len(found[0]):
            break
        found.append(wrong)
        if not wrong:
            break
        cut = np.concatenate([np.zeros(len(scores)), switches])
        constraints.append(LinearConstraint(cut[np.newaxis], -np.inf, len(wrong) - 1))
    return sorted(found, key=sorted)


def _lines(scores: Mapping[str, Printed], gains: Sequence[PrintedGain]) -> Array:
    """Two rows for each gain, both ≤ 0 when multiplied by the vector of Ĉ: [2 · gains, rows]."""
    index = {row: place for place, row in enumerate(scores)}
    lines = np.zeros((2 * len(gains), len(scores)))
    for place, gain in enumerate(gains):
        low, high = span(gain.printed)
        a, b = index[gain.row], index[gain.baseline]
        lines[2 * place, [a, b]] = 100, -100 - high
        lines[2 * place + 1, [a, b]] = -100, 100 + low
    return lines


def _with_switches(
    scores: Mapping[str, Printed], gains: Sequence[PrintedGain]
) -> tuple[list[LinearConstraint], Bounds]:
    """The programme with a switch for each number; switched on, its interval binds no more."""
    rows, cells = len(scores), len(gains)
    lines = _lines(scores, gains)
    reach = SCALE * np.abs(lines).sum(axis=1)  # beyond what a line can be while Ĉ is in [0, 1]
    off = np.zeros((2 * cells, rows + cells))
    off[np.arange(2 * cells), rows + np.arange(2 * cells) // 2] = -reach
    spans = np.array([span(printed, SCALE) for printed in scores.values()])
    free = np.hstack([SCALE * np.eye(rows), np.zeros((rows, cells))])
    constraints = [
        LinearConstraint(np.hstack([np.eye(rows), -free]), -np.inf, spans[:, 1]),
        LinearConstraint(np.hstack([np.eye(rows), free]), spans[:, 0], np.inf),
    ]
    if cells:
        constraints.append(LinearConstraint(np.hstack([lines, off]), -np.inf, 0))
    lower = np.concatenate([np.ones(rows), np.zeros(rows + cells)])  # a share of nothing is no gain
    upper = np.concatenate([np.full(rows, float(SCALE)), np.ones(rows + cells)])
    return constraints, Bounds(lower, upper)
