"""The paper's sentences about results: their numbers against Table 2, and what they say of it."""

from collections.abc import Callable

from harness.extras.audit.finding import (
    FAILS,
    HOLDS,
    UNDECIDED,
    Finding,
    worst,
)
from harness.extras.audit.gains import encoder, gains, scores
from harness.extras.audit.rounding import Span, allowed, span
from harness.extras.audit.significance import (
    claim_is_significant,
    level,
    units,
    units_needed,
)
from harness.paper import Claim, Paper, Printed

Part = tuple[str, str, str]  # verdict, sentence, calculation


def sentence_findings(paper: Paper) -> list[Finding]:
    """Each claim of paper.yaml; a claim of significance is a second finding."""
    found = []
    for claim in paper.claims:
        found.append(_claim(paper, claim))
        if claim.level is not None and claim.row is not None and claim.baseline is not None:
            found.append(_significance(paper, claim, claim.row, claim.baseline, claim.level))
    return found


def _claim(paper: Paper, claim: Claim) -> Finding:
    parts = [*_numbers(paper, claim)]
    if claim.id in STATEMENTS:
        parts.append(STATEMENTS[claim.id](paper, claim))
    if not parts:
        parts = [(UNDECIDED, "Names no number.", "–")]
    verdict = worst(part[0] for part in parts)
    shown = [part for part in parts if part[0] == verdict]
    numbers = tuple(
        f"claims.{claim.id}.{key}"
        for key in ("ccc", "baseline_ccc", "gain")
        if getattr(claim, key) is not None
    )
    return Finding(
        f"claims.{claim.id}",
        _where(claim),
        verdict,
        " ".join(part[1] for part in shown),
        "; ".join(part[2] for part in parts),
        numbers,
    )


def _where(claim: Claim) -> str:
    place = claim.section if claim.section[:1].isalpha() else f"§{claim.section}"
    return f"{place}, {claim.id}"


def _numbers(paper: Paper, claim: Claim) -> list[Part]:
    """The claim's Ĉ and gain against the cells of Table 2 that they repeat."""
    pairs: list[tuple[str, Printed, Printed | None]] = []
    for key, row in (("ccc", claim.row), ("baseline_ccc", claim.baseline)):
        number: Printed | None = getattr(claim, key)
        if number is not None and row is not None:
            pairs.append((f"Ĉ of {row}", number, paper.table2[row].ccc))
    if claim.gain is not None and claim.row is not None and claim.baseline is not None:
        cells = {(gain.row, gain.baseline): gain.printed for gain in gains(paper)}
        cell = cells.get((claim.row, claim.baseline))
        pairs.append((f"gain of {claim.row} over {claim.baseline}", claim.gain, cell))
    parts = []
    for what, said, cell in pairs:
        if cell is None:
            parts.append((UNDECIDED, f"Table 2 has no {what}.", f"{what}: {said.text}, –"))
            continue
        agree = _alike(span(said), span(cell))
        verdict = HOLDS if agree else FAILS
        sentence = "The numbers are those of Table 2." if agree else f"Table 2 has another {what}."
        parts.append((verdict, sentence, f"{what}: {said.text}, Table 2 {cell.text}"))
    return list(dict.fromkeys(parts)) if len({part[1] for part in parts}) > 1 else _merged(parts)


def _alike(one: Span, other: Span) -> bool:
    """Whether some number rounds to both; 4.8 and 4.9 share a tie only, which is none."""
    return min(one[1], other[1]) - max(one[0], other[0]) > 1e-9


def _merged(parts: list[Part]) -> list[Part]:
    if not parts:
        return []
    return [(parts[0][0], parts[0][1], "; ".join(part[2] for part in parts))]


def _range(paper: Paper, weights: dict[str, float]) -> Span:
    """Over all Ĉ that the whole table allows; over rounding alone where it allows none."""
    printed = scores(paper)
    found = allowed(printed, gains(paper), weights) or allowed(printed, [], weights)
    assert found is not None  # intervals alone are never empty
    return found


def _positive(
    ranges: dict[str, Span], true: str, false: Callable[[str], str], calculation: str = ""
) -> Part:
    """Holds where all differences are above 0 for all unrounded Ĉ, fails where one is for none.

    `ranges`: what is compared → its least and greatest difference; `false` tells of the one that
    is least. Without a `calculation` the least difference is the calculation.
    """
    if not ranges:
        return UNDECIDED, "Table 2 has no rows to compare.", "–"
    verdicts = {
        name: HOLDS if low > 0 else FAILS if high <= 0 else UNDECIDED
        for name, (low, high) in ranges.items()
    }
    verdict = worst(verdicts.values())
    least = min((n for n, v in verdicts.items() if v == verdict), key=lambda name: ranges[name][0])
    low, high = ranges[least]
    sentence = {
        HOLDS: f"{true}, whatever was rounded.",
        FAILS: false(least),
        UNDECIDED: "It depends on decimals that are not printed.",
    }[verdict]
    return verdict, sentence, calculation or f"least: {least} in [{low:.4f}, {high:.4f}]"


