"""Deng et al.'s (2021) claims about uncertainty, each as comparisons of rows, with a verdict."""

from typing import NamedTuple

from harness.errors import RunError
from harness.evaluation.claims import verdict
from harness.evaluation.uncertainty import LOUDNESS, TITLES, Numbers, correct

Comparisons = dict[str, list[Numbers]]  # by measure


class Expected(NamedTuple):
    """A claim's part: `row` is better than `baseline` by `measure`."""

    row: str
    baseline: str
    measure: str


def claims_of(students: str) -> dict[str, list[Expected]]:
    """Deng et al.'s claims, of the students whose rows are called `students`1 to 3."""
    third = f"{students}3"
    found = {
        "The students' NLL is better than variance scaling's and MC dropout's": [
            Expected(third, "scaling", "nll"),
            Expected(third, "mc-dropout", "nll"),
        ],
        "Generation 3 is better than generation 1": [Expected(third, f"{students}1", "nll")],
        "The student ensemble detects clips from out of domain": [
            Expected(third, LOUDNESS, "auroc"),
            Expected(third, LOUDNESS, "fpr95"),
        ],
    }
    one = {
        "One student estimates the uncertainty in domain": [
            Expected(f"{third}-student", "gauss", "nll"),
            Expected(f"{third}-student", "gauss", "ause"),
        ]
    }
    return found | one if students == "g" else found


def judged(comparisons: Comparisons, level: float) -> list[Numbers]:
    """Every claim with its parts, Holm's p over those about one kind of students, and a verdict."""
    verdicts = []
    for students, kind in (("g", "soft labels alone"), ("h", ".6 labels + .4 soft labels")):
        claims = {
            claim: [_part(claim, part, comparisons) for part in parts]
            for claim, parts in claims_of(students).items()
        }
        correct([line for parts in claims.values() for line in parts])
        for claim, parts in claims.items():
            found = verdict(parts, 1 - level + 1e-12)
            verdicts.append({"claim": claim, "students": kind, "verdict": found, "parts": parts})
    return verdicts


def _part(claim: str, part: Expected, comparisons: Comparisons) -> Numbers:
    for line in comparisons.get(part.measure, []):
        if (line["row"], line["baseline"]) == (part.row, part.baseline):
            as_claimed = (line["difference"] > 0) == TITLES[part.measure].higher
            return {"measure": part.measure, "as_claimed": as_claimed, **line}
    raise RunError(
        f"the claim '{claim}' needs {part.row} compared with {part.baseline}; restore both rows, "
        "and what the first stands against, in rows.yaml"
    )
