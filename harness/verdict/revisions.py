"""Files as they are in the working tree, in a folder, or in a git revision, read the same way."""

import os
import subprocess
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import Protocol

from harness.config.strict import decoded
from harness.errors import HarnessError


class UsageError(HarnessError):
    """A command names something that does not exist; exit status 2."""


class Tree(Protocol):
    """Some state of the repository; paths are relative to its root, with '/'."""

    name: str

    def read(self, path: str) -> str | None:
        """The file's text; None when there is no such file."""

    def files(self, pattern: str) -> list[str]:
        """Paths that match a glob such as "results/*/metrics.json", sorted."""


class Folder:
    """The files below a folder; with its default, the working tree."""

    def __init__(self, root: Path = Path(), name: str = "working tree") -> None:
        self.root, self.name = root, name

    def read(self, path: str) -> str | None:
        file = self.root / path
        try:
            return decoded(file.read_bytes(), str(file)) if file.is_file() else None
        except OSError as error:
            raise UsageError(f"{file} cannot be read: {error.strerror}") from None

    def files(self, pattern: str) -> list[str]:
        return sorted(f.relative_to(self.root).as_posix() for f in self.root.glob(pattern))


class Revision:
    """The files of a commit, by `git show`. Raises UsageError when git does not know it."""

    def __init__(self, revision: str, root: Path = Path()) -> None:
        self.root, self.name = root, revision
        self.commit = _commit(revision, root)
        listed = git("ls-tree", "-r", "-z", "--name-only", self.commit, root=root)
        self._paths = set(filter(None, listed.split("\0")))

    def read(self, path: str) -> str | None:
        if path not in self._paths:
            return None
        shown = _run(["show", f"{self.commit}:./{path}"], self.root)
        if shown.returncode:
            raise UsageError(_complaint(shown, self.root))
        return decoded(shown.stdout, f"{self.name}:{path}")

    def files(self, pattern: str) -> list[str]:
        depth = len(PurePosixPath(pattern).parts)
        parts = {path: PurePosixPath(path) for path in self._paths}
        return sorted(p for p, q in parts.items() if len(q.parts) == depth and q.match(pattern))


def ignored(paths: Iterable[str], root: Path = Path()) -> set[str]:
    """Those of the paths (relative to the root) that git ignores: what no clone has."""
    asked = "\0".join(sorted(set(paths)))
    done = _run(["check-ignore", "-z", "--stdin"], root, os.fsencode(asked)) if asked else None
    if done is None:
        return set()
    if done.returncode > 1:  # 1: none of them is ignored
        raise UsageError(_complaint(done, root))
    return set(filter(None, os.fsdecode(done.stdout).split("\0")))


def git(*arguments: str, root: Path = Path()) -> str:
    """What a git command prints; raises UsageError with git's own sentence when it fails.

    A path that is not UTF-8 comes as os.fsdecode has it.
    """
    done = _run(list(arguments), root)
    if done.returncode:
        raise UsageError(_complaint(done, root))
    return os.fsdecode(done.stdout)


def _commit(revision: str, root: Path) -> str:
    done = _run(["rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}"], root)
    if done.returncode > 1:  # 1: it reads the repository, and there is no such commit
        raise UsageError(_complaint(done, root))
    if not revision or revision.startswith("-") or done.returncode:
        shallow = git("rev-parse", "--is-shallow-repository", root=root).strip() == "true"
        remedy = "fetch more of it (`git fetch --unshallow`)" if shallow else "see `git log --all`"
        clone = "shallow clone" if shallow else "repository"
        raise UsageError(f"'{revision}' is no revision of this {clone}; {remedy}")
    return done.stdout.decode().strip()


def _run(
    arguments: list[str], root: Path, given: bytes | None = None
) -> subprocess.CompletedProcess[bytes]:
    command = ["git", *arguments]
    try:
        return subprocess.run(command, cwd=root, input=given, capture_output=True, check=False)
    except OSError as error:
        raise UsageError(f"git cannot be started: {error.strerror}; install it") from None


def _complaint(done: subprocess.CompletedProcess[bytes], root: Path) -> str:
    said = done.stderr.decode(errors="replace").strip() or f"exit status {done.returncode}"
    return (
        f"git cannot read {root.absolute()}: {said}; if these files were unpacked from an archive, "
        "clone the repository instead, and if they belong to another user, do as git says"
    )


def write(file: str, text: str) -> None:
    """A report to where it was asked for; raises UsageError when it cannot be written there."""
    try:
        Path(file).parent.mkdir(parents=True, exist_ok=True)
        Path(file).write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{file} cannot be written: {error.strerror}") from None
