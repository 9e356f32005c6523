"""Table 2's gains: every cell alone, every column, and both columns together."""

from collections.abc import Mapping, Sequence

from harness.errors import ParamsError
from harness.extras.audit.finding import CONDITION, FAILS, HOLDS, UNDECIDED, Finding
from harness.extras.audit.rounding import (
    PrintedGain,
    Span,
    allowed,
    inside,
    overlap,
    smallest_conflicts,
    span,
)
from harness.paper import Paper, Printed

COLUMNS = ("local_gain", "global_gain")


def encoder(row: str) -> str:
    """The encoder of a row of Table 2, which is also the name of its vanilla row."""
    return row.partition("-")[0]


def scores(paper: Paper) -> dict[str, Printed]:
    """Row → printed Ĉ."""
    return {name: row.ccc for name, row in paper.table2.items()}


def gains(paper: Paper, columns: Sequence[str] = COLUMNS) -> list[PrintedGain]:
    """The printed gains of some columns, each over the row that its column compares with: local
    over the encoder's vanilla row, global over the table's first row."""
    found = []
    for name, row in paper.table2.items():
        for column in columns:
            printed: Printed | None = getattr(row, column)
            baseline = encoder(name) if column == COLUMNS[0] else next(iter(paper.table2))
            if printed is None:
                continue
            if baseline not in paper.table2:
                raise ParamsError(f"paper.yaml: row '{name}' of table2 has no row '{baseline}'")
            found.append(PrintedGain(f"table2.{name}.{column}", name, baseline, printed))
    return found


def label(paper: Paper, gain: PrintedGain) -> str:
    """Where a gain stands, in the paper's words."""
    column = gain.place.rpartition(".")[2].replace("_", " ")
    return f"Table 2, {paper.table2[gain.row].label}, {column}"


def gain_over(row: float, baseline: float) -> float:
    """Relative gain in percent."""
    return 100 * (row / baseline - 1)


def gain_span(row: Printed, baseline: Printed) -> Span:
    """The least and the greatest gain of any two numbers that round to the printed Ĉ."""
    (low, high), (least, most) = span(row), span(baseline)
    return gain_over(low, most), gain_over(high, least)


def cell_findings(paper: Paper) -> list[Finding]:
    """Every gain alone: does it follow from the two printed Ĉ, or from any that round to them?"""
    return [_cell(paper, gain) for gain in gains(paper)]


def _cell(paper: Paper, gain: PrintedGain) -> Finding:
    printed = scores(paper)
    ours, theirs = printed[gain.row], printed[gain.baseline]
    nominal, possible = _nominal(printed, gain), gain_span(ours, theirs)
    wanted, decimals = span(gain.printed), gain.printed.decimals
    prints = f"{nominal:.{decimals}f}"
    calculation = (
        f"100 · ({ours.text} / {theirs.text} − 1) = {nominal:.2f}; over rounding "
        f"{_text(possible, 2)}; printed {gain.printed.text}, so in {_text(wanted, decimals + 1)}"
    )
    if inside(nominal, wanted):
        verdict, sentence = HOLDS, f"The printed Ĉ give {prints}."
    elif overlap(possible, wanted):
        verdict = CONDITION
        sentence = " and ".join(
            f"the unrounded Ĉ of {row} is in {_text(ends, 5)}"
            for row in (gain.baseline, gain.row)
            if (ends := allowed(printed, [gain], {row: 1})) is not None
        )
        sentence += f"; the printed Ĉ give {prints}, not {gain.printed.text}."
    else:
        verdict = FAILS
        sentence = (
            f"No Ĉ that round to {theirs.text} and {ours.text} give {gain.printed.text}; "
            f"they give {_text(possible, 2)}."
        )
    values = {"gain": nominal, "lowest": possible[0], "highest": possible[1]}
    cause = "" if verdict == HOLDS else _of(gain.row)
    where, numbers = label(paper, gain), (gain.place,)
    return Finding(gain.place, where, verdict, sentence, calculation, numbers, {**values}, cause)


def joint_findings(paper: Paper) -> list[Finding]:
    """Each column and both: is there one set of unrounded Ĉ for which all cells are as printed?
    Then what both columns together leave of each Ĉ."""
    return [
        _column(paper, "local", COLUMNS[:1]),
        _column(paper, "global", COLUMNS[1:]),
        _column(paper, "both", COLUMNS),
        *_ranges(paper),
    ]


