"""A family's table as numbers: its rows, the paper's beside them, and the caption's facts."""

from typing import Any

from pydantic import Field

from harness.config.rows import TABLE2, AnyRow, Family, MadeRow
from harness.config.statistics import Statistics
from harness.config.strict import Strict
from harness.errors import RunError
from harness.evaluation.weighed import Weighed
from harness.paper import Paper

SPLIT = "dev"
MEASURED = ("params", "params_trained", "ccc", "ccc_sd", "ccc_low", "ccc_high")


class Gain(Strict):
    """A row over its `baseline`: relative gain of Ĉ in percent with its interval, p, Holm's p,
    and the smallest gain that the design finds with 80 % power.

    None where there is too little for it.
    """

    baseline: str
    gain: float | None
    gain_low: float | None
    gain_high: float | None
    p: float | None
    p_holm: float | None
    detects_gain: float | None = None


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
    """A line of the table. `averaged`: the epochs of which Ĉ is the mean; `trend`: whether dev Ĉ
    has flattened, in words; `reads`: the readings that the row changes; `against`: kind → gain;
    `weighed`: in a family with rows that weigh their emotions; `made`: its kind, where it is made
    and not trained.
    """

    row: str
    selection: str
    averaged: int = 1
    trend: str | None = None
    reads: dict[str, Any]
    params: int
    params_trained: int
    ccc: float
    ccc_sd: float | None
    ccc_low: float | None
    ccc_high: float | None
    against: dict[str, Gain]
    paper: PaperCells | None
    weighed: Weighed | None = None
    made: str | None = Field(default=None, exclude_if=lambda kind: kind is None)

    def printed(self, kind: str) -> float | None:
        """The paper's gain of that kind; None where it has none."""
        return self.paper.gain(kind) if self.paper and kind in self.against else None


class Table(Strict):
    """The content of <family>.json, from which every other form is rendered.

    `settings`: key → ours and the paper's. `selection` is None where rows differ in it. `covers`:
    which variance the gains' intervals and p cover; `smallest_p`: the smallest p that is told;
    `comparisons`: for how many Holm corrects it; None where nothing is compared. `kinds`: the
    comparisons' names, in order. `missing`: rows that lack a cell, and so have no numbers.
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
    missing: list[str] = Field(default_factory=list, exclude_if=lambda rows: not rows)


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
    wanted = (*MEASURED, "selection", "averaged", "trend", "arithmetic", "comparisons")
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
        averaged=numbers["averaged"],
        trend=numbers["trend"] and numbers["trend"]["word"],
        reads=block.reads,
        **{key: numbers[key] for key in MEASURED},
        against=against,
        paper=paper,
        made=block.made.name if isinstance(block, MadeRow) else None,
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
