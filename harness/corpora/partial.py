"""A file that is being downloaded: what its owner announced, and the bytes that are here so far."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from rich.progress import Progress, TaskID

from harness.errors import CorpusError

UNANNOUNCED = 1 << 34  # bytes at most of a file whose size is not announced


@dataclass(frozen=True)
class Remote:
    """A file as its owner announces it: bytes and checksum ("md5:…"), None where it does not."""

    name: str
    url: str
    size: int | None = None
    checksum: str | None = None


class PartialFile:
    """The growing file, and what it takes to go on with it after a break."""

    def __init__(self, remote: Remote, target: Path, progress: Progress | None) -> None:
        self.remote, self.target, self.progress = remote, target, progress
        self.file = target.with_name(target.name + ".part")
        self.etag = target.with_name(target.name + ".part.etag")
        self.task = TaskID(0)
        if progress:
            self.task = progress.add_task(remote.name, total=remote.size, completed=self.size)
        if self.size > (remote.size or UNANNOUNCED):
            self.discard()

    @property
    def size(self) -> int:
        return self.file.stat().st_size if self.file.is_file() else 0

    def resume(self) -> tuple[int, dict[str, str]]:
        """The first byte that is missing, and the headers that ask for the rest."""
        # Without a sum to check at the end, only an ETag tells that both halves are of one file
        if not self.size or not (self.remote.checksum or self.etag.is_file()):
            self.discard()
            return 0, {}
        headers = {"Range": f"bytes={self.size}-"}
        if self.etag.is_file():
            headers["If-Range"] = self.etag.read_text(encoding="latin-1")
        return self.size, headers

    def begin(self, etag: str) -> None:
        self.discard()
        if re.fullmatch(r'"[^"\r\n]+"', etag):  # a weak one, W/"…", vouches for no bytes
            self.etag.write_text(etag, encoding="latin-1")
        self.file.touch()

    def append(self, chunk: bytes) -> None:
        most = self.remote.size if self.remote.size is not None else UNANNOUNCED
        if self.size + len(chunk) > most:
            self.discard()
            raise CorpusError(
                f"{self.remote.name} from {shown(self.remote.url)} is longer than the {most:,} "
                "bytes announced; nothing of it was kept, tell its owner"
            )
        with self.file.open("ab") as stream:
            stream.write(chunk)
        if self.progress:
            self.progress.update(self.task, completed=self.size)

    def fault(self) -> str:
        size, checksum = self.remote.size, self.remote.checksum
        if size is not None and self.size != size:
            return f"has {self.size:,} bytes, not the {size:,} announced"
        if checksum:
            algorithm, _, expected = checksum.partition(":")
            found = digest(self.file, algorithm)
            if found != expected.lower():
                return f"has the {algorithm} {found}, not {expected}"
        return ""

    def arrive(self) -> None:
        if not self.file.is_file():  # announced as empty
            self.file.touch()
        self.file.replace(self.target)
        self.etag.unlink(missing_ok=True)

    def discard(self) -> None:
        self.etag.unlink(missing_ok=True)
        self.file.unlink(missing_ok=True)


def digest(file: Path, algorithm: str = "sha256") -> str:
    """The hexadecimal checksum of a file."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, algorithm).hexdigest()


def shown(url: str) -> str:
    """An address without its query and without a user's name, where secrets travel."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