def _column(paper: Paper, name: str, columns: Sequence[str]) -> Finding:
    printed, cells = scores(paper), gains(paper, columns)
    what = "both columns" if name == "both" else f"the column {name} gain"
    ranges = {row: allowed(printed, cells, {row: 1}) for row in printed}
    narrowed = {
        row: ends
        for row, ends in ranges.items()
        if ends is not None and not inside(printed[row].value, ends)
    }
    calculation = f"Linear programme of {len(printed)} Ĉ and {2 * len(cells)} inequalities: "
    direct = sum(inside(_nominal(printed, gain), span(gain.printed)) for gain in cells)
    follow = f"The printed Ĉ themselves give {direct} of {len(cells)} cells"
    numbers: tuple[str, ...] = ()
    if None in ranges.values():
        conflicts = smallest_conflicts(printed, cells)
        sets = [" and ".join(_place(name) for name in sorted(one)) for one in conflicts]
        verdict = FAILS
        sentence = f"No unrounded Ĉ give {what}: at least {len(conflicts[0])} must be wrong."
        calculation += f"infeasible; feasible without {'; or without '.join(sets)}"
        numbers = tuple(sorted({_place(name) for one in conflicts for name in one}))
    else:
        calculation += "feasible; least and greatest Ĉ " + ", ".join(
            f"{row} {_text(ends, 5)}" for row, ends in ranges.items() if ends is not None
        )
        verdict, sentence = HOLDS, f"{follow}."
    if narrowed:
        row = min(narrowed, key=lambda row: narrowed[row][1] - narrowed[row][0])
        others = [name for name in narrowed if name != row]
        verdict = CONDITION
        sentence = f"the unrounded Ĉ of {row} is in {_text(narrowed[row], 5)}"
        if others:
            sentence += f" (and that of {', '.join(others)} also off the printed value)"
        sentence += f". {follow}."
    where = f"Table 2, {what}"
    values = _ends(ranges)
    cause = "" if verdict == HOLDS else _freeing(printed, cells, list(narrowed))
    return Finding(f"table2.{name}", where, verdict, sentence, calculation, numbers, values, cause)


def _ranges(paper: Paper) -> list[Finding]:
    printed, cells = scores(paper), gains(paper)
    conflicts = smallest_conflicts(printed, cells)
    narrowed = [row for row in printed if not _free(printed, cells, row)]
    found = []
    for row, number in printed.items():
        ends, place = allowed(printed, cells, {row: 1}), f"table2.{row}.ccc"
        rounded = span(number)
        where = f"Table 2, {paper.table2[row].label}, Ĉ"
        if ends is None:
            accused = [row in one for one in conflicts]
            verdict = FAILS if all(accused) else UNDECIDED if any(accused) else HOLDS
            sentence = {
                FAILS: "Wrong in every smallest set of wrong numbers.",
                UNDECIDED: "Wrong in some smallest sets of wrong numbers, not in all.",
                HOLDS: "In no smallest set of wrong numbers.",
            }[verdict]
            calculation = "see table2.both"
        else:
            share = (ends[1] - ends[0]) / (rounded[1] - rounded[0])
            left = f"{_text(ends, 5)}, {100 * share:.0f} % of what rounds to {number.text}"
            if inside(number.value, ends):
                verdict, sentence = HOLDS, f"All gains together leave {left}."
            else:
                verdict = CONDITION
                sentence = f"it is in {left}, without {number.text} itself."
            calculation = (
                f"min and max of this Ĉ subject to all {len(cells)} gains; "
                f"rounding alone {_text(rounded, number.decimals + 1)}"
            )
        values = {} if ends is None else {"lowest": ends[0], "highest": ends[1]}
        cause = "" if verdict == HOLDS else _freeing(printed, cells, [row], narrowed)
        numbers = (place,)
        found.append(
            Finding(place, where, verdict, sentence, calculation, numbers, {**values}, cause)
        )
    return found


def _free(printed: Mapping[str, Printed], cells: Sequence[PrintedGain], row: str) -> bool:
    """Whether the gains leave a printed Ĉ as it is printed."""
    ends = allowed(printed, cells, {row: 1})
    return ends is not None and inside(printed[row].value, ends)


def _freeing(
    printed: Mapping[str, Printed],
    cells: Sequence[PrintedGain],
    rows: Sequence[str],
    others: Sequence[str] = (),
) -> str:
    """The one row without whose gains every Ĉ of `rows` holds as printed; of several the one that
    sets most of `others` free."""
    without = {row: [cell for cell in cells if cell.row != row] for row in printed}
    causes = [
        row for row, rest in without.items() if all(_free(printed, rest, each) for each in rows)
    ]
    if not causes or not rows:
        return "several gains together"
    return _of(max(causes, key=lambda c: sum(_free(printed, without[c], row) for row in others)))


def _of(row: str) -> str:
    return f"the gains of {row}"


def _place(name: str) -> str:
    return name if name.startswith("table2.") else f"table2.{name}.ccc"


def _text(ends: Span, decimals: int) -> str:
    return f"[{ends[0]:.{decimals}f}, {ends[1]:.{decimals}f}]"


def _nominal(printed: Mapping[str, Printed], gain: PrintedGain) -> float:
    return gain_over(printed[gain.row].value, printed[gain.baseline].value)


def _ends(ranges: dict[str, Span | None]) -> dict[str, float | int | None]:
    return {
        f"{row}.{end}": None if ends is None else ends[place]
        for row, ends in ranges.items()
        for place, end in enumerate(("lowest", "highest"))
    }
