"""moments.npz: what CCC needs of every cell and speaker, so that a clone can compute every p anew.

A selection that is a mean over epochs has the moments of each. Those of predictions are in float32,
because they are the most of the file: the rounding moves Ĉ by about 1e-8.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from harness.arrays import write_arrays
from harness.errors import RunError
from harness.evaluation.ccc import Array

LABELS, PREDICTIONS = [0, 1, 3], [2, 4, 5]  # of `MOMENTS`; the first are the same in every cell
FACTS = ("params", "params_trained", "width", "epochs")  # in its index; the same for all seeds


def write_moments(path: Path, moments: dict[str, dict[str, Array]], index: dict[str, Any]) -> None:
    """`moments`: row → selection → [epochs, seeds, speakers, targets, 6]; `index`: name → array.

    Each selection becomes one array of all epochs of the rows that have it. Where these are not
    all rows, once each, the index "<selection> rows" names the row of every entry.
    """
    every: dict[str, Any] = {}
    partial: dict[str, Any] = {}
    first = next(iter(next(iter(moments.values())).values()))
    for selection in dict.fromkeys(name for row in moments.values() for name in row):
        having = {row: found[selection] for row, found in moments.items() if selection in found}
        rows = [row for row, epochs in having.items() for _ in epochs]
        sums = np.concatenate([epochs[..., PREDICTIONS] for epochs in having.values()])
        every[selection] = sums.astype(np.float32)
        if rows != list(moments):
            partial[_rows_of(selection)] = rows
    labels = {"labels": first[0, 0][..., LABELS]}
    write_arrays(path, labels | every | {"rows": list(moments)} | index | partial)


def read_moments(path: Path) -> dict[str, Any]:
    """Selections and index as `write_moments` wrote them, a selection as one float64 array
    [epochs of the rows that have it, seeds, speakers, targets, 6].
    """
    with np.load(path, allow_pickle=False) as file:
        found = {name: file[name] for name in file.files}
    labels = found.pop("labels")
    for name, sums in found.items():
        if sums.ndim == 5:
            whole = np.empty((*sums.shape[:-1], len(LABELS) + len(PREDICTIONS)))
            whole[..., LABELS], whole[..., PREDICTIONS] = labels, sums
            found[name] = whole
    return found


def selected(found: dict[str, Any], selections: Sequence[str]) -> list[Array]:
    """Of each row [seeds, speakers, epochs · targets, 6], of its own selection.

    A mean over epochs of means over targets is a mean over both: all that is computed of targets
    holds for each epoch's targets beside each other. `found`: as `read_moments` gives it. Raises
    RunError for a row without its selection.
    """
    rows = found["rows"].tolist()
    chosen = []
    for row, selection in zip(rows, selections, strict=True):
        entries = np.flatnonzero(found.get(_rows_of(selection), found["rows"]) == row)
        if selection not in found or not len(entries):
            raise RunError(f"row '{row}' has no selection '{selection}'")
        epochs = np.moveaxis(found[selection][entries], 0, 2)
        chosen.append(epochs.reshape(*epochs.shape[:2], -1, epochs.shape[-1]))
    return chosen


def epochs_of(found: dict[str, Any], selections: Sequence[str]) -> list[int]:
    """Of how many epochs each row's score is the mean; arguments as in `selected`."""
    each = zip(found["rows"], selections, strict=True)
    return [
        int(np.count_nonzero(found.get(_rows_of(name), found["rows"]) == row)) for row, name in each
    ]


def _rows_of(selection: str) -> str:
    return f"{selection} rows"
