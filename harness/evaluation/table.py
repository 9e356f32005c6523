"""A family's table as numbers: its rows, the paper's beside them, and the caption's facts."""

from collections import Counter
from typing import Any

from harness.config.rows import TABLE2, AnyRow, Family
from harness.config.statistics import Statistics
from harness.config.strict import Strict
from harness.errors import RunError
from harness.evaluation import floors
from harness.paper import Paper

SPLIT = "dev"
MEASURED = ("params", "params_trained", "ccc", "ccc_sd", "ccc_low", "ccc_high")


class Gain(Strict):
    """A row over its `baseline`: relative gain of Ĉ in percent with its interval, p, Holm's p.

    None where there is too little for it.
    """

    baseline: str
    gain: float | None
    gain_low: float | None
    gain_high: float | None
    p: float | None
    p_holm: float | None


class PaperCells(Strict):
    """What the paper prints of a row: parameters in millions, Ĉ, gains in percent."""

    params_m: float
    ccc: float
    local_gain: float | None
    global_gain: float | None

    def gain(self, kind: str) -> float | None:
        """The printed gain of that kind; None where the paper has none."""
        found: float | None = getattr(self, f"{kind}_gain", None)
        return found


class TableRow(Strict):
    """A line of the table. `reads`: the readings that the row changes; `against`: kind → gain."""

    row: str
    selection: str
    reads: dict[str, Any]
    params: int
    params_trained: int
    ccc: float
    ccc_sd: float | None
    ccc_low: float | None
    ccc_high: float | None
    against: dict[str, Gain]
    paper: PaperCells | None

    def printed(self, kind: str) -> float | None:
        """The paper's gain of that kind; None where it has none."""
        return self.paper.gain(kind) if self.paper and kind in self.against else None


class Table(Strict):
    """The content of <family>.json, from which every other form is rendered.

    `settings`: key → ours and the paper's. `selection` is None where rows differ in it. `covers`:
    which variance the gains' intervals and p cover; `smallest_p`: the smallest p that is told;
    `comparisons`: for how many Holm corrects it; None where nothing is compared. `kinds`: the
    comparisons' names, in order.
    """

    profile: str
    family: str
    corpus: str
    paper_corpus: str
    split: str
    selection: str | None
    seeds: list[int]
    targets: int
    speakers: int | None
    ceiling: float | None
    settings: dict[str, tuple[float, float]]
    arithmetic: list[str]
    resamples: int
    level: float
    covers: str | None
    smallest_p: float | None
    comparisons: int | None
    kinds: list[str]
    rows: list[TableRow]


def build(
    profile: str,
    family: Family,
    blocks: dict[str, AnyRow],
    settings: Statistics,
    statistics: dict[str, dict[str, Any]],
    corpus: dict[str, Any],
    training: dict[str, Any],
    paper: Paper,
) -> Table:
    """The table of a family, the rows of Table 2 that it is compared with first.

    `blocks`: every row by its full name; `statistics`: row → numbers (statistics.json); `corpus`:
    corpus.json; `training`: train block and readings, set beside the paper's settings. Raises
    RunError when a row has no statistics.
    """
    numbers = {full: _numbers(statistics, family, full) for full in family.listed}
    compared = [each for found in numbers.values() for each in found["comparisons"].values()]
    first = next((each for each in compared if each), dict[str, Any]())
    selections = {found["selection"] for found in numbers.values()}
    return Table(
        profile=profile,
        family=family.name,
        corpus=corpus["name"],
        paper_corpus=paper.corpus,
        split=SPLIT,
        selection=selections.pop() if len(selections) == 1 else None,
        seeds=family.seeds,
        targets=len(corpus["targets"]),
        speakers=corpus.get("speakers", {}).get(SPLIT),
        ceiling=corpus.get("ceiling", {}).get("mean"),
        settings={key: (_setting(training, key), value) for key, value in paper.settings.items()},
        arithmetic=sorted({each for found in numbers.values() for each in found["arithmetic"]}),
        resamples=settings.resamples,
        level=settings.level,
        covers=first.get("covers"),
        smallest_p=first.get("smallest_p"),
        comparisons=first.get("family"),
        kinds=family.kinds,
        rows=[
            _row(family.label(full), blocks[full], found, _printed(paper, full))
            for full, found in numbers.items()
        ],
    )


