"""YAML → typed, strict values; every error names the file, the line, the key and the nearest one."""

import difflib
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError

from harness.errors import ParamsError


class Strict(BaseModel):
    """A block of parameters: unknown keys are errors, types are not coerced, values are final."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


Block = TypeVar("Block", bound=BaseModel)


def read_yaml(path: Path) -> Any:
    """The mapping in a YAML file, as ruamel reads it (1.2, as DVC does), with line numbers kept.

    Raises ParamsError when the file is missing, empty, or not YAML.
    """
    try:
        node = YAML().load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ParamsError(f"{path} is missing; run from the repository's root") from None
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ParamsError(f"{path}:{line}: not valid YAML: {error.problem}") from None
    if not isinstance(node, dict):
        raise ParamsError(f"{path}: expected a mapping of keys to values")
    return node


def parse(model: type[Block], node: Any, where: str, path: Path = Path("params.yaml")) -> Block:
    """Validate one block; `where` is its dotted place in the file, for messages ("" = the top).

    Raises ParamsError with the first fault: `file:line: key: what is wrong and what would be right`.
    """
    try:
        return model.model_validate(_plain(node))
    except ValidationError as error:
        raise ParamsError(_first_fault(error, model, node, where, path)) from None


def block(model: type[Block], key: str, path: Path = Path("params.yaml")) -> Block:
    """Read the file and validate its top-level block `key` ("" = the whole file)."""
    node = read_yaml(path)
    if key and key not in node:
        raise ParamsError(f"{path}: the block '{key}' is missing{_nearest(key, node)}")
    return parse(model, node[key] if key else node, key, path)


def _plain(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: _plain(value) for key, value in node.items()}
    if isinstance(node, list):
        return [_plain(value) for value in node]
    for kind in (bool, int, float, str):  # ruamel's round-trip scalars subclass these
        if isinstance(node, kind):
            return node if isinstance(node, bool) else kind(node)
    return node


def _first_fault(
    error: ValidationError, model: type[BaseModel], node: Any, where: str, path: Path
) -> str:
    fault = error.errors()[0]
    place = [part for part in fault["loc"] if not (isinstance(part, str) and "[" in part)]
    key = ".".join([*([where] if where else []), *map(str, place)])
    line = _line(node, place)
    at = f"{path}:{line}" if line else str(path)
    if fault["type"] == "extra_forbidden":
        return f"{at}: '{key}' is not a key{_nearest(str(place[-1]), _fields(model, place[:-1]))}"
    if fault["type"] == "missing":
        return f"{at}: '{key}' is missing{_nearest(str(place[-1]), _keys(node, place[:-1]))}"
    message = fault["msg"].removeprefix("Value error, ")
    return f"{at}: '{key}' = {fault['input']!r}: {message}{_suggestion(fault)}"


def _suggestion(fault: Any) -> str:
    if fault["type"] != "literal_error":
        return ""
    names = [name.strip("'\" ") for name in fault["ctx"]["expected"].replace(" or ", ",").split(",")]
    return _nearest(str(fault["input"]), names)


def _nearest(name: str, names: Any) -> str:
    close = difflib.get_close_matches(name, [str(n) for n in names], n=1, cutoff=0.5)
    return f"; did you mean '{close[0]}'?" if close else ""


def _fields(model: Any, place: list[Any]) -> list[str]:
    for part in place:
        field = getattr(model, "model_fields", {}).get(part)
        arguments = getattr(model, "__args__", ())
        model = field.annotation if field else (arguments[-1] if arguments else None)
    return list(getattr(model, "model_fields", {}))


def _keys(node: Any, place: list[Any]) -> list[str]:
    for part in place:
        node = node[part]
    return list(node) if isinstance(node, dict) else []


def _line(node: Any, place: list[Any]) -> int | None:
    line = node.lc.line + 1 if hasattr(node, "lc") else None
    for part in place:
        if not hasattr(node, "lc"):
            break
        try:
            line = (node.lc.key(part) if isinstance(node, dict) else node.lc.item(part))[0] + 1
            node = node[part]
        except (KeyError, IndexError, TypeError):
            break
    return line
