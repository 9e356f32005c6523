"""Whether a p is told, and how small it may be: as far as seeds and speakers can vouch for it.

The numbers are results/simulation's, where the truth is known; tests/test_committed.py derives
`FEWEST` from it again.
"""

TAIL = 0.03  # over the number of seeds: below it the headline is not calibrated
FEWEST = {  # dev speakers from which on a p of 5 % can be reached, and a true null gives one in
    # at most 7.5 % of the simulated corpora, half as often again as it says
    "mrmc": 6,
    "bootstrap": 30,
    "bootstrap BCa": 30,
    "permutation": 6,
}


def exact(units: int) -> float:
    """The smallest p of an exact two-tailed test: all units on one side, 2 / 2^units, at most 1."""
    return min(1.0, 2.0 ** (1 - units))


def over_speakers(test: str, speakers: int, least: float) -> float | None:
    """The smallest p that a test over speakers tells; None where they are too few for any.

    `least`: what the test itself can give or vouch for; an exact test on so many speakers is the
    other bound.
    """
    return max(least, exact(speakers)) if speakers >= FEWEST[test] else None


def told(p: float, smallest: float | None) -> float | None:
    """p, but never below the smallest that its test tells; None where it tells none."""
    return None if smallest is None else max(p, smallest)
