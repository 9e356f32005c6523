"""Guizzo et al.'s claims about a family's rows: their parts, each tested or counted, and verdicts.

docs/protocol.md#anti-transfer and #quaternions have them in words, written before the runs.
"""

from typing import Any, NamedTuple

from scipy.special import stdtr

from harness.errors import RunError
from harness.evaluation import floors
from harness.evaluation.probes import COUNTRY, PROBES, SPEAKER
from harness.evaluation.significance import holm

Numbers = dict[str, Any]

CCC = "Ĉ"
COUNTED = {"parameters": "parameters", "work": "multiply-adds", "memory": "memory"}
HIGHER, LOWER, KEPT = "higher", "lower", "kept"
MARGIN = 0.05  # "kept": less than this share of the other row's value is lost
QUESTIONS = {
    "transfer": SPEAKER,
    "transfer-country": COUNTRY,
    "quaternion": SPEAKER,
    "quaternion-deep": SPEAKER,
}


class Supposed(NamedTuple):
    """A claim's part: by `measure` (Ĉ, a probe's accuracy, or a count) `row` is higher or lower
    than the row that its `against` calls `kind`, or keeps up with it."""

    measure: str
    row: str
    kind: str
    way: str = HIGHER


class Statement(NamedTuple):
    """A claim and its parts. Holm's correction is over the tested parts of all about one thing."""

    text: str
    about: str
    parts: list[Supposed]


def statements(family: str) -> list[Statement]:
    """The claims about a family's rows; RunError for a family that has none."""
    found = {
        "transfer": lambda: _transfer("speaker"),
        "transfer-country": lambda: _transfer("country"),
        "quaternion": _quaternion,
        "quaternion-deep": lambda: [*_fewer("cnn14"), *_fewer("vgg16")],
    }
    if family not in found:
        raise RunError(f"nothing is claimed about the family {family}; name one of {list(found)}")
    return found[family]()


def _transfer(task: str) -> list[Statement]:
    return [
        statement
        for row in ("gram", "centred")
        for statement in (
            Statement(
                f"Anti-transfer raises Ĉ and lowers what probes read of the {task}",
                row,
                _unlearned(row),
            ),
            Statement(
                f"It does so by what the frozen network knows of the {task}",
                row,
                [Supposed(CCC, row, "random"), Supposed("linear", row, "random", LOWER)],
            ),
        )
    ]


def _unlearned(row: str) -> list[Supposed]:
    probes = [Supposed(probe, row, "vanilla", LOWER) for probe in PROBES]
    return [Supposed(CCC, row, "vanilla"), *probes]


def _fewer(encoder: str) -> list[Statement]:
    row = f"{encoder}-quaternion"
    return [
        Statement(
            "Quaternions keep Ĉ with a quarter of the parameters",
            encoder,
            [Supposed(CCC, row, "real", KEPT), Supposed("parameters", row, "real", LOWER)],
        ),
        Statement(
            "They are better than a real network of half the width, with as few parameters",
            encoder,
            [Supposed(CCC, row, "half")],
        ),
        Statement(
            "They take less computation and memory than the real network",
            encoder,
            [Supposed(count, row, "real", LOWER) for count in ("work", "memory")],
        ),
    ]


def _quaternion() -> list[Statement]:
    about = "both at once"
    return [
        *_fewer("cnn10"),
        Statement(
            "Anti-transfer in quaternions raises Ĉ and lowers what probes read of the speaker",
            about,
            _unlearned("anti-1"),
        ),
        Statement(
            "It does so by what the frozen network knows of the speaker",
            about,
            [Supposed(CCC, "anti-1", "random")],
        ),
        Statement(
            "An early block is a good compromise: a gain, kept beside the last block's, for less",
            about,
            [
                Supposed(CCC, "anti-1", "vanilla"),
                Supposed(CCC, "anti-1", "block-4", KEPT),
                Supposed("work", "anti-1", "block-4", LOWER),
            ],
        ),
    ]


class Evidenced(NamedTuple):
    """What the stages before have left of a family: statistics.json, the probes of probes.json,
    and the counts by row; what probes are asked, and the level of all tests."""

    statistics: dict[str, Numbers]
    probes: list[Numbers]
    costs: dict[str, dict[str, float]]
    question: str
    level: float

    @property
    def alpha(self) -> float:
        """The p that is small."""
        return 1 - self.level + 1e-12


