"""moments.npz: what CCC needs of every cell and speaker, so that a clone can compute every p anew.

The file is not compressed: what a compressor writes depends on its version.
"""

from pathlib import Path
from typing import Any

import numpy as np

from harness.evaluation.ccc import Array

LABELS, PREDICTIONS = [0, 1, 3], [2, 4, 5]  # of `MOMENTS`; the first are the same in every cell


def write_moments(path: Path, moments: dict[str, Array], index: dict[str, Any]) -> None:
    """`moments`: selection → [rows, seeds, speakers, targets, 6]; `index`: name → array."""
    first = next(iter(moments.values()))
    arrays = {selection: each[..., PREDICTIONS] for selection, each in moments.items()}
    every: dict[str, Any] = {"labels": first[0, 0][..., LABELS], **arrays, **index}
    np.savez(path, **every)


def read_moments(path: Path) -> dict[str, Any]:
    """Selections and index as `write_moments` was given them."""
    with np.load(path, allow_pickle=False) as file:
        found = {name: file[name] for name in file.files}
    labels = found.pop("labels")
    for name, sums in found.items():
        if sums.ndim == 5:
            whole = np.empty((*sums.shape[:-1], len(LABELS) + len(PREDICTIONS)))
            whole[..., LABELS], whole[..., PREDICTIONS] = labels, sums
            found[name] = whole
    return found
