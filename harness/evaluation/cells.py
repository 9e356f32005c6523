"""Finished cells as `train` left them, read back and checked: a cell is a row and a seed."""

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from harness.config.rows import TABLE2, AnyRow, family_of
from harness.errors import RunError
from harness.evaluation.ccc import Array, ccc_from_moments, mean_ccc, moments
from harness.evaluation.moments import FACTS
from harness.stage import read_json

LATE = "late"  # the mean over the last epochs, of which every cell keeps the predictions
SELECTIONS = ("last", "best", LATE)  # in every cell; "held_out" where that reading was trained
AGREEMENT = 1e-4  # Ĉ from the kept predictions against the one that training recorded
ARITHMETIC = "arithmetic"  # precision and processor, which may differ


@dataclass(frozen=True)
class Labels:
    """The dev split: clip ids, speakers, and labels [clips, targets], all in one order."""

    clips: pd.Index
    speakers: np.ndarray
    targets: list[str]
    values: Array


@dataclass(frozen=True)
class CellResult:
    """Of one row and seed: facts, arithmetic, history, and by selection the moments
    [epochs, speakers, targets, 6]: of one epoch, or of all that the score is the mean of.
    """

    facts: dict[str, float]
    arithmetic: str
    history: pd.DataFrame
    moments: dict[str, Array]


CellResults = dict[tuple[str, int], CellResult]  # by the row's name and the seed


def read_labels(path: Path, targets: list[str]) -> Labels:
    """The labels of the dev split; raises RunError for a missing file, column or label."""
    if not path.is_file():
        raise RunError(f"{path} is missing; run `dvc repro features`")
    try:
        table = _read_csv(path, ["clip", "speaker", *targets]).set_index("clip")
        values = table[targets].to_numpy(float)
        _check_finite(path, "label", values, table.index, targets)
    except RunError as error:
        raise RunError(f"{error}; run `dvc repro features`") from None
    return Labels(table.index, table["speaker"].to_numpy(str), targets, values)


def read_result(runs: Path, full: str, row: AnyRow, seed: int, labels: Labels) -> CellResult:
    """The cell `runs`/<family>/<row>/<seed>, its predictions joined with the labels by clip id.

    Raises RunError, naming the cell and the command that makes it, when anything is missing, not a
    number, about other clips, or at odds with the Ĉ in metrics.json.
    """
    try:
        return _result(runs / full / str(seed), full, seed, labels)
    except RunError as error:
        stage = _train_stage(full, row)
        folder = runs / full / str(seed)
        delete = f"delete {folder} and " if folder.is_dir() else ""  # a recorded cell is kept
        raise RunError(f"cell {full}/{seed}: {error}; {delete}run `dvc repro {stage}`") from None


def scores_table(results: CellResults, targets: list[str]) -> pd.DataFrame:
    """CCC of every cell, selection and target, and of the target "mean": Ĉ.

    Of several epochs the mean of each one's CCC.
    """
    lines = []
    for (row, seed), result in results.items():
        for selection, sums in result.moments.items():
            each = ccc_from_moments(sums.sum(axis=1)).mean(axis=0)
            values = zip([*targets, "mean"], [*each, each.mean()], strict=True)
            lines += [(row, seed, selection, target, value) for target, value in values]
    return pd.DataFrame(lines, columns=["row", "seed", "selection", "target", "ccc"])


def history_table(results: CellResults) -> pd.DataFrame:
    """All histories below each other, row and seed first; a column that a cell lacks is empty."""
    parts = [result.history.assign(row=row, seed=seed) for (row, seed), result in results.items()]
    table = pd.concat(parts, ignore_index=True)
    return table[["row", "seed", *table.columns.drop(["row", "seed"])]]


def shared_fact(fact: str, row: str, seeds: list[int], results: CellResults) -> float:
    """What all seeds of a row have in common, e.g. "width"; raises RunError when they differ."""
    values = {results[row, seed].facts[fact] for seed in seeds}
    if len(values) > 1:
        raise RunError(
            f"the cells of row '{row}' differ in {fact} ({', '.join(map(str, sorted(values)))}); "
            "run `dvc repro train` so that all seeds share one setting"
        )
    return values.pop()


def row_moments(row: str, seeds: list[int], results: CellResults) -> dict[str, Array]:
    """Selection → [epochs, seeds, speakers, targets, 6], for those that all seeds have.

    Raises RunError where the seeds of the row have kept another number of epochs.
    """
    each = [results[row, seed].moments for seed in seeds]
    shared = [selection for selection in each[0] if all(selection in other for other in each)]
    for selection in shared:
        epochs = sorted({len(found[selection]) for found in each})
        if len(epochs) > 1:
            raise RunError(
                f"the cells of row '{row}' have {' and '.join(map(str, epochs))} epochs of "
                f"'{selection}'; run `dvc repro train` so that all seeds share one setting"
            )
    return {selection: np.stack([f[selection] for f in each], axis=1) for selection in shared}


