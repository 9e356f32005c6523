"""Parts of a row: encoders, heads, terms and weightings, each a file that is found by its name.

`encoder: cnn10` is harness/learning/encoders/cnn10.py; a name with a dot is a module of the user's.
The file has one public class below the kind's base (harness/learning/<kind>/__init__.py), and a
class `Params` if the part takes parameters.
"""

import importlib
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from torch import nn

from harness.config.readings import Readings
from harness.config.rows import ROWS, Part
from harness.config.strict import Strict, nearest, parse
from harness.config.training import Train
from harness.errors import ParamsError

HERE = Path(__file__).parent
KINDS = {"encoders": "Encoder", "heads": "Head", "terms": "Term", "weightings": "Weighting"}


@dataclass(frozen=True)
class Setting:
    """What a part is built for; `before` is the finished cell that its row comes after, if any."""

    train: Train
    readings: Readings
    bands: int
    targets: int
    before: Path | None = None


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
    place = module_name(kind, name)
    outside = "." in name
    if name.startswith(".") or (not outside and place.rpartition(".")[2] not in _known(kind)):
        raise _unknown(kind, name)
    if outside and "" not in sys.path:
        sys.path.insert(0, "")  # the working directory, where a user's own parts lie
    try:
        return importlib.import_module(place)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{place}.".startswith(f"{error.name}."):
            raise  # a package that the part itself wants
        raise _unknown(kind, name) from None


def _known(kind: str) -> list[str]:
    """The harness's own parts; a file with an underscore is what several of them share."""
    names = (file.stem for file in (HERE / kind).glob("*.py"))
    return sorted(name for name in names if not name.startswith("_"))


def _unknown(kind: str, name: str) -> ParamsError:
    known = _known(kind)
    return ParamsError(
        f"{kind.removesuffix('s')} '{name}' is not there{nearest(name, known)}; "
        f"harness/learning/{kind} has {', '.join(known)}"
    )


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
