"""YAML → typed, strict values; an error names the file, the line, the key and the nearest one."""

import difflib
import json
import re
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin

from pydantic import BaseModel, ConfigDict, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import AliasEvent, CollectionEndEvent, CollectionStartEvent
from ruamel.yaml.reader import ReaderError
from ruamel.yaml.scalarbool import ScalarBoolean

from harness.config.names import profile_name
from harness.errors import ParamsError

PARAMS, ROWS = Path("params.yaml"), Path("rows.yaml")


class Strict(BaseModel):
    """A block of parameters: unknown keys are errors, types are not coerced, values are final.

    A list in the file may fill a tuple, a whole number a float; NaN and infinity are refused.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


Block = TypeVar("Block", bound=BaseModel)


def read_yaml(path: Path) -> Any:
    """The mapping in a YAML file, as ruamel reads it (1.2, as DVC does), with line numbers kept.

    Raises ParamsError when the file is missing, empty, or not YAML.
    """
    try:
        return mapping(path.read_bytes(), str(path))
    except FileNotFoundError:
        raise ParamsError(f"{path} is missing; run from the repository's root") from None
    except OSError as error:
        raise ParamsError(f"{path} cannot be read: {error.strerror}") from None


def mapping(content: bytes, name: str) -> Any:
    """The mapping that YAML text holds; ParamsError with `name`, the line and the fault if none."""
    text = decoded(content, name)
    try:
        if alias := _within_itself(text):
            raise ParamsError(
                f"{name}:{alias.start_mark.line + 1}: '*{alias.anchor}' stands inside "
                f"'&{alias.anchor}', so that it would contain itself; write out what is meant"
            )
        node = YAML().load(text)
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        fault = str(error.problem).partition(" with value ")[0]  # of a duplicate key, a whole block
        raise ParamsError(f"{name}:{line}: not valid YAML: {fault}") from None
    except ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        fault = f"a control character (#x{error.character:02x})"
        raise ParamsError(f"{name}:{line}: not valid YAML: {fault}") from None
    except (YAMLError, ValueError, RecursionError) as error:  # a date that is none; too deep
        raise ParamsError(f"{name}: not valid YAML: {error}") from None
    if not isinstance(node, dict):
        raise ParamsError(f"{name}: expected a mapping of keys to values")
    return node


def _within_itself(text: str) -> AliasEvent | None:
    """The first alias to a mapping or list that has not ended; ruamel reads it as null or fails."""
    unended: list[str | None] = []
    for event in YAML().parse(text) if "&" in text else ():
        if isinstance(event, AliasEvent) and event.anchor in unended:
            return event
        if isinstance(event, CollectionStartEvent):
            unended.append(event.anchor)
        elif isinstance(event, CollectionEndEvent):
            unended.pop()
    return None


def decoded(content: bytes, name: str) -> str:
    """The text of a file; ParamsError with `name` if it is not UTF-8."""
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ParamsError(
            f"{name}: not UTF-8 text at byte {error.start}; save it as such"
        ) from None


def parse(model: type[Block], node: Any, where: str, path: Path = PARAMS) -> Block:
    """Validate one block; `where` is its dotted place in the file, for messages ("" = the top).

    Raises ParamsError with the first fault as `file:line: key: what is wrong, what would be right`.
    """
    try:
        # JSON knows no tuples or paths, so strictness there lets lists and strings stand for them.
        return model.model_validate_json(json.dumps(_plain(node), default=str))
    except ValidationError as error:
        raise ParamsError(_first_fault(error, model, node, where, path)) from None


def section(key: str, path: Path = PARAMS) -> Any:
    """The top-level value `key` of a file, not yet validated; ParamsError if it is missing."""
    node = read_yaml(path)
    if key not in node:
        raise ParamsError(f"{path}: '{key}' is missing{nearest(key, node)}")
    return node[key]


def block(model: type[Block], key: str, path: Path = PARAMS) -> Block:
    """Read the file and validate its top-level block `key` ("" = the whole file)."""
    return parse(model, section(key, path) if key else read_yaml(path), key, path)


def profile(path: Path = PARAMS) -> str:
    """The top-level `profile`: the folder's name below data/, features/, runs/ and results/."""
    found = section("profile", path)
    try:
        if not isinstance(found, str):
            raise ValueError("no text; put it in quotes")
        return profile_name(str(found))
    except ValueError as error:
        line = _line(read_yaml(path), ["profile"])
        raise ParamsError(f"{path}:{line}: 'profile' = {found!r}: {error}") from None


