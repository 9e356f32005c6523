"""DVC at work in this clone, and what it leaves whole.

DVC writes its locks in place, so that a kill in that moment leaves half of one, and DVC cannot read
that. A copy from before it ran is kept as long as it runs.
"""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML, YAMLError

from harness.stage import write_whole

DVC = (sys.executable, "-m", "dvc")
LOCKS = (Path("dvc.lock"), Path("families/dvc.lock"))
COPIES = Path("scratch", "locks")
IN_NO_TIME = 3  # seconds
AT_WORK = Path(".dvc", "tmp", "rwlock")  # who is at which file


@contextmanager
def whole_locks() -> Iterator[None]:
    """Run DVC within the block, and nowhere else at that time."""
    mend()
    for lock in filter(_has_pipeline, LOCKS):
        copy = _copy(lock)
        copy.parent.mkdir(parents=True, exist_ok=True)
        write_whole(copy, lock.read_text(encoding="utf-8") if lock.is_file() else "")
    try:
        yield
    finally:
        mend()


def mend() -> None:
    """Put back each lock that DVC, killed, has left half written; forget what it was at.

    Also where git's index is locked, because it was killed while it added its locks there.
    """
    for lock in LOCKS:
        copy = _copy(lock)
        if copy.is_file():
            _put_back(lock, copy.read_text(encoding="utf-8"))
            _unlock_index(copy.stat().st_mtime)
            copy.unlink()
    if AT_WORK.is_file():
        found = AT_WORK.read_text(encoding="utf-8", errors="replace")
        if not any(map(_alive, re.findall(r'"pid": (\d+)', found))):
            AT_WORK.unlink()


def record(stages: list[str]) -> subprocess.CompletedProcess[str]:
    """`dvc commit` of stages whose outputs are what they would make; → what it said."""
    command = [*DVC, "commit", "--force", *stages]
    text: dict[str, Any] = {"encoding": "utf-8", "errors": "replace"}
    with whole_locks():
        return subprocess.run(command, capture_output=True, check=False, **text)


def _put_back(lock: Path, before: str) -> None:
    now = lock.read_text(encoding="utf-8", errors="replace") if lock.is_file() else ""
    if now == before or not _cut_off(now, before):
        return
    if before:
        write_whole(lock, before)
    else:
        lock.unlink(missing_ok=True)


def _unlock_index(since: float) -> None:
    """Remove the lock of git's index that DVC, which adds its locks there, has left since then.

    A git at work is done with it in no time.
    """
    command = ["git", "rev-parse", "--git-path", "index.lock"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:  # no git here
        return
    place = Path(done.stdout.strip())
    if done.returncode or not place.is_file() or place.stat().st_mtime < since:
        return
    latest = time.monotonic() + IN_NO_TIME
    while place.is_file():
        if time.monotonic() > latest:
            place.unlink(missing_ok=True)
        time.sleep(0.1)


def _cut_off(now: str, before: str) -> bool:
    """Whether a lock ends in the middle, or lacks the last of what it had before."""
    names, earlier = _stages(now), _stages(before) or []
    if names is None or not now.endswith("\n") or before.startswith(now):
        return True
    return len(names) < len(earlier) and names == earlier[: len(names)]


def _stages(text: str) -> list[str] | None:
    """The names of a lock's stages; None where it cannot be read."""
    try:
        found = YAML(typ="safe").load(text)
        return list(found["stages"])
    except (YAMLError, TypeError, KeyError):
        return None


def _has_pipeline(lock: Path) -> bool:
    return lock.with_suffix(".yaml").is_file()


def _copy(lock: Path) -> Path:
    return COPIES / lock


def _alive(pid: str) -> bool:
    with suppress(PermissionError):  # another user's
        try:
            os.kill(int(pid), 0)
        except ProcessLookupError:
            return False
    return True