def judged(found: Evidenced, claims: list[Statement]) -> list[Numbers]:
    """Every claim with the numbers of its parts and a verdict.

    Holm's correction is over all tested parts about one thing, each pair of rows and measure once.
    """
    lines = {part: _line(found, part) for claim in claims for part in claim.parts}
    for about in dict.fromkeys(claim.about for claim in claims):
        own = {part: None for claim in claims if claim.about == about for part in claim.parts}
        tested = [lines[part] for part in own if part.measure not in COUNTED]
        for line, p in zip(tested, holm([line["p"] for line in tested]), strict=True):
            line["p_holm"] = p
    return [
        {
            "claim": claim.text,
            "about": claim.about,
            "verdict": verdict([lines[part] for part in claim.parts], found.alpha),
            "parts": [lines[part] for part in claim.parts],
        }
        for claim in claims
    ]


def verdict(parts: list[Numbers], alpha: float) -> str:
    """ "holds": every part is as claimed, and what is tested passes Holm's correction;
    "contradicted": a part is the other way and passes it, or is counted; "nothing to read": the
    probe of a part reads nothing from the row that another is compared with; else "not shown"."""
    tested = [part for part in parts if "p_holm" in part]
    if any(part["p_holm"] is None for part in tested):
        return "too few seeds or speakers to tell"
    sure = [part.get("p_holm", 0.0) <= alpha for part in parts]
    good = [part["as_claimed"] for part in parts]
    if any(s and not g for s, g in zip(sure, good, strict=True)):
        return "contradicted"
    if not all(part.get("readable", True) for part in parts):
        return "nothing to read"
    return "holds" if all(s and g for s, g in zip(sure, good, strict=True)) else "not shown"


def _line(found: Evidenced, part: Supposed) -> Numbers:
    if part.measure in COUNTED:
        return _counted(found, part)
    if part.measure == CCC:
        return _tested(part, _compared(found.statistics.get(part.row), part))
    one = _compared(_probe(found, part.row, part.measure), part)
    base = _found(_probe(found, one["baseline"], part.measure), part)
    above = base["above"]
    readable = above["difference"] > 0 and above["p"] is not None and above["p"] <= found.alpha
    return {**_tested(part, {"base": base["accuracy"], **one}), "readable": readable}


def _probe(found: Evidenced, row: str, probe: str) -> Numbers | None:
    for one in found.probes:
        if (one["question"], one["probe"], one["row"]) == (found.question, probe, row):
            return one
    return None


def _compared(row: Numbers | None, part: Supposed) -> Numbers:
    return _found(_found(row, part)["comparisons"].get(part.kind), part)


def _found(numbers: Numbers | None, part: Supposed) -> Numbers:
    if numbers is None:
        raise RunError(
            f"a claim needs the row {part.row} compared with '{part.kind}' by {part.measure}; "
            "restore both in rows.yaml, with keep: [embeddings] for a probe"
        )
    return numbers


def _tested(part: Supposed, found: Numbers) -> Numbers:
    """The test against no difference; where a value is to be kept, against the loss that is too
    much, with the same standard error."""
    bound = -MARGIN * abs(found["base"]) if part.way == KEPT else 0.0
    p = found["p"]
    if p is not None and found["error"] and bound:
        t = abs(found["difference"] - bound) / found["error"]
        p = floors.told(2 * float(stdtr(found["df"], -t)), found["smallest_p"])
    above = found["difference"] > bound
    return {
        **_named(part, found["baseline"]),
        **{key: found[key] for key in ("difference", "low", "high", "smallest_p")},
        "p": p,
        "as_claimed": found["difference"] < 0 if part.way == LOWER else above,
    }


def _counted(found: Evidenced, part: Supposed) -> Numbers:
    """Lower is less than the other row's by more than the margin."""
    baseline = _compared(found.statistics.get(part.row), part)["baseline"]
    ours, theirs = (found.costs[row][part.measure] for row in (part.row, baseline))
    ratio = ours / theirs
    return {**_named(part, baseline), "ratio": ratio, "as_claimed": ratio < 1 - MARGIN}


def _named(part: Supposed, baseline: str) -> Numbers:
    return {"measure": part.measure, "row": part.row, "baseline": baseline, "way": part.way}
