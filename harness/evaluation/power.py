"""What a design could have shown: the smallest gain that the headline finds, and what more takes.

The headline is a t test, so its power is that of a noncentral t (Hillis, Obuchowski and Berbaum
2011). Variances are of pseudo-values of a paired difference [seeds, speakers], as in
harness.evaluation.mrmc: of a seed, of a speaker, and of a seed on a speaker.
"""

from bisect import bisect_left
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import brentq
from scipy.special import nctdtr, stdtrit

from harness.evaluation.mrmc import SEEDS, MeanSquares, degrees, variance

POWER = 0.8
LARGEST = 1000  # seeds; nobody trains more
GAINS = (2, 5)  # percent: about the least and the most that the paper prints over its own encoder
HUME_VB = 568  # its dev speakers


class Components(NamedTuple):
    """Variances of the pseudo-values; an estimate can be below 0."""

    seeds: float
    speakers: float
    both: float


def power(difference: float, error: float, df: float, level: float) -> float:
    """How often a t test with this standard error shows a true difference, two-tailed."""
    if error == 0:
        return 1.0 if difference else 0.0
    critical, centre = stdtrit(df, (1 + level) / 2), abs(difference) / error
    # the other tail is below 3e-7 from 5 on, where nctdtr has none
    other = nctdtr(df, centre, -critical) if centre < 5 else 0.0
    return float(1 - nctdtr(df, centre, critical) + other)


def detectable(error: float, df: float, level: float) -> float:
    """The smallest true difference that such a test shows with a probability of `POWER`."""
    if error == 0:
        return 0.0
    enough = 1.0
    while power(enough, 1.0, df, level) < POWER:
        enough *= 2
    return error * float(brentq(lambda size: power(size, 1.0, df, level) - POWER, 0.0, enough))


def components(ms: MeanSquares, seeds: int, speakers: int) -> Components:
    """From the mean squares of [seeds, speakers], by their expectations."""
    return Components((ms.seeds - ms.both) / speakers, (ms.speakers - ms.both) / seeds, ms.both)


def pooled(each: Sequence[Components]) -> Components:
    """The mean of several comparisons' components, each at least 0."""
    return Components(*np.maximum(np.mean(each, axis=0), 0).tolist())


def design(found: Components, seeds: int, speakers: int) -> tuple[float, float]:
    """Standard error and degrees of freedom of the headline with so many seeds and speakers."""
    ms = MeanSquares(
        speakers * found.seeds + found.both, seeds * found.speakers + found.both, found.both
    )
    return float(np.sqrt(variance(ms, seeds, speakers))), degrees(ms, seeds, speakers)


def seeds_needed(found: Components, speakers: int, difference: float, level: float) -> int | None:
    """The fewest seeds with which so many speakers show a true difference with `POWER`.

    None where `LARGEST` are not enough. More seeds never show less.
    """

    def enough(seeds: int) -> bool:
        return power(difference, *design(found, seeds, speakers), level) >= POWER

    fewest = SEEDS + bisect_left(range(SEEDS, LARGEST + 1), True, key=enough)
    return fewest if fewest <= LARGEST else None


def plan(
    comparisons: Sequence[dict[str, Any]], seeds: int, speakers: int, level: float
) -> dict[str, Any] | None:
    """The smallest gain (%) that this design finds, and how many seeds each of `GAINS` takes, by
    the number of dev speakers.

    `comparisons`: of one kind, as harness.evaluation.significance gives them. Their variances are
    averaged, and so are their baselines' Ĉ, of which a gain is a share. None where none has any.
    """
    known = [each for each in comparisons if each["squares"] and each["gain"] is not None]
    if not known:
        return None
    found = pooled([components(MeanSquares(**each["squares"]), seeds, speakers) for each in known])
    base = float(np.mean([each["base"] for each in known]))
    needed = [
        {
            "gain": gain,
            "speakers": size,
            "seeds": seeds_needed(found, size, base * gain / 100, level),
        }
        for gain in GAINS
        for size in sorted({speakers, 2 * speakers, HUME_VB})
    ]
    now = 100 * detectable(*design(found, seeds, speakers), level) / base
    return {"baseline": base, "variances": found._asdict(), "detects": now, "needed": needed}
