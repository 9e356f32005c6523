"""What stands under a table: what its numbers are, in sentences."""

from collections import Counter

from harness.config.rows import TABLE2
from harness.evaluation import floors
from harness.evaluation.table import SPLIT, Table, TableRow, baselines, shown_kinds
from harness.evaluation.weighed import sentences


def warning(table: Table) -> str | None:
    """The table's first line when its corpus is not the paper's; otherwise None."""
    if table.corpus == table.paper_corpus:
        return None
    return (
        f"Not the paper's data: corpus {table.corpus}, not {table.paper_corpus}; "
        "the paper's numbers are no expectation for it."
    )


def caption(table: Table) -> str:
    """What the numbers are, in sentences: data, seeds, selection, ±, interval, p, and gains."""
    seeds, percent = table.seeds, f"{100 * table.level:g} %"
    what = "Table 2 of Jing et al. (2022) reproduced"
    sentences = [
        f"{what if table.family == TABLE2 else f'The family {table.family}'} on the corpus "
        f"{table.corpus} with {len(seeds)} seed{'s' if len(seeds) > 1 else ''} "
        f"({', '.join(map(str, seeds))}).",
        *_rows(table),
        *_score(table),
        *_trend(table),
        "± is the standard deviation over seeds."
        if len(seeds) > 1
        else "± would be the standard deviation over seeds: n/a with one seed.",
        *_bootstrap(table, percent),
        *_tests(table, percent),
        *_gains(table),
        *_weighed(table),
        "Parameters are in millions, for width 1 (as the paper counts) and as trained.",
        *_differences(table),
    ]
    if table.ceiling is not None:
        sentences.append(
            f"Ceiling ({table.ceiling:.3f}) is the Ĉ that labels from infinitely many raters "
            "would score on this split."
        )
    paper = "; 'paper' is what the paper prints" if any(row.paper for row in table.rows) else ""
    return " ".join([*sentences, f"Best Ĉ bold, second underlined{paper}."])


def _rows(table: Table) -> list[str]:
    """Of rows of another table, and of rows that read the paper otherwise."""
    sentences = []
    if table.missing:
        sentences.append(f"MISSING: {', '.join(table.missing)} lacks a cell, which failed.")
    if table.family != TABLE2 and any(row.row.startswith(f"{TABLE2}/") for row in table.rows):
        sentences.append(f"Rows that begin with {TABLE2}/ are those of Table 2, on these seeds.")
    if any(row.reads for row in table.rows):
        sentences.append(
            "'reads' is what a row reads otherwise than params.yaml (docs/protocol.md#readings)."
        )
    made = [f"{row.row} ({row.made})" for row in table.rows if row.made]
    if made:
        what = "are rows that are" if len(made) > 1 else "is a row that is"
        sentences.append(f"{', '.join(made)} {what} made and not trained (docs/extending.md).")
    return sentences


def _score(table: Table) -> list[str]:
    """What Ĉ is, and of which epoch: first as most rows have it, then the rows that differ."""
    rows = [row for row in table.rows if not _without_epochs(row)] or table.rows
    count = Counter(_epochs(row) for row in rows)
    (usual, _), *others = count.most_common()
    sentences = [f"Ĉ is the mean CCC over {table.targets} targets on the {SPLIT} split, {usual}."]
    for epochs, _ in others:
        names = ", ".join(row.row for row in rows if _epochs(row) == epochs)
        sentences.append(f"In the row{'s' * (',' in names)} {names} it is {epochs}.")
    return sentences


def _without_epochs(row: TableRow) -> bool:
    """Whether it is made of one prediction for each clip, such as a ridge's."""
    return row.made is not None and row.averaged == 1


def _epochs(row: TableRow) -> str:
    return {
        "last": f"of the last epoch, so {SPLIT} reports and selects nothing",
        "best": f"of each cell's best epoch on that same split: {SPLIT} both selects and reports, "
        "which makes Ĉ optimistic",
        "held_out": "of each cell's best epoch on held-out train speakers",
        "late": f"averaged over the last {row.averaged} epochs, each scored alone, so {SPLIT} "
        "reports and selects nothing",
    }[row.selection]


