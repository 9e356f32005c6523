"""A finding of the audit: where, what verdict, why, and the calculation that shows it."""

from collections.abc import Iterable
from dataclasses import dataclass, field

HOLDS, CONDITION, UNDECIDED, FAILS = VERDICTS = (
    "holds",
    "possible only if",
    "cannot be decided",
    "fails",
)


@dataclass(frozen=True)
class Finding:
    """`sentence` says why; after `possible only if` it goes on with the condition. `numbers`:
    dotted places in paper.yaml of the printed numbers that the verdict is about. `values`: what was
    calculated, for machines. `cause`: what is behind it where it does not hold; findings with the
    same cause are one fault, or hang on one condition."""

    id: str
    where: str
    verdict: str
    sentence: str
    calculation: str
    numbers: tuple[str, ...] = ()
    values: dict[str, float | int | None] = field(default_factory=dict)
    cause: str = ""


def worst(verdicts: Iterable[str]) -> str:
    """The gravest of some verdicts, `holds` of none."""
    return max(verdicts, key=VERDICTS.index, default=HOLDS)
