"""The code that a training of a row really imports, found without importing any of it.

The parts of a row are imported by name when it trains, so they are followed from its block;
everything else from the import statements, wherever in a file they stand.
"""

import ast
import hashlib
import io
import tokenize
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from harness.config.rows import AnyRow, MadeRow, Part, Row
from harness.errors import ParamsError
from harness.made import module_name

ROOT = Path(__file__).parents[2]  # of the package harness; other modules: the working directory
LOOP = "harness.learning.loop"
TYPING = ("TYPE_CHECKING", "typing.TYPE_CHECKING")


class Source(NamedTuple):
    """What a file says, comments and docstrings aside, and the modules that it may import."""

    digest: str
    imports: frozenset[str]


def code(row: AnyRow) -> dict[str, str]:
    """Path → digest of every file that the row's training, or its making, imports."""
    first = [] if isinstance(row, MadeRow) else [LOOP]
    return digests([*first, *part_modules(row)])


def digests(modules: Iterable[str]) -> dict[str, str]:
    """Path below the root → digest, of the modules and all that they import, sorted by path."""
    found = closure(modules)
    named = {file.relative_to(_root(module)).as_posix(): file for module, file in found.items()}
    return {path: _source(named[path]).digest for path in sorted(named)}


def part_modules(row: AnyRow) -> list[str]:
    """The modules of the row's parts, or the one that makes it; a name with a dot is the path of a
    module as it stands."""
    if isinstance(row, MadeRow):
        return [module_name(row.made.name)]
    assert isinstance(row, Row)
    kinds: dict[str, list[Part | None]] = {
        "encoders": [row.encoder],
        "heads": [row.head],
        "terms": [*row.terms],
        "weightings": [row.weighting, row.emotions],
    }
    return [
        part.name if "." in part.name else f"harness.learning.{kind}.{part.name.replace('-', '_')}"
        for kind, parts in kinds.items()
        for part in parts
        if part is not None
    ]


def closure(modules: Iterable[str]) -> dict[str, Path]:
    """Module → its file, of the modules, their packages and all that they import.

    A module that has no file in the harness or the working directory is left out: a library, or a
    part that does not exist, which the row's validation tells.
    """
    found: dict[str, Path] = {}
    waiting = set(modules)
    while waiting:
        module = waiting.pop()
        file = _file(module)
        if module in found or file is None:
            continue
        found[module] = file
        package = module if file.name == "__init__.py" else module.rpartition(".")[0]
        imports = {_absolute(name, package) for name in _source(file).imports}
        waiting |= {whole for name in {module, *imports} for whole in _with_packages(name)}
    return found


def _with_packages(module: str) -> Iterator[str]:
    """ "a.b.c" → "a", "a.b", "a.b.c": importing the last one runs them all."""
    parts = module.split(".")
    return (".".join(parts[:count]) for count in range(1, len(parts) + 1))


def _absolute(name: str, package: str) -> str:
    """A relative import as `_imports` gives it (".losses", "..data") in its package."""
    below = name.lstrip(".")
    up = len(name) - len(below)
    if not up:
        return name
    parents = package.split(".")
    return ".".join([*parents[: len(parents) - up + 1], *([below] if below else [])])


def _root(module: str) -> Path:
    return ROOT if module.partition(".")[0] == "harness" else Path.cwd()


def _file(module: str) -> Path | None:
    place = _root(module).joinpath(*module.split("."))
    candidates = (place / "__init__.py", place.with_name(f"{place.name}.py"))
    return next((file for file in candidates if file.is_file()), None)


def _source(file: Path) -> Source:
    return _read(file, file.stat().st_mtime_ns)


@cache
def _read(file: Path, changed: int) -> Source:
    try:
        text = file.read_text(encoding="utf-8")
        tree = ast.parse(text)
    except (SyntaxError, ValueError) as error:  # ValueError: not UTF-8, a null byte
        line = getattr(error, "lineno", None) or 1
        raise ParamsError(f"{file}:{line}: not valid Python: {error}") from None
    digest = hashlib.sha256(bare(text).encode()).hexdigest()
    return Source(digest, frozenset(_imports(tree)))


def bare(text: str) -> str:
    """Python code without comments, blank lines and statements that are a string alone.

    As text, because the same code has another syntax tree in another version of Python, and a
    cell's key has to be the same in all of them.
    """
    tokens = list(tokenize.generate_tokens(io.StringIO(text).readline))
    layout = (tokenize.COMMENT, tokenize.NL, tokenize.INDENT, tokenize.DEDENT)
    solid = [token for token in tokens if token.type not in layout]
    cut = [token for token in tokens if token.type == tokenize.COMMENT]
    for before, token, after in zip([None, *solid], solid, solid[1:], strict=False):
        starts = before is None or before.type == tokenize.NEWLINE
        if token.type == tokenize.STRING and starts and after.type == tokenize.NEWLINE:
            cut.append(token)  # a docstring
    lines = text.split("\n")
    for token in sorted(cut, key=lambda token: token.start, reverse=True):
        (top, left), (bottom, right) = token.start, token.end
        lines[top - 1 : bottom] = [lines[top - 1][:left] + lines[bottom - 1][right:]]
    return "\n".join(line.rstrip() for line in lines if line.strip())


def _imports(node: ast.AST) -> Iterator[str]:
    """Names that may be modules, relative ones with their dots; `from a import b`: a and a.b."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        origin = "." * node.level + (node.module or "")
        yield origin
        between = "." if node.module else ""
        yield from (f"{origin}{between}{alias.name}" for alias in node.names)
    children = ast.iter_child_nodes(node)
    if isinstance(node, ast.If) and ast.unparse(node.test) in TYPING:
        children = iter(node.orelse)  # the rest is never run
    for child in children:
        yield from _imports(child)
