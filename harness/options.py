"""Numbers and names on a command line."""

import os
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Callable

CORES = os.cpu_count() or 1
JOBS = 2 * CORES  # processes side by side; more only wait for each other, and take memory


def whole(lowest: int, highest: int) -> Callable[[str], int]:
    """An argparse type: a whole number within these bounds, which a refusal names."""

    def number(text: str) -> int:
        try:
            found = int(text)
        except ValueError:
            raise ArgumentTypeError(f"{text!r} is no whole number") from None
        if not lowest <= found <= highest:
            raise ArgumentTypeError(f"{text} is not within {lowest} to {highest}")
        return found

    return number


def positive(highest: float) -> Callable[[str], float]:
    """An argparse type: a number above 0 and at most `highest`."""

    def number(text: str) -> float:
        try:
            found = float(text)
        except ValueError:
            raise ArgumentTypeError(f"{text!r} is no number") from None
        if not 0 < found <= highest:
            raise ArgumentTypeError(f"{text} is not above 0 and at most {highest:g}")
        return found

    return number


def family_named(about: str | None, arguments: list[str] | None = None) -> str:
    """The one argument of a stage that works on a family; `arguments`: sys.argv's where None."""
    parser = ArgumentParser(description=about)
    parser.add_argument("family", help="one of rows.yaml, e.g. table2")
    return str(parser.parse_args(arguments).family)
