"""The folder of a cell that is made, not trained; with the same files, and no torch."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from harness import made as kinds
from harness.arrays import write_arrays
from harness.config.rows import MadeRow
from harness.config.strict import ROWS
from harness.errors import ParamsError, RunError
from harness.evaluation.ccc import ccc
from harness.learning.cell import IN_KEY, RECORD, Cell, selections
from harness.made import Given, Made
from harness.packed import Split, read_split
from harness.stage import replacing

Arrays = dict[str, np.ndarray]


def finish(cell: Cell) -> None:
    """Make it; leave the cell's files in `cell.staged`, all or nothing, the record last.

    Raises RunError where what it is made of does not fit, or gives what is no number.
    """
    part, given = _row(cell).made, _given(cell)
    made, dev = kinds.make(part.name, part.params, given), read_split(cell.features, "dev")
    predictions = {name: each.astype(np.float32) for name, each in _selected(cell, made).items()}
    scores = {name: _score(cell, made, dev, each) for name, each in predictions.items()}
    names = {"clips": np.array(made.clips, dtype=str), "targets": np.array(made.targets, dtype=str)}
    with replacing(cell.staged) as folder:
        write_arrays(folder / "predictions.npz", names | predictions)
        for name, arrays in made.files.items():
            write_arrays(folder / f"{name}.npz", _single(arrays))
        history = pd.DataFrame({"epoch": [made.epochs], "dev_ccc": [scores["last"]]})
        history.to_csv(folder / "history.csv", index=False, float_format="%.6g")
        _write(folder / "metrics.json", _metrics(cell, made, scores))
        _write(folder / RECORD, _record(cell))


def check(cell: Cell) -> None:
    """Raise ParamsError, naming the row, for what can be seen before it is made."""
    part = _row(cell).made
    try:
        kinds.check(part.name, part.params, _given(cell))
    except ParamsError as error:
        raise ParamsError(f"{ROWS}: {cell.name}: {str(error).removeprefix(f'{ROWS}: ')}") from None


def _row(cell: Cell) -> MadeRow:
    assert isinstance(cell.row, MadeRow)
    return cell.row


def _given(cell: Cell) -> Given:
    cells = {each.label: each.kept for each in cell.after}
    corpus = cell.origin.get("corpus") or {}
    return Given(cell.label, cell.seed, cell.features, corpus, cells)


def _selected(cell: Cell, made: Made) -> Arrays:
    """Selection → predictions; what has no epochs is the same in all of them."""
    if isinstance(made.predictions, dict):
        return made.predictions
    one = made.predictions
    return {name: one[None] if name == "late" else one for name in selections(cell.readings)}


def _score(cell: Cell, made: Made, dev: Split, predictions: np.ndarray) -> float:
    """Ĉ, of several epochs the mean of each one's."""
    place = {clip: number for number, clip in enumerate(made.clips)}
    if sorted(place) != sorted(dev.clips) or made.targets != dev.targets:
        raise RunError(
            f"{cell.label}: it is of other clips or targets than {cell.features}/dev.csv; look at "
            f"{kinds.module_name(cell.row.made.name)}"
        )
    if not np.isfinite(predictions).all():
        raise RunError(
            f"{cell.label}: {np.count_nonzero(~np.isfinite(predictions))} of its "
            f"{predictions.size} predictions are no finite numbers; look at "
            f"{kinds.module_name(cell.row.made.name)}"
        )
    rows = [place[clip] for clip in dev.clips]
    epochs = predictions if predictions.ndim == 3 else predictions[None]
    return float(np.mean([ccc(dev.labels, each[rows], dev.targets).mean() for each in epochs]))


def _metrics(cell: Cell, made: Made, scores: dict[str, float]) -> dict[str, Any]:
    params, params_trained = made.params
    return {
        "row": cell.name,
        "seed": cell.seed,
        "params": params,
        "params_trained": params_trained,
        "width": made.width,
        "epochs": made.epochs,
        "arithmetic": made.arithmetic,
        **{selection: {"epoch": made.epochs, "ccc": score} for selection, score in scores.items()},
    }


def _record(cell: Cell) -> dict[str, Any]:
    return {
        "key": cell.key,
        "key_parts": cell.key_parts(),
        "row": cell.row.model_dump(include=IN_KEY),
        "after": [each.label for each in cell.after],
        **cell.origin,
        "seed": cell.seed,
    }


def _single(arrays: Arrays) -> Arrays:
    """Floats as float32: half the file, and finer than any prediction is."""
    return {
        name: each.astype(np.float32) if each.dtype.kind == "f" else each
        for name, each in arrays.items()
    }


def _write(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
