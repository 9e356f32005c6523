"""The mean of several cells' predictions, and what they say together of a prediction's error.

A cell may have distribution.npz: for each split that it has, `<split>_clips`, and of every clip and
target `<split>_mean` and `<split>_variance` [clips, targets], and of a head with bins
`<split>_probabilities` [clips, targets, bins]. Where all members have it, the ensemble has it of
their mixture: the mean of the means; the variance, which is the mean variance (aleatoric) plus the
variance of the means (epistemic, Lakshminarayanan et al. 2017), the second also as
`<split>_epistemic`; the mean of the probabilities. So an ensemble is read as a single cell is.
"""

import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from harness.config.strict import Strict
from harness.errors import ParamsError, RunError
from harness.evaluation import distributions
from harness.made import Given, Made
from harness.stage import read_json

DISTRIBUTION = "distribution"
NAMES = ["clips", "targets"]

Arrays = dict[str, np.ndarray]


def check(params: Strict, given: Given) -> None:
    """Raise ParamsError where there are no members."""
    if len(given.cells) < 2:
        there = f"only {', '.join(given.cells)}" if given.cells else "none"
        raise ParamsError(
            f"an ensemble needs two cells or more and has {there}; let it come after a row with "
            "`members: 5`, or after a family"
        )


def make(params: Strict, given: Given) -> Made:
    """The mean over the cells of each selection's predictions."""
    check(params, given)
    cells = {label: _arrays(folder, "predictions") for label, folder in given.cells.items()}
    facts = {label: read_json(folder / "metrics.json") for label, folder in given.cells.items()}
    _check_equal(given, cells, NAMES)
    for label, found in facts.items():
        _check_fact(given, label, found, next(iter(facts.values())))
    clips, targets = (next(iter(cells.values()))[name].tolist() for name in NAMES)
    fact = next(iter(facts.values()))
    return Made(
        clips,
        targets,
        predictions=_mean(list(cells.values()), NAMES),
        params=(_sum(facts, "params"), _sum(facts, "params_trained")),
        arithmetic=" and in ".join(sorted({found["arithmetic"] for found in facts.values()})),
        width=fact["width"],
        epochs=fact["epochs"],
        files=_distribution(given),
    )


def _distribution(given: Given) -> dict[str, Arrays]:
    """That of the mixture, where all members have one."""
    has = {label: (at / f"{DISTRIBUTION}.npz").is_file() for label, at in given.cells.items()}
    if not all(has.values()):
        if any(has.values()):
            lacking = next(label for label, there in has.items() if not there)
            raise RunError(_unequal(given, lacking, f"has no {DISTRIBUTION}.npz"))
        return {}
    cells = {label: _arrays(folder, DISTRIBUTION) for label, folder in given.cells.items()}
    members = list(cells.values())
    names = [name for name in members[0] if name.endswith("_clips")]
    _check_equal(given, cells, names)
    found = _mean(members, names)
    for split in (name.removesuffix("_clips") for name in names):
        if f"{split}_mean" in found:
            each = [distributions.from_arrays(member, split) for member in members]
            found |= distributions.arrays(distributions.mixture(each), split)
    return {DISTRIBUTION: {name: members[0][name] for name in names} | found}


def _mean(members: list[Arrays], names: list[str]) -> Arrays:
    """Of each array but `names`, float64."""
    return {
        name: np.mean([member[name] for member in members], axis=0, dtype=float)
        for name in members[0]
        if name not in names
    }


def _sum(facts: dict[str, dict[str, Any]], name: str) -> int:
    return sum(found[name] for found in facts.values())


def _arrays(folder: Path, name: str) -> Arrays:
    file = folder / f"{name}.npz"
    try:
        with np.load(file, allow_pickle=False) as content:
            return {key: content[key] for key in content.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise RunError(
            f"{file} cannot be read ({error}); delete {folder} and train again"
        ) from None


def _check_equal(given: Given, cells: dict[str, Arrays], names: list[str]) -> None:
    """That all have the same arrays of the same shapes, and those of `names` the same content."""
    first = next(iter(cells.values()))
    for label, cell in cells.items():
        for key in dict.fromkeys([*first, *cell]):
            if key not in cell or key not in first:
                without = label if key not in cell else next(iter(cells))
                raise RunError(_unequal(given, without, f"has no '{key}'"))
            if key in names and not np.array_equal(cell[key], first[key]):
                raise RunError(_unequal(given, label, f"has other {key.rpartition('_')[2]}"))
            if cell[key].shape != first[key].shape:
                shape = "×".join(map(str, cell[key].shape))
                raise RunError(_unequal(given, label, f"has '{key}' of {shape} numbers"))


def _check_fact(given: Given, label: str, found: dict[str, Any], first: dict[str, Any]) -> None:
    for fact in ("width", "epochs"):
        if found[fact] != first[fact]:
            raise RunError(_unequal(given, label, f"has {fact} {found[fact]}"))


def _unequal(given: Given, label: str, why: str) -> str:
    return f"{given.label} is made of unequal members: {label} {why}; name rows that are alike"
