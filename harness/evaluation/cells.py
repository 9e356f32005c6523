"""Cells as `train` left them, read back and checked: a cell is a row of Table 2 and a seed."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from harness.errors import RunError
from harness.evaluation.ccc import Array, ccc, moments
from harness.stage import read_json

SELECTIONS = ("last", "best")  # in every cell; "held_out" where that reading was trained
AGREEMENT = 1e-4  # Ĉ from the written predictions against the one that training recorded
FACTS = ("params", "params_trained", "width", "epochs")  # the same for all seeds of a row
ARITHMETIC = "arithmetic"  # precision and processor, which may differ


@dataclass(frozen=True)
class Labels:
    """The dev split: clip ids, speakers, and labels [clips, targets], all in one order."""

    clips: pd.Index
    speakers: np.ndarray
    targets: list[str]
    values: Array


@dataclass(frozen=True)
class Cell:
    """One row and seed: facts, arithmetic, history, and by selection CCC [targets] and moments
    [speakers, targets, 6].
    """

    facts: dict[str, float]
    arithmetic: str
    history: pd.DataFrame
    ccc: dict[str, Array]
    moments: dict[str, Array]


Cells = dict[tuple[str, int], Cell]  # by row and seed


def read_labels(path: Path, targets: list[str]) -> Labels:
    """The labels of the dev split; raises RunError for a missing file, column or label."""
    if not path.is_file():
        raise RunError(f"{path} is missing; run `dvc repro features`")
    try:
        table = _read(path, ["clip", "speaker", *targets]).set_index("clip")
        values = _finite(path, table[targets], "label")
    except RunError as error:
        raise RunError(f"{error}; run `dvc repro features`") from None
    return Labels(table.index, table["speaker"].to_numpy(str), targets, values)


def read_cell(runs: Path, row: str, seed: int, labels: Labels) -> Cell:
    """A cell under `runs`/<row>-<seed>, its predictions joined with the labels by clip id.

    Raises RunError, naming the cell and the command that makes it, when anything is missing, not a
    number, about other clips, or at odds with the Ĉ in metrics.json.
    """
    folder = runs / f"{row}-{seed}"
    try:
        return _cell(folder, row, seed, labels)
    except RunError as error:
        stage = "sensitivity/dvc.yaml:vary" if "+" in row else "train"
        delete = f"delete {folder} and " if folder.is_dir() else ""  # a recorded cell is kept
        raise RunError(
            f"cell {row}-{seed}: {error}; {delete}run `dvc repro {stage}@{row}-{seed}`"
        ) from None


def scores_table(cells: Cells, targets: list[str]) -> pd.DataFrame:
    """CCC of every cell, selection and target, and of the target "mean": Ĉ."""
    lines = [
        (row, seed, selection, target, value)
        for (row, seed), cell in cells.items()
        for selection, ccc in cell.ccc.items()
        for target, value in zip([*targets, "mean"], [*ccc, ccc.mean()], strict=True)
    ]
    return pd.DataFrame(lines, columns=["row", "seed", "selection", "target", "ccc"])


def history_table(cells: Cells) -> pd.DataFrame:
    """All histories below each other, row and seed first; a column that a cell lacks is empty."""
    parts = [cell.history.assign(row=row, seed=seed) for (row, seed), cell in cells.items()]
    table = pd.concat(parts, ignore_index=True)
    return table[["row", "seed", *table.columns.drop(["row", "seed"])]]


def shared_fact(fact: str, row: str, seeds: list[int], cells: Cells) -> float:
    """What all seeds of a row have in common, e.g. "width"; raises RunError when they differ."""
    values = {cells[row, seed].facts[fact] for seed in seeds}
    if len(values) > 1:
        raise RunError(
            f"the cells of row '{row}' differ in {fact} ({', '.join(map(str, sorted(values)))}); "
            "run `dvc repro train` so that all seeds share one setting"
        )
    return values.pop()


def shared_selections(cells: Cells) -> list[str]:
    """The selections that every cell has predictions of."""
    every = [list(cell.moments) for cell in cells.values()]
    return [selection for selection in every[0] if all(selection in other for other in every)]


def _cell(folder: Path, row: str, seed: int, labels: Labels) -> Cell:
    if not folder.is_dir():
        raise RunError(f"{folder} is missing")
    for name in ("metrics.json", "history.csv"):
        if not (folder / name).is_file():
            raise RunError(f"incomplete, {folder / name} is missing")
    metrics = _metrics(folder / "metrics.json", row, seed)
    scores, sums = {}, {}
    for selection in [*SELECTIONS, *(["held_out"] if "held_out" in metrics else [])]:
        path = folder / f"predictions-{selection}.csv"
        if not path.is_file():
            raise RunError(f"incomplete, {path} is missing")
        predictions = _predictions(path, labels)
        scores[selection] = ccc(labels.values, predictions, labels.targets)
        sums[selection] = moments(labels.values, predictions, labels.speakers, labels.targets)
        here, there = float(scores[selection].mean()), metrics[selection]["ccc"]
        if not abs(here - there) <= AGREEMENT:
            raise RunError(f"{path} gives Ĉ {here:.5f}, metrics.json has {there:.5f}")
    facts = {fact: metrics[fact] for fact in FACTS}
    history = _read(folder / "history.csv", ["epoch"])
    return Cell(facts, metrics[ARITHMETIC], history, scores, sums)


def _metrics(path: Path, row: str, seed: int) -> dict[str, Any]:
    metrics = read_json(path)
    for key in ("row", "seed", *FACTS, ARITHMETIC, *SELECTIONS):
        if key not in metrics:
            raise RunError(f"incomplete, {path} has no '{key}'")
    for selection in SELECTIONS:
        found = metrics[selection]
        if not isinstance(found, dict) or not isinstance(found.get("ccc"), float | int):
            raise RunError(f"incomplete, {path} has no number '{selection}.ccc'")
    if (metrics["row"], metrics["seed"]) != (row, seed):
        raise RunError(f"{path} is of row {metrics['row']}, seed {metrics['seed']}")
    return metrics


def _predictions(path: Path, labels: Labels) -> Array:
    table = _read(path, ["clip", *labels.targets]).set_index("clip")
    for what, left, right in (
        ("lacks", labels.clips, table.index),
        ("has an unknown", table.index, labels.clips),
    ):
        odd = left.difference(right)
        if len(odd):
            raise RunError(f"{path} {what} clip '{odd[0]}' ({len(odd)} such clips)")
    return _finite(path, table.loc[labels.clips, labels.targets], "prediction")


def _finite(path: Path, table: pd.DataFrame, what: str) -> Array:
    values = table.to_numpy(float)
    bad = np.argwhere(~np.isfinite(values))
    if len(bad):
        clip, target = table.index[bad[0][0]], table.columns[bad[0][1]]
        raise RunError(
            f"{path}: the {what} of clip '{clip}' for {target} is {values[tuple(bad[0])]} "
            f"({len(bad)} such values), not a finite number"
        )
    return values


def _read(path: Path, columns: list[str]) -> pd.DataFrame:
    """A CSV with ids as text and all else as numbers (not a number: NaN); ids must be unique."""
    texts = ["clip", "speaker", "country"]
    table = pd.read_csv(path, dtype=dict.fromkeys(texts, str), keep_default_na=False)
    for name in columns:
        if name not in table.columns:
            raise RunError(f"{path} has no column '{name}'")
        if name not in texts:
            table[name] = pd.to_numeric(table[name], errors="coerce")
    if "clip" in columns and table["clip"].duplicated().any():
        twice = table["clip"][table["clip"].duplicated()].iloc[0]
        raise RunError(f"{path} has clip '{twice}' twice")
    return table
