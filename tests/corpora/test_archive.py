"""harness.corpora.archive: what a stranger packed lands below the folder, or nothing of it does."""

import bz2
import gzip
import io
import lzma
import stat
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.corpora.archive import Bounds, is_archive, unpack
from harness.errors import CorpusError

FILES = {"top/wav/1.wav": b"one", "top/wav/2.wav": b"two" * 9999, "top/labels.csv": b""}


def as_zip(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as whole:
        whole.mkdir("top")
        for name, body in files.items():
            whole.writestr(name, body)
    return path


def as_tar(path: Path, files: dict[str, bytes], mode: str = "w:gz") -> Path:
    with tarfile.open(path, mode, format=tarfile.PAX_FORMAT) as whole:
        for name, body in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(body)
            whole.addfile(member, io.BytesIO(body))
    return path


def there(folder: Path) -> dict[str, bytes]:
    files = (file for file in folder.rglob("*") if file.is_file())
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in files}


@pytest.mark.parametrize(
    "pack",
    [as_zip, *(lambda p, f, m=m: as_tar(p, f, m) for m in ("w", "w:gz", "w:bz2", "w:xz"))],
    ids=["zip", "tar", "gz", "bz2", "xz"],
)
def test_files_come_out_as_they_went_in(tmp_path: Path, pack: Callable[..., Path]) -> None:
    archive = pack(tmp_path / "a", FILES)
    assert is_archive(archive)
    assert unpack(archive, tmp_path / "whole") == 3
    assert there(tmp_path / "whole") == FILES
    assert unpack(archive, tmp_path / "wav", strip=1, keep=lambda n: n.startswith("wav/")) == 2
    assert set(there(tmp_path / "wav")) == {"wav/1.wav", "wav/2.wav"}


def test_github_archives_carry_the_commit_in_a_header_that_is_no_file(tmp_path: Path) -> None:
    with tarfile.open(
        tmp_path / "a", "w:gz", format=tarfile.PAX_FORMAT, pax_headers={"comment": "51eeca5"}
    ) as whole:
        whole.addfile(tarfile.TarInfo("top/a"))
    assert unpack(tmp_path / "a", tmp_path / "out", strip=1) == 1


NAMES = ["../up", "a/../../up", "/etc/up", "C:\\up", "C:/up", "a\\..\\..\\up", "a\nb", ".."]


@pytest.mark.parametrize("pack", [as_zip, as_tar])
@pytest.mark.parametrize("name", NAMES)
def test_a_name_outside_the_folder_is_refused(
    tmp_path: Path, pack: Callable[..., Path], name: str
) -> None:
    archive = pack(tmp_path / "a", {"fine": b"1", name: b"2"})
    out = tmp_path / "deep" / "out"
    with pytest.raises(CorpusError, match=r"a: member .* is a name outside the folder"):
        unpack(archive, out)
    assert set(there(tmp_path)) == {"a", "deep/out/fine"}


TYPES = {
    "symbolic link": tarfile.SYMTYPE,
    "hard link": tarfile.LNKTYPE,
    "character device": tarfile.CHRTYPE,
    "block device": tarfile.BLKTYPE,
    "fifo": tarfile.FIFOTYPE,
}


@pytest.mark.parametrize("kind", TYPES)
def test_a_tar_with_links_or_devices_is_refused(tmp_path: Path, kind: str) -> None:
    with tarfile.open(tmp_path / "a", "w") as whole:
        member = tarfile.TarInfo("odd")
        member.type, member.linkname = TYPES[kind], "/etc/passwd"
        whole.addfile(member)
    with pytest.raises(CorpusError, match="member 'odd' is a link or a device"):
        unpack(tmp_path / "a", tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFIFO, stat.S_IFSOCK])
