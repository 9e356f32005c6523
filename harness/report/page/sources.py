"""What a profile's results hold, as earlier stages wrote it; what is not there is empty or None."""

import csv
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import ValidationError

from harness.config.rows import TABLE2, AnyRow, family_of, read_rows
from harness.errors import RunError
from harness.evaluation.moments import read_moments, selected
from harness.evaluation.mrmc import pseudo_values
from harness.evaluation.table import Gain, Table, TableRow, shown_kinds
from harness.paper import Paper, read_paper
from harness.stage import read_json

Scores = dict[str, dict[tuple[str, str], dict[int, float]]]  # row → selection, target → seed → CCC
Epochs = list[dict[str, float]]  # an epoch: column → number
MEAN = "mean"  # the target of scores.csv that is Ĉ


class FamilyResults(NamedTuple):
    """One family's results. `history`: row → seed → epochs; `statistics`: row → numbers; `power`:
    None where there is none; `claims`: what is claimed of the family, each with its verdict;
    `speakers`: row → what each speaker adds to the difference of Ĉ from the row of its
    `first_gain`, as jackknife pseudo-values, mean over seeds."""

    table: Table
    scores: Scores
    history: dict[str, dict[int, Epochs]]
    statistics: dict[str, dict[str, Any]]
    power: dict[str, Any] | None
    claims: list[dict[str, Any]]
    speakers: dict[str, list[float]]

    @property
    def name(self) -> str:
        """As rows.yaml has it."""
        return self.table.family

    @property
    def own(self) -> list[TableRow]:
        """The rows that are not those of Table 2 in another family's files."""
        return [row for row in self.table.rows if "/" not in row.row]

    def full(self, label: str) -> str:
        """A row's full name from its name in the family's files."""
        return label if "/" in label else f"{self.name}/{label}"

    def by_seed(self, row: str, selection: str, target: str = MEAN) -> dict[int, float]:
        """Seed → CCC of one target, or Ĉ; empty where scores.csv has none."""
        return self.scores.get(row, {}).get((selection, target), {})

    def targets(self) -> list[str]:
        """The targets' names, in the corpus's order."""
        pairs = [target for row in self.scores.values() for _, target in row]
        return [target for target in dict.fromkeys(pairs) if target != MEAN]


class Found(NamedTuple):
    """All that the page is made from: Table 2 comes first among the families. `corpus`: Table 1;
    `audit`: of the paper's numbers; `blocks`: every row of rows.yaml."""

    profile: str
    families: list[FamilyResults]
    corpus: dict[str, Any] | None
    audit: dict[str, Any] | None
    paper: Paper
    blocks: dict[str, AnyRow]

    @property
    def table2(self) -> FamilyResults:
        return self.families[0]


def read(profile: str, results: Path = Path("results")) -> Found:
    """RunError where the profile has no Table 2, or a file that is no result."""
    folder, blocks = results / profile, read_rows()
    if not (folder / f"{TABLE2}.json").is_file():
        raise RunError(f"{folder}/{TABLE2}.json is missing; run `dvc repro table`")
    names = [path.stem for path in sorted(folder.glob("*.json")) if path.with_suffix("").is_dir()]
    known = list(dict.fromkeys(map(family_of, blocks)))
    names.sort(key=lambda name: (known.index(name) if name in known else len(known), name))
    return Found(
        profile,
        [_family(folder / name) for name in names],
        _optional(folder / "table1.json"),
        _optional(results / "paper" / "audit.json"),
        read_paper(),
        blocks,
    )


def _optional(path: Path) -> dict[str, Any] | None:
    return read_json(path, "remove it, or make it again") if path.is_file() else None


def _family(folder: Path) -> FamilyResults:
    file = folder.with_suffix(".json")
    again = "make repro" if folder.name == TABLE2 else f"make family F={folder.name}"
    try:
        table = Table.model_validate_json(file.read_text(encoding="utf-8"))
    except ValidationError as error:
        fault = error.errors()[0]
        place = ".".join(map(str, fault["loc"]))
        raise RunError(f"{file} is no table: {place} {fault['msg']}; run `{again}`") from None
    return FamilyResults(
        table,
        _scores(folder / "scores.csv"),
        _history(folder / "history.csv"),
        _optional(folder / "statistics.json") or {},
        _optional(folder / "power.json"),
        (_optional(folder / "claims.json") or {}).get("claims", []),
        _speakers(folder / "moments.npz", table),
    )


def _lines(path: Path) -> list[dict[str, str]]:
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _scores(path: Path) -> Scores:
    found: Scores = {}
    for line in _lines(path):
        own = found.setdefault(line["row"], {})
        seeds = own.setdefault((line["selection"], line["target"]), {})
        if line["ccc"]:
            seeds[int(line["seed"])] = float(line["ccc"])
    return found


def _history(path: Path) -> dict[str, dict[int, Epochs]]:
    found: dict[str, dict[int, Epochs]] = {}
    for line in _lines(path):
        row, seed = line.pop("row"), int(line.pop("seed"))
        numbers = {column: float(value) for column, value in line.items() if value}
        found.setdefault(row, {}).setdefault(seed, []).append(numbers)
    return found


def first_gain(row: TableRow, table: Table) -> Gain | None:
    """The row's first comparison in the order in which the table shows them."""
    found = (row.against.get(kind) for kind in shown_kinds(table))
    return next(filter(None, found), None)


def _speakers(path: Path, table: Table) -> dict[str, list[float]]:
    if not path.is_file():
        return {}
    collected = read_moments(path)
    names = collected["rows"].tolist()
    if names != [row.row for row in table.rows]:
        raise RunError(f"{path} has other rows than {path.parent}.json; run the family again")
    sums = dict(zip(names, selected(collected, [row.selection for row in table.rows]), strict=True))
    if next(iter(sums.values())).shape[1] < 2:
        return {}
    found = {}
    for row in table.rows:
        if compared := first_gain(row, table):
            values = pseudo_values(sums[row.row], sums[compared.baseline])
            found[row.row] = values.mean(axis=0).tolist()
    return found
