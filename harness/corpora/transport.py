"""Files over HTTP: whole, checked and resumable, or one error with nothing put in their place.

A download grows in `<name>.part`, which a later run goes on with. Tokens travel in requests only:
no message holds the query of an address, and urllib3's own log is redacted.
"""

import hashlib
import logging
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from time import sleep
from typing import Any, TypeVar
from urllib.parse import urlsplit

import requests
from requests.auth import AuthBase
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from harness.errors import AccessError, CorpusError

AGENT = "rrtn-harness/0.1 (+https://arxiv.org/abs/2206.09142)"  # Zenodo refuses bare libraries
CHUNK = 1 << 14  # bytes; what a broken connection can lose
UNANNOUNCED = 1 << 34  # bytes at most of a file whose size is not announced
AGAIN = {408, 425, 429, 500, 502, 503, 504}
Result = TypeVar("Result")


@dataclass(frozen=True)
class Patience:
    """How often and how long to wait, in seconds, for a server that fails or asks for a break."""

    attempts: int = 8  # in a row that bring no new byte
    first: float = 1.0  # doubled after each
    longest: float = 600.0
    silence: float = 60.0  # without a byte: the connection counts as broken


PATIENCE = Patience()


@dataclass(frozen=True)
class Remote:
    """A file as its owner announces it: bytes and checksum ("md5:…"), None where it does not."""

    name: str
    url: str
    size: int | None = None
    checksum: str | None = None


class Token(AuthBase):
    """Credentials for one host only: a bearer token, or the token of a Zenodo share link."""

    def __init__(self, host: str, bearer: str = "", link: str = "") -> None:
        self.host, self.bearer, self.link = host, bearer, link

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if urlsplit(request.url or "").netloc == self.host:
            if self.bearer:
                request.headers["Authorization"] = f"Bearer {self.bearer}"
            if self.link:
                request.prepare_url(request.url or "", {"token": self.link})
        return request


class Client:
    """GET with retries; `auth` is sent over https only (http on this machine, for tests)."""

    def __init__(self, auth: Token | None = None) -> None:
        self.auth = auth
        self.session = requests.Session()
        # Bytes as stored: ranges and sizes are of those
        self.session.headers.update({"User-Agent": AGENT, "Accept-Encoding": "identity"})
        log = logging.getLogger("urllib3.connectionpool")
        if _redacted not in log.filters:
            log.addFilter(_redacted)

    def json(self, url: str) -> Any:
        """The JSON document at `url`; AccessError where it is refused, CorpusError otherwise."""

        def once() -> Any:
            with self._get(url, {}) as response:
                try:
                    return response.json()
                except requests.JSONDecodeError:
                    _refuse_html(url, response.headers.get("Content-Type", ""), b"")
                    raise _Broken("answers with something that is not JSON") from None
                except requests.RequestException as error:
                    raise _Broken(_reason(error)) from None

        return self._patiently(url, once, lambda: 0)

    def fetch(self, remote: Remote, target: Path, progress: Progress | None = None) -> None:
        """Download to `target`, going on from `<target>.part`; in place only when size and sum fit.

        Raises AccessError where the server refuses (what came before is kept), CorpusError where
        it keeps failing or serves other bytes than announced (these are removed).
        """
        part = _Part(remote, target, progress)
        for last in (False, True):
            if part.size != remote.size or not remote.size:
                self._patiently(remote.url, lambda: self._continue(remote, part), lambda: part.size)
            fault = part.fault()
            if not fault:
                return part.arrive()
            part.discard()  # once more from the start: a resumed file may mix two versions
            if last:
                raise CorpusError(
                    f"{remote.name} from {_shown(remote.url)} {fault}; nothing of it was kept, run "
                    "again later, and tell its owner if it stays so"
                )
        return None

    def _continue(self, remote: Remote, part: "_Part") -> None:
        start, headers = part.resume()
        with self._get(remote.url, headers) as response:
            if response.status_code == 416:
                part.discard()
                raise _Broken(_ended(start, remote.size))
            if response.status_code == 206 and not _fits(response, start, remote.size):
                part.discard()
                raise _Broken("answers with another range than asked for")
            if response.status_code == 200:
                part.begin(response.headers.get("ETag", ""))
            kind = response.headers.get("Content-Type", "")
            try:
                for chunk in response.iter_content(CHUNK):
                    if part.size == 0:
                        _refuse_html(remote.url, "" if _is_html(remote.name) else kind, chunk)
                    part.append(chunk)
            except requests.RequestException as error:
                raise _Broken(_reason(error)) from None
        if remote.size is not None and part.size < remote.size:
            raise _Broken(_ended(part.size, remote.size))

    def _get(self, url: str, headers: dict[str, str]) -> requests.Response:
        parts = urlsplit(url)
        if parts.scheme != "https" and parts.hostname not in ("127.0.0.1", "localhost", "::1"):
            raise CorpusError(f"{_shown(url)} is not https; correct the address")
        try:
            response = self.session.get(
                url, headers=headers, auth=self.auth, stream=True, timeout=PATIENCE.silence
            )
        except requests.exceptions.SSLError:
            raise CorpusError(
                f"{_shown(url)} has no certificate that this machine trusts; check its clock, its "
                "certificates or its proxy"
            ) from None
        except requests.RequestException as error:
            raise _Broken(_reason(error)) from None
        status = response.status_code
        if status in (200, 206, 416):
            return response
        response.close()
        if status in AGAIN:
            raise _Broken(f"answers {status}", _seconds(response.headers.get("Retry-After")))
        raise AccessError(
            f"{_shown(url)} answers {status} {response.reason}; check the address, or wait until "
            "its owner has put it back",
            status,
        )

    def _patiently(
        self, url: str, once: Callable[[], Result], reached: Callable[[], int]
    ) -> Result:
        """`once()`, again after each `_Broken`, until `attempts` in a row bring no new byte."""
        failures, furthest = 0, reached()
        while True:
            try:
                return once()
            except _Broken as broken:
                failures = 1 if reached() > furthest else failures + 1
                furthest = max(furthest, reached())
                wait = broken.wait
                if wait is None:
                    wait = min(PATIENCE.first * 2 ** (failures - 1), PATIENCE.longest)
                if failures >= PATIENCE.attempts or wait > PATIENCE.longest:
                    asked = f" and asks for {wait:,.0f} s" if broken.wait is not None else ""
                    raise CorpusError(
                        f"{_shown(url)} {broken}{asked}, {failures} times in a row; run again "
                        "later, to go on from there"
                    ) from None
            sleep(wait)