def _always(paper: Paper, claim: Claim) -> Part:
    """Every RRTN row is above the vanilla row of its encoder."""
    twins = [name for name in paper.table2 if name != encoder(name)]
    return _positive(
        {
            f"{name} − {encoder(name)}": _range(paper, {name: 1, encoder(name): -1})
            for name in twins
        },
        f"All {len(twins)} RRTN rows are above their vanilla row in Ĉ",
        lambda least: f"{least} is not above 0.",
    )


def _highest(paper: Paper, claim: Claim) -> Part:
    """The claim's row has the highest Ĉ of the table."""
    return _above(paper, claim.row, list(paper.table2), "the table")


def _up_to(paper: Paper, claim: Claim) -> Part:
    """The claim's row has the highest Ĉ of its encoder's rows."""
    own = encoder(claim.row or "")
    return _above(paper, claim.row, [name for name in paper.table2 if encoder(name) == own], own)


def _above(paper: Paper, row: str | None, rows: list[str], where: str) -> Part:
    if row is None:
        return UNDECIDED, "paper.yaml names no row for it.", "–"
    return _positive(
        {f"{row} − {name}": _range(paper, {row: 1, name: -1}) for name in rows if name != row},
        f"{row} is the highest of {where}",
        lambda least: f"{least} is not above 0.",
    )


def _marginal(paper: Paper, claim: Claim) -> Part:
    """In each encoder, RRTN alone adds more Ĉ than RUWL does on top."""
    ranges, texts = {}, []
    for name in paper.table2:
        rrtn, vanilla = name.removesuffix("-ruwl"), encoder(name)
        if name == rrtn or rrtn not in paper.table2:
            continue
        ranges[vanilla] = _range(paper, {rrtn: 2, vanilla: -1, name: -1})
        first, second = (
            paper.table2[a].ccc.value - paper.table2[b].ccc.value
            for a, b in ((rrtn, vanilla), (name, rrtn))
        )
        texts.append(f"{vanilla} {first:.3f} from RRTN, {second:.3f} from RUWL")
    return _positive(
        ranges,
        "RRTN alone adds more Ĉ than RUWL on top of it",
        lambda least: f"RUWL adds at least as much as RRTN on {least}.",
        "; ".join(texts),
    )


SAYS = {HOLDS: "holds", FAILS: "fails", UNDECIDED: "depends on rounding"}
STATEMENTS: dict[str, Callable[[Paper, Claim], Part]] = {
    "always-a-gain": _always,
    "cnn14-global-gain": _highest,
    "cnn14-up-to": _up_to,
    "cnn10-up-to": _up_to,
    "ruwl-marginal": _marginal,
}


def _significance(
    paper: Paper, claim: Claim, row: str, baseline: str, printed_level: Printed
) -> Finding:
    decisions = claim_is_significant(paper, row, baseline)
    n = units(paper)
    ours, theirs = (claim.ccc or paper.table2[row].ccc), paper.table2[baseline].ccc
    needed = units_needed(ours.value, theirs.value, level(paper))
    if len(set(decisions.values())) == 1:
        verdict = decisions["clips"]
        sentence = {
            HOLDS: "Significant whether clips or speakers are the units.",
            FAILS: "Not significant whether clips or speakers are the units.",
            UNDECIDED: "It depends on decimals not printed.",
        }[verdict]
    else:
        verdict = UNDECIDED
        sentence = (
            "The paper names neither test nor unit. By Fisher's z it "
            + " and ".join(
                f"{SAYS[decisions[unit]]} with the {count:,} {unit} as independent units"
                for unit, count in n.items()
            )
            + "."
        )
    calculation = (
        f"Fisher z with clips: {decisions['clips']}, with speakers: {decisions['speakers']}; "
        f"{theirs.text} and {ours.text} need {needed:,} independent units each"
    )
    return Finding(
        f"claims.{claim.id}.significance",
        f"{_where(claim)}, 'significant difference at the {printed_level.text}%'",
        verdict,
        sentence,
        calculation,
        (f"claims.{claim.id}.level",),
        {"units_needed": needed, **n},
        "" if verdict == HOLDS else "the claimed significance",
    )
