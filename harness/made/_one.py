"""A row that is made of one finished cell: its facts, and its predictions by what a file says."""

from pathlib import Path
from typing import Any

import numpy as np

from harness.errors import ParamsError, RunError
from harness.evaluation import distributions
from harness.made import Given, Made
from harness.stage import read_json

Arrays = dict[str, np.ndarray]


def check_one(given: Given) -> None:
    """Raise ParamsError where it comes after none or several."""
    if len(given.cells) != 1:
        raise ParamsError(
            f"it is made of one cell and comes after {len(given.cells)}; name one row in `after`"
        )


def made_of(folder: Path, content: Arrays) -> Made:
    """A cell with this distribution, its dev mean as its predictions.

    Raises RunError where the distribution has no dev split.
    """
    facts: dict[str, Any] = read_json(folder / "metrics.json")
    with np.load(folder / "predictions.npz", allow_pickle=False) as file:
        clips, targets = (file[name].astype(str).tolist() for name in ("clips", "targets"))
    found = distributions.of_split(content, "dev", clips)
    return Made(
        clips,
        targets,
        found.mean,
        facts["arithmetic"],
        (facts["params"], facts["params_trained"]),
        facts["width"],
        facts["epochs"],
        {"distribution": content},
    )


def split_names(content: Arrays) -> list[str]:
    """The splits that a distribution has."""
    return [name.removesuffix("_mean") for name in content if name.endswith("_mean")]


def read(folder: Path, name: str, remedy: str) -> Arrays:
    """The arrays of a cell's file; RunError where there is none."""
    file = folder / f"{name}.npz"
    if not file.is_file():
        raise RunError(f"{file} is missing; {remedy}")
    with np.load(file, allow_pickle=False) as content:
        return {key: content[key] for key in content.files}