def test_a_zip_with_links_or_devices_is_refused(tmp_path: Path, kind: int) -> None:
    with zipfile.ZipFile(tmp_path / "a", "w") as whole:
        member = zipfile.ZipInfo("odd")
        member.external_attr = (kind | 0o777) << 16
        whole.writestr(member, "/etc/passwd")
    with pytest.raises(CorpusError, match="member 'odd' is a link or a device"):
        unpack(tmp_path / "a", tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("pack", [as_zip, as_tar])
@pytest.mark.parametrize("bounds", [Bounds(size=29_999), Bounds(files=2)])
def test_more_files_or_bytes_than_allowed_are_refused(
    tmp_path: Path, pack: Callable[..., Path], bounds: Bounds
) -> None:
    archive = pack(tmp_path / "a", FILES)
    unpack(archive, tmp_path / "fits", bounds=Bounds(files=3, size=30_000))
    with pytest.raises(CorpusError, match=r"holds more than .*; it is not what it should be"):
        unpack(archive, tmp_path / "out", bounds=bounds)


@pytest.mark.parametrize("press", [gzip.compress, bz2.compress, lzma.compress])
def test_a_tar_that_explodes_in_its_headers_is_refused(
    tmp_path: Path, press: Callable[[bytes], bytes]
) -> None:
    header = tarfile.TarInfo("x")
    header.type, header.size = tarfile.XHDTYPE, 1 << 33  # 8 GiB, for memory
    (tmp_path / "a").write_bytes(press(header.tobuf(tarfile.GNU_FORMAT) + bytes(1 << 22)))
    with pytest.raises(CorpusError, match="unpacks to more bytes than its files declare"):
        unpack(tmp_path / "a", tmp_path / "out")


def declared(path: Path, size: int) -> Path:
    """A zip whose one member says that it has `size` bytes, in both of its headers."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as whole:
        whole.writestr("bomb", bytes(1 << 20))
    raw = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        struct.pack_into("<I", raw, raw.index(signature) + offset, size)
    path.write_bytes(raw)
    return path


@pytest.mark.parametrize("size", [10, (1 << 20) - 1, (1 << 20) + 1, (1 << 31) - 1])
def test_a_zip_that_lies_about_a_size_is_refused(tmp_path: Path, size: int) -> None:
    with pytest.raises(CorpusError, match=r"is not a whole zip|than the [\d,]+ bytes it declares"):
        unpack(declared(tmp_path / "a", size), tmp_path / "out")
    assert sum(map(len, there(tmp_path / "out").values())) <= 1 << 20


def test_an_encrypted_zip_is_refused_by_name(tmp_path: Path) -> None:
    raw = bytearray(as_zip(tmp_path / "a", {"secret": b"1"}).read_bytes())
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        start = raw.rindex(signature)
        raw[start + offset] |= 1
    (tmp_path / "a").write_bytes(raw)
    with pytest.raises(CorpusError, match="member 'secret' is encrypted"):
        unpack(tmp_path / "a", tmp_path / "out")


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("pack", [as_zip, as_tar])
def test_a_name_listed_twice_is_refused_in_any_case(
    tmp_path: Path, pack: Callable[..., Path]
) -> None:
    archive = pack(tmp_path / "a", {"Clip.wav": b"1", "clip.WAV": b"2"})
    with pytest.raises(CorpusError, match=r"holds 'clip\.WAV' twice"):
        unpack(archive, tmp_path / "out")


@pytest.mark.parametrize("pack", [as_zip, as_tar])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.6, 0.99])
def test_a_broken_archive_is_named(tmp_path: Path, pack: Callable[..., Path], share: float) -> None:
    raw = pack(tmp_path / "a", {**FILES, "noise": bytes(range(256)) * 50}).read_bytes()
    (tmp_path / "a").write_bytes(raw[: int(len(raw) * share)])
    with pytest.raises(CorpusError, match="a is not a whole zip or tar"):
        unpack(tmp_path / "a", tmp_path / "out")


def test_a_flipped_byte_is_found(tmp_path: Path) -> None:
    raw = bytearray(as_zip(tmp_path / "a", {"noise": bytes(range(256))}).read_bytes())
    raw[raw.index(b"noise") + 40] ^= 1
    (tmp_path / "a").write_bytes(raw)
    with pytest.raises(CorpusError, match="a is not a whole zip"):
        unpack(tmp_path / "a", tmp_path / "out")


@pytest.mark.parametrize("content", [b"", b"File_ID,Split\n", b"RIFF" + bytes(600), b"\x1f\x8bxx"])
def test_what_is_no_archive_is_not_taken_for_one(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a").write_bytes(content)
    assert not is_archive(tmp_path / "a")
    assert not is_archive(tmp_path)