def _train_stage(full: str, row: AnyRow) -> str:
    if family_of(full) == TABLE2:
        return f"train@{full.removeprefix(f'{TABLE2}/')}"
    return f"families/dvc.yaml:{'train-after' if row.after else 'train'}@{full}"


def _result(folder: Path, full: str, seed: int, labels: Labels) -> CellResult:
    if not folder.is_dir():
        raise RunError(f"{folder} is missing")
    for name in ("metrics.json", "history.csv", "predictions.npz"):
        if not (folder / name).is_file():
            raise RunError(f"incomplete, {folder / name} is missing")
    metrics = _metrics(folder / "metrics.json", full, seed)
    predictions = read_predictions(folder / "predictions.npz", labels)
    sums = {}
    for selection in [*SELECTIONS, *(["held_out"] if "held_out" in metrics else [])]:
        if selection not in predictions:
            raise RunError(f"incomplete, {folder / 'predictions.npz'} has no '{selection}'")
        sums[selection] = _each_epoch(predictions[selection], labels)
        here, there = float(mean_ccc(sums[selection]).mean()), metrics[selection]["ccc"]
        if not abs(here - there) <= AGREEMENT:
            raise RunError(
                f"{folder / 'predictions.npz'}: '{selection}' gives Ĉ {here:.5f}, metrics.json has "
                f"{there:.5f}"
            )
    facts = {fact: metrics[fact] for fact in FACTS}
    return CellResult(
        facts, metrics[ARITHMETIC], _read_csv(folder / "history.csv", ["epoch"]), sums
    )


def _each_epoch(predictions: Array, labels: Labels) -> Array:
    """[epochs, clips, targets] → [epochs, speakers, targets, 6]."""
    about = labels.speakers, labels.targets
    return np.stack([moments(labels.values, epoch, *about) for epoch in predictions])


def _metrics(path: Path, full: str, seed: int) -> dict[str, Any]:
    metrics = read_json(path)
    for key in ("row", "seed", *FACTS, ARITHMETIC, *SELECTIONS):
        if key not in metrics:
            raise RunError(f"incomplete, {path} has no '{key}'")
    for selection in [*SELECTIONS, *(["held_out"] if "held_out" in metrics else [])]:
        found = metrics[selection]
        if not isinstance(found, dict) or not isinstance(found.get("ccc"), float | int):
            raise RunError(f"incomplete, {path} has no number '{selection}.ccc'")
    if (metrics["row"], metrics["seed"]) != (full, seed):
        raise RunError(f"{path} is of row {metrics['row']}, seed {metrics['seed']}")
    return metrics


def read_predictions(path: Path, labels: Labels) -> dict[str, Array]:
    """Selection → [epochs, clips, targets] in the order of `labels`.

    Raises RunError for a file that is broken, about other clips or targets, or not finite.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            found = {name: file[name] for name in file.files}
        clips, targets = pd.Index(found.pop("clips").astype(str)), list(found.pop("targets"))
    except KeyError as error:
        raise RunError(f"{path} has no array {error}") from None
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise RunError(f"{path} cannot be read: {error}") from None
    if clips.has_duplicates:
        raise RunError(f"{path} has clip '{clips[clips.duplicated()][0]}' twice")
    for what, left, right in (
        ("lacks", labels.clips, clips),
        ("has an unknown", clips, labels.clips),
    ):
        odd = left.difference(right)
        if len(odd):
            raise RunError(f"{path} {what} clip '{odd[0]}' ({len(odd)} such clips)")
    for target in labels.targets:
        if target not in targets:
            raise RunError(f"{path} has no target '{target}'")
    rows = clips.get_indexer(labels.clips)
    columns = [targets.index(target) for target in labels.targets]
    for selection, values in found.items():
        epochs = values.shape[:1] if selection == LATE else ()
        if values.shape != (*epochs, len(clips), len(targets)) or 0 in epochs:
            wanted = "epochs × clips × targets" if selection == LATE else "clips × targets"
            raise RunError(f"{path}: '{selection}' has shape {values.shape}, not {wanted}")
        whole = values.reshape(-1, len(clips), len(targets))
        found[selection] = whole[:, rows[:, np.newaxis], columns].astype(np.float64)
        for epoch in found[selection]:
            _check_finite(path, "prediction", epoch, labels.clips, labels.targets)
    return found


def _check_finite(
    path: Path, what: str, values: Array, clips: pd.Index, targets: list[str]
) -> None:
    bad = np.argwhere(~np.isfinite(values))
    if len(bad):
        clip, target = clips[bad[0][0]], targets[bad[0][1]]
        raise RunError(
            f"{path}: the {what} of clip '{clip}' for {target} is {values[tuple(bad[0])]} "
            f"({len(bad)} such values), not a finite number"
        )


def _read_csv(path: Path, columns: list[str]) -> pd.DataFrame:
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
