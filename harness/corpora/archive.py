"""Archives that strangers made: unpacked below one folder, within bounds, or refused by name."""

import bz2
import gzip
import io
import lzma
import re
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from harness.errors import CorpusError

HEADERS = 1 << 20  # bytes at most between two files of a tar: headers and padding
BROKEN = (
    *(zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, EOFError),
    *(gzip.BadGzipFile, NotImplementedError, UnicodeError, ValueError, RuntimeError),
)


@dataclass(frozen=True)
class Bounds:
    """What an archive may hold: files, and bytes of all of them, declared and real."""

    files: int = 1_000_000
    size: int = 1 << 38


BOUNDS = Bounds()


def is_archive(file: Path) -> bool:
    """Whether a file's first bytes are those of a zip, or of a tar, plain or compressed."""
    if not file.is_file():
        return False
    return zipfile.is_zipfile(file) or _is_tar(file)


def unpack(
    archive: Path,
    folder: Path,
    *,
    strip: int = 0,
    keep: Callable[[str], bool] = lambda name: True,
    bounds: Bounds = BOUNDS,
) -> int:
    """Write the files of a zip or tar below `folder`; returns how many.

    `strip`: leading folders to drop from each name; `keep`: names (after that) to unpack, of which
    none may be there already. Raises CorpusError naming archive and member for a name outside
    `folder`, a link, a device, a name listed twice, an encrypted or broken member, and more files
    or bytes than `bounds`; what was written until then stays, so unpack into a fresh folder.
    """
    written: set[str] = set()
    try:
        for name, stream, size in _members(archive, bounds):
            kept = "/".join(_parts(archive, name)[strip:])
            if not kept or not keep(kept):
                continue
            target = folder / kept
            if kept.casefold() in written or target.exists():
                raise CorpusError(f"{archive} holds {name!r} twice; ask its owner for a whole one")
            written.add(kept.casefold())
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("xb") as out:
                shutil.copyfileobj(stream, out)  # both libraries stop at the declared size
            if target.stat().st_size < size:
                raise _refusal(archive, name, f"shorter than the {size:,} bytes it declares")
    except BROKEN as error:
        raise CorpusError(
            f"{archive} is not a whole zip or tar ({error or type(error).__name__}); get it again"
        ) from None
    except OSError as error:  # bz2 has no exception of its own
        if error.errno is None:
            raise CorpusError(f"{archive} is not a whole tar ({error}); get it again") from None
        raise CorpusError(
            f"{archive} cannot be unpacked to {folder} ({error.strerror}); make room there"
        ) from None
    return len(written)


def _members(archive: Path, bounds: Bounds) -> Iterator[tuple[str, IO[bytes], int]]:
    """Name, content and declared size of each plain file; folders are passed over."""
    members = _zipped if zipfile.is_zipfile(archive) else _tarred
    files = total = 0
    for name, stream, size in members(archive, bounds):
        files, total = files + 1, total + size
        if files > bounds.files or total > bounds.size:
            raise CorpusError(
                f"{archive} holds more than {bounds.files:,} files or {bounds.size:,} bytes, from "
                f"{name!r} on; it is not what it should be, do not unpack it"
            )
        yield name, stream, size


def _zipped(archive: Path, bounds: Bounds) -> Iterator[tuple[str, IO[bytes], int]]:
    with zipfile.ZipFile(archive) as whole:
        for member in whole.infolist():
            kind = stat.S_IFMT(member.external_attr >> 16)
            if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise _refusal(archive, member.filename, "a link or a device")
            if member.flag_bits & 1:
                raise _refusal(archive, member.filename, "encrypted")
            if not member.is_dir():
                with whole.open(member) as stream:
                    yield member.filename, stream, member.file_size


def _tarred(archive: Path, bounds: Bounds) -> Iterator[tuple[str, IO[bytes], int]]:
    with _decompressed(archive) as plain:
        bounded = _Bounded(plain, archive)
        with tarfile.open(fileobj=bounded, mode="r|") as whole:
            for member in whole:
                if not (member.isreg() or member.isdir()):
                    raise _refusal(archive, member.name, "a link or a device")
                stream = whole.extractfile(member)
                if member.isreg() and stream:
                    bounded.left = min(member.size, bounds.size) + HEADERS
                    yield member.name, stream, member.size
        while bounded.read(1 << 16):  # padding, up to the checksum of what was compressed
            pass


def _decompressed(archive: Path) -> IO[bytes]:
    start = archive.open("rb").read(6)
    if start.startswith(b"\x1f\x8b"):
        return gzip.open(archive)  # type: ignore[return-value]
    if start.startswith(b"BZh"):
        return bz2.open(archive)
    if start.startswith(b"\xfd7zXZ"):
        return lzma.open(archive)
    return archive.open("rb")


def _is_tar(file: Path) -> bool:
    try:
        with _decompressed(file) as plain:
            head = plain.read(512)
    except (OSError, EOFError, zlib.error, lzma.LZMAError):
        return False
    return head[257:262] == b"ustar"


class _Bounded(io.RawIOBase):
    """A stream of which `left` bytes may still be read: tarfile takes a header of any length."""

    def __init__(self, stream: IO[bytes], archive: Path) -> None:
        self.stream, self.archive, self.left = stream, archive, HEADERS

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        chunk = self.stream.read(size)
        self.left -= len(chunk)
        if self.left < 0:
            raise CorpusError(
                f"{self.archive} unpacks to more bytes than its files declare; it is not what it "
                "should be, do not unpack it"
            )
        return chunk


def _parts(archive: Path, name: str) -> list[str]:
    """A member's name as path segments, refused unless it stays below where it is unpacked."""
    parts = PurePosixPath(name).parts
    odd = re.search(r"[\\\x00-\x1f]|^[A-Za-z]:", name)
    if odd or name.startswith("/") or ".." in parts or not parts:
        raise _refusal(archive, name, "a name outside the folder")
    return list(parts)


def _refusal(archive: Path, name: str, fault: str) -> CorpusError:
    return CorpusError(
        f"{archive}: member {name!r} is {fault}; nothing of this archive is used, ask its owner"
    )
