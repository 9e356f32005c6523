"""Variants in turn (A B C A B C …), so that a machine that slows down slows all of them."""

import statistics
import time
from collections.abc import Callable, Mapping

Round = Callable[[], float]  # does a fixed amount of work, returns the seconds that it took
Seconds = dict[str, list[float]]

ROUNDS = 3  # at least: a median of fewer is no median
MOST = 25


def timed(work: Callable[[], object]) -> Round:
    """A round that is timed from outside."""

    def seconds() -> float:
        started = time.perf_counter()
        work()
        return time.perf_counter() - started

    return seconds


def interleaved(variants: Mapping[str, Round], budget: float) -> Seconds:
    """Seconds of each round of each variant, after one round of each that does not count.

    Ends with the first whole turn after `budget` seconds, but not before three turns.
    """
    for warm_up in variants.values():
        warm_up()
    seconds: Seconds = {name: [] for name in variants}
    started = time.perf_counter()
    for turn in range(MOST):
        if turn >= ROUNDS and time.perf_counter() - started > budget:
            break
        for name, one_round in variants.items():
            seconds[name].append(one_round())
    return seconds


def rates(seconds: Seconds, amount: Mapping[str, float]) -> dict[str, dict[str, float]]:
    """Per variant the median, lowest and highest amount per second; `amount`: of one round."""
    found = {}
    for name, each in seconds.items():
        per_second = [amount[name] / one for one in each]
        found[name] = {
            "median": statistics.median(per_second),
            "low": min(per_second),
            "high": max(per_second),
            "rounds": len(per_second),
        }
    return found


def ratios(seconds: Seconds, amount: Mapping[str, float], name: str) -> dict[str, float]:
    """How many times as fast as each other variant `name` is: medians over turns, one ratio a turn.

    Both rounds of a ratio lie in the same turn, so drift of the machine cancels.
    """
    own = [amount[name] / one for one in seconds[name]]
    return {
        other: statistics.median(
            mine * one / amount[other] for mine, one in zip(own, each, strict=True)
        )
        for other, each in seconds.items()
        if other != name
    }
