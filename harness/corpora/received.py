"""What a corpus's owner sent: put below data/raw in one step, locked, and verified ever after.

`locks/<corpus>.json` holds names, sizes and checksums as announced on first access, and a digest of
what was unpacked; keep it in version control, so that every later download is held against it.
The folder itself has a list of its files' checksums, which `sha256sum -c` reads.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness.corpora.archive import is_archive, unpack
from harness.corpora.partial import Remote, digest
from harness.corpora.transport import Client, download
from harness.errors import CorpusError
from harness.stage import read_json, replacing

LOCKS = Path("locks")
LISTING = ".received.sha256"
LISTED = 100  # announced files that the lock names; more are locked by what they unpack to


def settle(file: Path, folder: Path) -> None:
    """Unpack an archive into `folder`; put any other file there as it is."""
    if is_archive(file):
        unpack(file, folder, keep=lambda name: not name.startswith("__MACOSX/"))
    else:
        link(file, folder / file.name)


def receive(
    folder: Path,
    source: str,
    client: Client,
    offered: Callable[[Client, Path], list[Remote]],
    settled: Callable[[Path, Path], None] = settle,
) -> Path:
    """`folder`, filled by downloading what is `offered` unless it is there; returns it.

    `offered(client, parcel)` lists the files, which come to the folder `parcel` and stay until all
    are there, so that a run that was killed goes on; `settled(file, fresh)` unpacks one. A folder
    that this function did not make is used as it is. Raises CorpusError where owner, lock and
    folder disagree.
    """
    lock = LOCKS / f"{folder.name}.json"
    if folder.is_dir() and any(folder.iterdir()):
        if (folder / LISTING).is_file():
            _verify(folder, lock)
        return folder
    parcel = folder.with_name(f".{folder.name}.parcel")
    parcel.mkdir(parents=True, exist_ok=True)
    remotes = offered(client, parcel)
    announced = [{"name": r.name, "size": r.size, "checksum": r.checksum} for r in remotes]
    announced = announced if len(announced) <= LISTED else []
    _compare_announced(announced, lock)
    download(client, remotes, parcel)
    with replacing(folder) as fresh:
        for remote in remotes:
            settled(parcel / remote.name, fresh)
        sums = _sums(fresh)
        (fresh / LISTING).write_text(_listing(sums), encoding="utf-8")
        _compare_unpacked(_about(fresh, sums), lock, f"what {source} serves")
        _write(lock, {"source": source, "files": announced, "unpacked": _about(fresh, sums)})
    shutil.rmtree(parcel)
    return folder


def opened(path: Path, raw: Path, name: str) -> Path:
    """`path` if it is a folder; an archive unpacked to `raw`/<name>-<start of its sha256>."""
    if not is_archive(path):
        return path
    folder = raw / f"{name}-{digest(path)[:12]}"
    if not folder.is_dir():
        with replacing(folder) as fresh:
            unpack(path, fresh)
    return folder


def _verify(folder: Path, lock: Path) -> None:
    lines = (folder / LISTING).read_text(encoding="utf-8").splitlines()
    said = {name: digest for digest, _, name in (line.partition("  ") for line in lines)}
    sums = _sums(folder)
    for name in sorted(said.keys() | sums.keys()):
        if said.get(name) != sums.get(name):
            raise CorpusError(
                f"{folder / name} is not as it was received; remove {folder} to download it again, "
                "or move it elsewhere and name the place in corpus.path"
            )
    _compare_unpacked(_about(folder, sums), lock, str(folder))


def _compare_announced(announced: list[dict[str, Any]], lock: Path) -> None:
    known = {file["name"]: file for file in _read(lock).get("files", announced)}
    found = {file["name"]: file for file in announced}
    for name in sorted(known.keys() | found.keys()):
        if known.get(name) != found.get(name):
            raise CorpusError(
                f"{name} was announced as {_facts(known.get(name))} on first access and is now "
                f"{_facts(found.get(name))}; ask the owner what changed and, if it is meant, "
                f"remove {lock}"
            )


def _facts(file: dict[str, Any] | None) -> str:
    return f"{file['size']} bytes with {file['checksum']}" if file else "absent"


def _compare_unpacked(found: dict[str, Any], lock: Path, what: str) -> None:
    known = _read(lock).get("unpacked", found)
    if known != found:
        raise CorpusError(
            f"{what} unpacks to {found['files']:,} files of {found['bytes']:,} bytes, sha256 "
            f"{found['sha256'][:12]}…, and not to the {known['files']:,} of {known['bytes']:,}, "
            f"{known['sha256'][:12]}…, of {lock}; ask the owner what changed and, if it is meant, "
            "remove that file"
        )


def _about(folder: Path, sums: dict[str, str]) -> dict[str, Any]:
    """Number of files, bytes, and the digest of the list of checksums."""
    return {
        "files": len(sums),
        "bytes": sum((folder / name).stat().st_size for name in sums),
        "sha256": hashlib.sha256(_listing(sums).encode()).hexdigest(),
    }


def _sums(folder: Path) -> dict[str, str]:
    files = sorted(p for p in folder.rglob("*") if p.is_file() and p != folder / LISTING)
    return {file.relative_to(folder).as_posix(): digest(file) for file in files}


def _listing(sums: dict[str, str]) -> str:
    return "".join(f"{sums[name]}  {name}\n" for name in sorted(sums))


def _read(lock: Path) -> dict[str, Any]:
    remedy = "restore it from version control"
    return read_json(lock, remedy, kind=CorpusError) if lock.is_file() else {}


def _write(lock: Path, content: dict[str, Any]) -> None:
    lock.parent.mkdir(exist_ok=True)
    new = lock.with_suffix(".new")
    new.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    new.replace(lock)


def link(file: Path, target: Path) -> None:
    """Put `file` at `target` too, without a second copy where the disk can do that."""
    if target.exists():
        raise CorpusError(f"{file.name} is also inside an archive; choose one in corpus.files")
    try:
        os.link(file, target)
    except OSError:  # a file system without hard links
        shutil.copyfile(file, target)
