"""Parts of a row: encoders, heads, terms and weightings, each a file that is found by its name.

`encoder: cnn10` is harness/learning/encoders/cnn10.py; a name with a dot is a module of the user's.
The file has one public class below the kind's base (harness/learning/<kind>/__init__.py), and a
class `Params` if the part takes parameters.
"""

from __future__ import annotations

import importlib
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from torch import nn

from harness.config.strict import ROWS, Strict, nearest, parse
from harness.errors import ParamsError

if TYPE_CHECKING:  # a cell does not depend on the code of what is only named here
    from harness.config.readings import Readings
    from harness.config.rows import Part
    from harness.config.training import Train

HERE = Path(__file__).parent
KINDS = {"encoders": "Encoder", "heads": "Head", "terms": "Term", "weightings": "Weighting"}


@dataclass(frozen=True)
class Setting:
    """What a part is built for; `before` is the finished cell that its row comes after, if any.

    `speakers` and `countries`: how many the train split has (0 where nobody trains); `terms`: the
    row's, by their names in the history, for the rule that weighs them.
    """

    train: Train
    readings: Readings
    bands: int
    targets: int
    before: Path | None = None
    speakers: int = 0
    countries: int = 0
    terms: tuple[str, ...] = ()


class NoParams(Strict):
    """Of a part that takes none."""


def build(kind: str, part: Part, *arguments: Any) -> Any:
    """The part, made from its parameters and `arguments`; ParamsError for other ones."""
    module = load(kind, part.name)
    params = getattr(module, "Params", NoParams)
    where = f"{kind.removesuffix('s')} {part.name}"
    return part_class(kind, module)(parse(params, part.params, where, ROWS), *arguments)


def module_name(kind: str, name: str) -> str:
    """Where a part of this name is found."""
    return name if "." in name else f"harness.learning.{kind}.{name.replace('-', '_')}"


def load(kind: str, name: str) -> ModuleType:
    """The part's module; ParamsError with what there is if there is none of this name."""
    if "." not in name:
        files = (HERE / kind).glob("[!_]*.py")
        known = sorted(file.stem for file in files)
        if name.replace("-", "_") not in known:
            raise ParamsError(
                f"{kind.removesuffix('s')} '{name}' is not there{nearest(name, known)}; "
                f"harness/learning/{kind} has {', '.join(known)}"
            )
        return importlib.import_module(module_name(kind, name))
    if not all(map(str.isidentifier, name.split("."))):
        raise ParamsError(f"{kind.removesuffix('s')} '{name}' is no module; write package.module")
    if "" not in sys.path:
        sys.path.insert(0, "")  # the working directory, where a user's own parts lie
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise  # a package that the part itself wants
        file = f"{name.replace('.', '/')}.py"
        siblings = Path(file).parent.glob("[!_]*.py")
        close = nearest(name, [".".join(f.with_suffix("").parts) for f in siblings])
        raise ParamsError(f"{kind.removesuffix('s')} '{name}': there is no {file}{close}") from None


def part_class(kind: str, module: ModuleType) -> type[nn.Module]:
    """The module's one public class below the kind's base."""
    base = getattr(importlib.import_module(f"harness.learning.{kind}"), KINDS[kind])
    found = [
        value
        for name, value in vars(module).items()
        if isinstance(value, type)
        and issubclass(value, base)
        and value.__module__ == module.__name__
        and not name.startswith("_")
    ]
    if len(found) != 1:
        raise ParamsError(
            f"{module.__file__} has {len(found)} public classes below {base.__name__}, not one"
        )
    return found[0]