def _numbers(statistics: dict[str, dict[str, Any]], family: Family, full: str) -> dict[str, Any]:
    name = family.label(full)
    numbers = statistics.get(name)
    wanted = (*MEASURED, "selection", "arithmetic", "comparisons")
    missing = [key for key in wanted if key not in (numbers or {})]
    if numbers is None or missing:
        what = f"row '{name}'" if numbers is None else f"'{missing[0]}' of row '{name}'"
        command = f"dvc repro {family.stage('statistics')}"
        raise RunError(f"statistics.json has no {what}; run `{command}`")
    return numbers


def _row(name: str, block: AnyRow, numbers: dict[str, Any], paper: PaperCells | None) -> TableRow:
    against = {
        kind: Gain(**{key: found[key] for key in Gain.model_fields})
        for kind, found in numbers["comparisons"].items()
        if found
    }
    return TableRow(
        row=name,
        selection=numbers["selection"],
        reads=block.reads,
        **{key: numbers[key] for key in MEASURED},
        against=against,
        paper=paper,
    )


def _printed(paper: Paper, full: str) -> PaperCells | None:
    """The paper's line of a row of Table 2; None for a row that it does not have."""
    family, _, name = full.partition("/")
    found = paper.table2.get(name) if family == TABLE2 else None
    if found is None:
        return None
    cells = {key: getattr(found, key) for key in PaperCells.model_fields}
    return PaperCells(**{key: cell and cell.value for key, cell in cells.items()})


def _setting(training: dict[str, Any], key: str) -> float:
    """A value of the training; "spec_augment.frames" is one level down."""
    value: Any = training
    for part in key.split("."):
        value = value[part]
    return float(value)


def ranks(table: Table) -> dict[str, int]:
    """Row → 1 for the highest Ĉ and 2 for the next (bold and underlined in the paper)."""
    ordered = sorted(table.rows, key=lambda row: -row.ccc)
    return {row.row: rank for rank, row in enumerate(ordered[:2], start=1)}


def shown_kinds(table: Table) -> list[str]:
    """The comparisons that are columns: those that the paper prints, else all.

    The others stand in significance.md alone.
    """
    printed = [
        kind for kind in table.kinds if any(row.printed(kind) is not None for row in table.rows)
    ]
    return printed or table.kinds


def baselines(table: Table, kind: str) -> str:
    """The rows that a kind compares with, as text: "resnet18, cnn10 or cnn14"."""
    found = [row.against[kind].baseline for row in table.rows if kind in row.against]
    *most, last = dict.fromkeys(found)
    return f"{', '.join(most)} or {last}" if most else last


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
        "± is the standard deviation over seeds."
        if len(seeds) > 1
        else "± would be the standard deviation over seeds: n/a with one seed.",
        *_bootstrap(table, percent),
        *_tests(table, percent),
        *_gains(table),
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
    if table.family != TABLE2 and any(row.row.startswith(f"{TABLE2}/") for row in table.rows):
        sentences.append(f"Rows that begin with {TABLE2}/ are those of Table 2, on these seeds.")
    if any(row.reads for row in table.rows):
        sentences.append(
            "'reads' is what a row reads otherwise than params.yaml (docs/protocol.md#readings)."
        )
    return sentences


def _score(table: Table) -> list[str]:
    """What Ĉ is, and of which epoch: first as most rows have it, then the rows that differ."""
    count = Counter(row.selection for row in table.rows)
    (usual, _), *others = count.most_common()
    sentences = [
        f"Ĉ is the mean CCC over {table.targets} targets on the {SPLIT} split, {_epoch(usual)}."
    ]
    for selection, _ in others:
        rows = ", ".join(row.row for row in table.rows if row.selection == selection)
        sentences.append(f"In the row{'s' * (',' in rows)} {rows} it is {_epoch(selection)}.")
    return sentences


def _epoch(selection: str) -> str:
    return {
        "last": f"of the last epoch, so {SPLIT} reports and selects nothing",
        "best": f"of each cell's best epoch on that same split: {SPLIT} both selects and reports, "
        "which makes Ĉ optimistic",
        "held_out": "of each cell's best epoch on held-out train speakers",
    }[selection]


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


def _over(table: Table, kinds: list[str]) -> str:
    return ", ".join(f"{kind} over {baselines(table, kind)}" for kind in kinds)


def _differences(table: Table) -> list[str]:
    """In what arithmetic was trained, and which settings are not those that the paper prints."""
    differs = {key: pair for key, pair in table.settings.items() if pair[0] != pair[1]}
    each = [f"{key} {ours:g} (paper: {theirs:g})" for key, (ours, theirs) in differs.items()]
    settings = f", with {', '.join(each)}" if each else ""
    return [f"Trained in {' and in '.join(table.arithmetic)}{settings}."]
