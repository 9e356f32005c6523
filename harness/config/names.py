"""One rule for every name that a user gives: it becomes a path, a word of a shell, a key."""

import re
from typing import Annotated

from pydantic import AfterValidator

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
RULE = "use a-z, 0-9, '-' and '_', at most 64 of them, the first a letter or a digit"
OTHERS = ("raw", "source", "paper", "bench", "simulation")  # what else lies in data/ and results/


def name(text: str) -> str:
    """The same text; ValueError with the rule if it is no name."""
    if not NAME.fullmatch(text):
        raise ValueError(f"no name; {RULE}")
    return text


def profile_name(text: str) -> str:
    """The same text; ValueError if it is no name, or the name of a folder with another meaning."""
    if text in OTHERS:
        raise ValueError(f"other things are kept in folders called {', '.join(OTHERS)}; rename it")
    return name(text)


Name = Annotated[str, AfterValidator(name)]