def download(client: Client, remotes: list[Remote], folder: Path) -> None:
    """Fetch what is not yet in `folder`, with a bar; CorpusError if a name is not a plain one."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in (remote.name for remote in remotes):
        if not re.fullmatch(r"\w[^/\\:\x00-\x1f]*", name) or name.endswith((".part", ".etag")):
            raise CorpusError(f"a file on the server is named {name!r}; ask its owner to rename it")
    left = [remote for remote in remotes if not (folder / remote.name).is_file()]
    needed, free = sum(remote.size or 0 for remote in left), shutil.disk_usage(folder).free
    if needed > free:
        raise CorpusError(
            f"{folder} needs {needed / 1e9:.1f} GB for the download and has {free / 1e9:.1f}; make "
            "room, or make it a link to a larger disk"
        )
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    screen = Console(stderr=True)
    with Progress(
        *columns, console=screen, transient=True, disable=not screen.is_terminal
    ) as progress:
        for remote in left:
            client.fetch(remote, folder / remote.name, progress)


def digest(file: Path, algorithm: str = "sha256") -> str:
    """The hexadecimal checksum of a file."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, algorithm).hexdigest()


class _Broken(Exception):
    """A failure that another attempt may mend; `wait`: seconds that the server asked for."""

    def __init__(self, reason: str, wait: float | None = None) -> None:
        super().__init__(reason)
        self.wait = wait


class _Part:
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
                f"{self.remote.name} from {_shown(self.remote.url)} is longer than the {most:,} "
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


def _fits(response: requests.Response, start: int, size: int | None) -> bool:
    match = re.fullmatch(
        r"bytes (\d+)-(\d+)/(\d+|\*)", response.headers.get("Content-Range", "").strip()
    )
    if not match or int(match[1]) != start:
        return False
    return size is None or (match[3] in ("*", str(size)) and int(match[2]) < size)


def _ended(byte: int, size: int | None) -> str:
    return f"ends at byte {byte:,}" + ("" if size is None else f" of {size:,}")


def _seconds(header: str | None) -> float | None:
    """Retry-After: seconds, or a date."""
    if header is None:
        return None
    if header.strip().isdigit():
        return float(header)
    try:
        return max(0.0, (parsedate_to_datetime(header) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return None


def _reason(error: requests.RequestException) -> str:
    """Why, in own words: those of requests hold the address, and with it a share link's token."""
    if isinstance(error, requests.Timeout):
        return f"does not answer within {PATIENCE.silence:g} s"
    if isinstance(error, requests.TooManyRedirects):
        return "sends from address to address"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "broke the connection"
    return "cannot be reached"


def _refuse_html(url: str, kind: str, start: bytes) -> None:
    if kind.startswith("text/html") or start.lstrip()[:14].lower().startswith(
        (b"<!doctype html", b"<html")
    ):
        raise AccessError(
            f"{_shown(url)} answers with a web page, probably a login, instead of the file; check "
            "the token and the rights of its account",
            401,
        )


def _is_html(name: str) -> bool:
    return name.lower().endswith((".html", ".htm"))


def _shown(url: str) -> str:
    """An address without its query and without a user's name, where secrets travel."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _redacted(record: logging.LogRecord) -> bool:
    record.msg = re.sub(r"\?[^\s\"]+", "?…", record.getMessage())
    record.args = ()
    return True
