"""Cells that are made, without training, of finished cells or of the features.

`made: ridge` is harness/made/ridge.py; a name with a dot is a module of the user's. It has
`make(params, given) -> Made`, a class `Params` if it takes parameters, and `check(params, given)`
if something can be wrong that is known before any file is there.
"""

from __future__ import annotations

import importlib
import sys
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from harness.config.strict import ROWS, Strict, nearest, parse
from harness.errors import ParamsError
from harness.portable import supported

if TYPE_CHECKING:  # a finished cell is recognised without waiting for numpy
    import numpy as np

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Given:
    """What a cell is made of: its seed, the folder of the features, the corpus block, and the
    folders of the finished cells that it comes after, by their labels ("table2/cnn10-1")."""

    label: str
    seed: int
    features: Path
    corpus: dict[str, Any]
    cells: dict[str, Path]


@dataclass(frozen=True)
class Made:
    """What stands in the cell's folder.

    `predictions`: selection → dev [clips, targets], `late` [epochs, clips, targets]; one array
    where there are no epochs to choose from. `params`: how many numbers were fitted, at width 1 and
    as it is; 0 where it is no fixed number. `files`: name → arrays, of further .npz files.
    """

    clips: list[str]
    targets: list[str]
    predictions: np.ndarray | dict[str, np.ndarray]
    arithmetic: str
    params: tuple[int, int] = (0, 0)
    width: float = 1.0
    epochs: int = 0
    files: dict[str, dict[str, np.ndarray]] = field(default_factory=dict)


class _NoParams(Strict):
    """Of a row that takes none."""


def make(name: str, params: dict[str, Any], given: Given) -> Made:
    """Make the cell; ParamsError for other parameters, RunError for cells that do not fit."""
    module = load(name)
    made: Made = module.make(_params(module, name, params), given)
    return made


def check(name: str, params: dict[str, Any], given: Given) -> None:
    """Raise ParamsError for what can be seen without the files: name, parameters, what it needs."""
    module = load(name)
    found = _params(module, name, params)
    if hasattr(module, "check"):
        module.check(found, given)


def _params(module: ModuleType, name: str, params: dict[str, Any]) -> Strict:
    return parse(getattr(module, "Params", _NoParams), params, f"made {name}", ROWS)


def arithmetic() -> str:
    """What a table says of NumPy's, which is portable wherever it can be (harness/portable.py)."""
    return "portable float64" if supported() else "float64"


def module_name(name: str) -> str:
    """Where a row that is made so is found."""
    return name if "." in name else f"harness.made.{name.replace('-', '_')}"


def load(name: str) -> ModuleType:
    """The module of this name; ParamsError with what there is where there is none."""
    whole = module_name(name)
    known = sorted(file.stem for file in HERE.glob("[!_]*.py"))
    if "." not in name and whole.rpartition(".")[2] not in known:
        raise ParamsError(
            f"made '{name}' is not there{nearest(name, known)}; harness/made has {', '.join(known)}"
        )
    if not all(map(str.isidentifier, whole.split("."))):
        raise ParamsError(f"made '{name}' is no module; write package.module")
    if "" not in sys.path:
        sys.path.insert(0, "")  # the working directory, where a user's own modules lie
    try:
        module = importlib.import_module(whole)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{whole}.".startswith(f"{error.name}."):
            raise  # a package that the module itself wants
        raise ParamsError(f"made '{name}': there is no {whole.replace('.', '/')}.py") from None
    if not hasattr(module, "make"):
        raise ParamsError(f"made '{name}': {module.__file__} has no function 'make'; add it")
    return module