def _trend(table: Table) -> list[str]:
    """What the words of the column 'trend' mean."""
    if not any(row.trend for row in table.rows):
        return []
    return [
        f"'trend' is the slope of {SPLIT} Ĉ over the last third of the epochs, with its "
        f"{100 * table.level:g} % t interval over seeds: still rising or falling where the "
        "interval leaves out 0, flat where it leaves no room for a change of 5 % of Ĉ in that "
        "time, else unclear."
    ]


def _bootstrap(table: Table, percent: str) -> list[str]:
    if table.rows[0].ccc_low is None:
        return [f"There is one {SPLIT} speaker, so there is no interval and no p."]
    speakers = f"{table.speakers} {SPLIT}" if table.speakers else SPLIT
    sentences = [
        f"The {percent} interval of Ĉ (percentile) is from {table.resamples:,} paired bootstrap "
        f"resamples of the {speakers} speakers, for these seeds."
    ]
    enough = floors.FEWEST["bootstrap"]
    if table.speakers and table.speakers < enough:
        sentences.append(
            f"With fewer than {enough} speakers bootstrap intervals are too narrow "
            "(results/simulation)."
        )
    return sentences


def _tests(table: Table, percent: str) -> list[str]:
    """Of the gains' intervals and of p: what they cover, and why there is no p."""
    if table.covers is None:
        return []
    gains = f"The {percent} intervals of the gains"
    beside = "All tests stand side by side in significance.md."
    if "seeds" not in table.covers:
        return [
            f"{gains} are from the same resamples and cover speakers only, for these seeds.",
            f"p takes three seeds or more, so there is none. {beside}",
        ]
    sentences = [
        f"{gains} are of the test that takes seeds as readers and speakers as cases, and cover "
        "both."
    ]
    if table.smallest_p is None:
        enough = floors.FEWEST["mrmc"]
        few = f"p takes {enough} {SPLIT} speakers or more, so there is none."
        return [*sentences, f"{few} {beside}"]
    return [
        *sentences,
        "p (two-tailed, of the difference of Ĉ) is of that test; ≤ marks a p at the smallest that "
        f"so many seeds and speakers can vouch for. Holm corrects p for the table's "
        f"{table.comparisons} comparisons. {beside}",
        *_power(table),
    ]


def _power(table: Table) -> list[str]:
    if not any(
        gain.detects_gain is not None for row in table.rows for gain in row.against.values()
    ):
        return []
    return [
        "'detects' is the smallest true gain (%) that this test, with the variance seen here, "
        f"finds with a probability of 80 % (p ≤ {1 - table.level:g}, before Holm's correction): no "
        "difference seen does not speak against a smaller one."
    ]


def _gains(table: Table) -> list[str]:
    """Over which rows the gains are, and which comparisons are no columns."""
    shown = shown_kinds(table)
    if not shown:
        return []
    sentences = [f"Gains are relative, in percent, from unrounded Ĉ: {_over(table, shown)}."]
    others = [kind for kind in table.kinds if kind not in shown]
    if others:
        sentences.append(f"significance.md also compares {_over(table, others)}.")
    return sentences


def _weighed(table: Table) -> list[str]:
    found = {row.row: row.weighed for row in table.rows if row.weighed}
    return sentences(found) if found else []


def _over(table: Table, kinds: list[str]) -> str:
    return ", ".join(f"{kind} over {baselines(table, kind)}" for kind in kinds)


def _differences(table: Table) -> list[str]:
    """In what arithmetic was trained, and which settings are not those that the paper prints."""
    differs = {key: pair for key, pair in table.settings.items() if pair[0] != pair[1]}
    each = [f"{key} {ours:g} (paper: {theirs:g})" for key, (ours, theirs) in differs.items()]
    settings = f", with {', '.join(each)}" if each else ""
    return [f"Trained in {' and in '.join(table.arithmetic)}{settings}."]
