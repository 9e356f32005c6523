"""Deng et al.'s (2021) claims about uncertainty, each as comparisons of rows, with a verdict."""

from typing import NamedTuple

from harness.errors import RunError
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
    """Every claim with its parts, Holm's p over those about one kind of students, and a verdict.

    "holds": every part is in the claimed direction and passes Holm's correction; "contradicted":
    one passes it in the other direction; else "not shown".
    """
    verdicts = []
    for students, kind in (("g", "soft labels alone"), ("h", ".6 labels + .4 soft labels")):
        claims = {
            claim: [_part(claim, part, comparisons) for part in parts]
            for claim, parts in claims_of(students).items()
        }
        correct([line for parts in claims.values() for line in parts])
        for claim, parts in claims.items():
            verdict = _verdict(parts, 1 - level)
            verdicts.append({"claim": claim, "students": kind, "verdict": verdict, "parts": parts})
    return verdicts


def _part(claim: str, part: Expected, comparisons: Comparisons) -> Numbers:
    for line in comparisons.get(part.measure, []):
        if (line["row"], line["baseline"]) == (part.row, part.baseline):
            return {"measure": part.measure, **line}
    raise RunError(
        f"the claim '{claim}' needs {part.row} compared with {part.baseline}; restore both rows, "
        "and what the first stands against, in rows.yaml"
    )


def _verdict(parts: list[Numbers], alpha: float) -> str:
    if any(part["p_holm"] is None for part in parts):
        return "too few seeds or speakers to tell"
    good = [(part["difference"] > 0) == TITLES[part["measure"]].higher for part in parts]
    sure = [part["p_holm"] <= alpha + 1e-12 for part in parts]
    if any(s and not g for g, s in zip(good, sure, strict=True)):
        return "contradicted"
    return "holds" if all(g and s for g, s in zip(good, sure, strict=True)) else "not shown"
