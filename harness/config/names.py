"""One rule for every name that a user gives: names become paths, words of a shell and dotted keys.

A row with changed readings is such a name with `+key=value` after it, once or more often.
"""

import re
from typing import Annotated

from pydantic import AfterValidator

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
CHANGE = re.compile(r"[a-z_]+=[A-Za-z0-9.,_-]+")
LONGEST = 200  # bytes of a row with its changes; a file system takes 255 for a folder's name
RULE = "use a-z, 0-9, '-' and '_', at most 64 of them, the first a letter or a digit"
OTHERS = ("raw", "source", "paper", "bench", "simulation")  # what else lies in data/ and results/


def name(text: str) -> str:
    """The same text; ValueError with the rule if it is no name."""
    if not NAME.fullmatch(text):
        raise ValueError(f"no name; {RULE}")
    return text


def varied(text: str) -> str:
    """The same text, a name with changed readings; ValueError with the rule if it is none."""
    first, *changes = text.split("+")
    name(first)
    if not changes or not all(CHANGE.fullmatch(change) for change in changes):
        raise ValueError("write row+key=value, with a value of letters, digits and . , _ -")
    if len(text) > LONGEST:
        raise ValueError(f"longer than {LONGEST} letters; change fewer readings in one row")
    return text


def profile_name(text: str) -> str:
    """The same text; ValueError if it is no name, or the name of a folder with another meaning."""
    if text in OTHERS:
        raise ValueError(f"other things are kept in folders called {', '.join(OTHERS)}; rename it")
    return name(text)


Name = Annotated[str, AfterValidator(name)]
Varied = Annotated[str, AfterValidator(varied)]