def _plain(node: Any) -> Any:
    if isinstance(node, dict):
        return {str(key): _plain(value) for key, value in node.items()}
    if isinstance(node, list):
        return [_plain(value) for value in node]
    if isinstance(node, ScalarBoolean):  # a boolean with an anchor; a subclass of int
        return bool(node)
    return node


def _first_fault(
    error: ValidationError, model: type[BaseModel], node: Any, where: str, path: Path
) -> str:
    faults = error.errors()
    # A misspelt key is both unknown and missing: the unknown one is what the reader can see.
    fault = next((f for f in faults if f["type"] == "extra_forbidden"), faults[0])
    place = _place(fault, node)
    key = ".".join([*([where] if where else []), *map(str, place)])
    line = _line(node, place)
    at = f"{path}:{line}" if line else str(path)
    if fault["type"] == "extra_forbidden":
        return f"{at}: '{key}' is not a key{nearest(str(place[-1]), _fields(model, place[:-1]))}"
    if fault["type"] == "missing":
        return f"{at}: '{key}' is missing; add it"
    message = fault["msg"].removeprefix("Value error, ")
    if isinstance(fault["input"], dict):  # of several keys together, which the message names
        return f"{at}: '{key}': {message}"
    return f"{at}: '{key}' = {fault['input']!r}: {message}{_suggestion(fault)}"


def _place(fault: Any, node: Any) -> list[Any]:
    # pydantic's location also names union tags and validators, which are no keys of the file
    place = []
    for part in fault["loc"]:
        if (isinstance(node, dict) and part in node) or (
            isinstance(node, list) and isinstance(part, int)
        ):
            place.append(part)
            node = node[part]
    last = fault["loc"][-1:]
    if fault["type"] == "missing" or (
        fault["type"] == "extra_forbidden" and place[-1:] != list(last)
    ):
        place.extend(last)  # not in the file, or there as a number
    return place


def _suggestion(fault: Any) -> str:
    if fault["type"] != "literal_error":
        return ""
    return nearest(str(fault["input"]), re.findall("'(.*?)'", fault["ctx"]["expected"]))


def nearest(name: str, names: Any) -> str:
    """The end of a message about an unknown name: "; did you mean 'cnn10'?", or nothing."""
    close = difflib.get_close_matches(name, [str(n) for n in names], n=1, cutoff=0.5)
    return f"; did you mean '{close[0]}'?" if close else ""


def _fields(kind: Any, place: list[Any]) -> list[str]:
    """Names of the fields of the model at `place` below `kind`, through containers and unions."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        if not place:
            return list(kind.model_fields)
        field = kind.model_fields.get(str(place[0]))
        return _fields(field.annotation, place[1:]) if field else []
    below = place[1:] if get_origin(kind) in (dict, list, tuple) else place
    return [name for inner in get_args(kind) for name in _fields(inner, below)]


def _line(node: Any, place: list[Any]) -> int | None:
    line = node.lc.line + 1 if hasattr(node, "lc") else None
    for part in place:
        if not hasattr(node, "lc"):
            break
        try:
            line = getattr(node.lc, "item" if isinstance(node, list) else "key")(part)[0] + 1
            node = node[part]
        except (KeyError, IndexError, TypeError):
            break
    return line
