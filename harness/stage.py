"""How every stage ends: a status, at most one line of error, and outputs whole or untouched.

And how it reads what another one left.
"""

import errno
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from harness import display
from harness.errors import HarnessError, RunError, lacking
from harness.processes import WATCHED, Terminated, heed_signals

NO_ROOM = ("failed to map segment", "Cannot allocate memory")  # the loader's words
GO_ON = "interrupted; what is finished is kept, and the same command goes on from there"


def run(main: Callable[[], None]) -> None:
    """Call `main`; turn a HarnessError, or what the machine lacks, into one line and status 1.

    Ctrl-C and SIGTERM are one line too, and status 130 and 143. Any other exception is a fault of
    the harness and keeps its traceback. Nothing printed raises.
    """
    display.forgive()
    heed_signals()
    try:
        main()
    except KeyboardInterrupt as ended:
        if WATCHED not in os.environ:  # else the one who watches says it
            print(GO_ON, file=sys.stderr)
        if isinstance(ended, Terminated):
            sys.exit(143)
        sys.exit(130)
    except HarnessError as error:
        reason = str(error)
    except Exception as error:
        found = short_of(error)
        if found is None:
            raise
        reason = found
    else:
        return
    sys.exit(f"error: {' '.join(reason.split())}")


def short_of(error: BaseException) -> str | None:
    """As `lacking`, and where a library found no room when it was loaded."""
    if isinstance(error, ImportError) and any(words in str(error) for words in NO_ROOM):
        return f"there is not enough memory ({error}); raise its limit (ulimit -v), or run JOBS=1"
    return lacking(error)


def read_json(
    path: Path, remedy: str = "", keys: Iterable[str] = (), kind: type[HarnessError] = RunError
) -> dict[str, Any]:
    """The mapping in a JSON file of the harness's own, which has at least these keys.

    Raises an error of this kind, with the file's name and the remedy, when it is missing or broken.
    """
    then = f"; {remedy}" if remedy else ""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise kind(f"{path} is missing{then}") from None
    except json.JSONDecodeError as error:
        raise kind(f"{path} is not JSON ({error.msg}, line {error.lineno}){then}") from None
    except (ValueError, RecursionError) as error:  # no UTF-8; too deep
        raise kind(f"{path} is not JSON ({error}){then}") from None
    if not isinstance(found, dict):
        raise kind(f"{path} holds no mapping{then}")
    for key in keys:
        if key not in found:
            raise kind(f"{path} has no '{key}'{then}")
    return found


def read_facts(
    folder: Path, keys: Iterable[str] = ("targets",), kind: type[HarnessError] = RunError
) -> dict[str, Any]:
    """What `download` left in `folder` about a corpus; errors as of read_json."""
    remedy = f"move {folder} away and run `dvc repro download`"  # which replaces only its own files
    return read_json(folder / "corpus.json", remedy, keys, kind)


def move(made: Path, place: Path) -> None:
    """Put a finished folder in the place of another, or of none; also on another disk."""
    place.parent.mkdir(parents=True, exist_ok=True)
    discard(place)
    try:
        made.rename(place)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        with replacing(place) as fresh:
            shutil.copytree(made, fresh, dirs_exist_ok=True)
        shutil.rmtree(made)


def discard(folder: Path) -> None:
    """Remove a folder, or nothing; a kill leaves all of it, or what .dvcignore names."""
    old = _hidden(folder, "old")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.rename(old)
        shutil.rmtree(old)


def write_whole(path: Path, text: str) -> None:
    """A text file, whole or not at all."""
    part = _hidden(path, "new")
    part.write_text(text, encoding="utf-8")
    _sync(part)
    part.replace(path)


def _hidden(path: Path, age: str) -> Path:
    return path.with_name(f".{path.name}.{age}")


def _sync(file: Path) -> None:
    """Wait until the disk has it: else a loss of power could leave the name without the content."""
    with file.open("rb") as stream:
        os.fsync(stream.fileno())


@contextmanager
def replacing(folder: Path, own: set[str] | None = None) -> Iterator[Path]:
    """An empty sibling folder to build in, which takes the place of `folder` when the block ends.

    If the block raises, what was built is removed and `folder` stays as it was. `own`: paths below
    `folder` that may be replaced (None: all); HarnessError names any other file that lies there.
    """
    if own is not None:
        _check_owned(folder, own)
    new, old = _hidden(folder, "new"), _hidden(folder, "old")
    shutil.rmtree(new, ignore_errors=True)  # left by a run that was killed
    if old.exists() and not folder.exists():  # killed between the renames below
        old.rename(folder)
    new.mkdir(parents=True)
    try:
        yield new
        for file in new.iterdir():  # thousands of sounds lie deeper; their sums tell a lost one
            if file.is_file() and not file.is_symlink():
                _sync(file)
    except BaseException as error:
        shutil.rmtree(new, ignore_errors=True)
        if isinstance(error, OSError) and error.filename is None:  # of a write to an open file
            error.filename = str(folder)
        raise
    if folder.exists():
        shutil.rmtree(old, ignore_errors=True)
        folder.rename(old)
    new.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


def _check_owned(folder: Path, own: set[str]) -> None:
    for file in sorted(folder.rglob("*")):
        is_folder = file.is_dir() and not file.is_symlink()
        if not is_folder and file.relative_to(folder).as_posix() not in own:
            raise HarnessError(
                f"{file} was not written by this stage, which replaces {folder}/; move it elsewhere"
            )
