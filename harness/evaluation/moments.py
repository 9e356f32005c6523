"""moments.npz: what CCC needs of every cell and speaker, so that a clone can compute every p anew.

The file is not compressed: what a compressor writes depends on its version.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from harness.errors import RunError
from harness.evaluation.ccc import Array

LABELS, PREDICTIONS = [0, 1, 3], [2, 4, 5]  # of `MOMENTS`; the first are the same in every cell


def write_moments(path: Path, moments: dict[str, dict[str, Array]], index: dict[str, Any]) -> None:
    """`moments`: row → selection → [seeds, speakers, targets, 6]; `index`: name → array.

    Each selection becomes one array of the rows that have it; where some have not, the index
    "<selection> rows" names those that have.
    """
    every: dict[str, Any] = {}
    partial: dict[str, Any] = {}
    first = next(iter(next(iter(moments.values())).values()))
    for selection in dict.fromkeys(name for row in moments.values() for name in row):
        rows = [row for row, found in moments.items() if selection in found]
        every[selection] = np.array([moments[row][selection][..., PREDICTIONS] for row in rows])
        if len(rows) < len(moments):
            partial[_rows_of(selection)] = rows
    labels = {"labels": first[0][..., LABELS]}
    np.savez(path, **labels | every | {"rows": list(moments)} | index | partial)


def read_moments(path: Path) -> dict[str, Any]:
    """Selections and index as `write_moments` wrote them, a selection as one array
    [rows that have it, seeds, speakers, targets, 6].
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


def selected(found: dict[str, Any], selections: Sequence[str]) -> Array:
    """[rows, seeds, speakers, targets, 6], each row of its own selection.

    `found`: as `read_moments` gives it. Raises RunError for a row without its selection.
    """
    rows = found["rows"].tolist()
    chosen = []
    for row, selection in zip(rows, selections, strict=True):
        having = found.get(_rows_of(selection), found["rows"]).tolist()
        if selection not in found or row not in having:
            raise RunError(f"row '{row}' has no selection '{selection}'")
        chosen.append(found[selection][having.index(row)])
    return np.array(chosen)


def _rows_of(selection: str) -> str:
    return f"{selection} rows"
