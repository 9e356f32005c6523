"""Files over HTTP: whole, checked and resumable, or one error with nothing put in their place.

A download grows in `<name>.part`, which a later run goes on with. Tokens travel in requests only:
no message holds the query of an address, and urllib3's own log is redacted.
"""

import logging
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import sleep
from typing import Any, TypeVar
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from urllib3.exceptions import InvalidHeader
from urllib3.util import Retry

from harness.corpora.partial import PartialFile, Remote, shown
from harness.errors import AccessError, CorpusError

AGENT = "rrtn-harness/0.1 (+https://arxiv.org/abs/2206.09142)"  # Zenodo refuses bare libraries
CHUNK = 1 << 14  # bytes; what a broken connection can lose
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


class _Local(HTTPAdapter):
    """http on this machine only: elsewhere it shows tokens, also where a server sends us there."""

    def send(self, request: requests.PreparedRequest, *how: Any, **more: Any) -> requests.Response:
        url = request.url or ""
        if urlsplit(url).hostname not in ("127.0.0.1", "localhost", "::1"):
            raise CorpusError(f"{shown(url)} is not https; correct the address, or tell its owner")
        return super().send(request, *how, **more)


class Client:
    """GET with retries, over https; `auth` goes to its host only."""

    def __init__(self, auth: Token | None = None) -> None:
        self.auth = auth
        self.session = requests.Session()
        # Bytes as stored: ranges and sizes are of those
        self.session.headers.update({"User-Agent": AGENT, "Accept-Encoding": "identity"})
        self.session.mount("http://", _Local())
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
        part = PartialFile(remote, target, progress)
        for last in (False, True):
            if part.size != remote.size or not remote.size:
                self._patiently(remote.url, lambda: self._continue(remote, part), lambda: part.size)
            fault = part.fault()
            if not fault:
                return part.arrive()
            part.discard()  # once more from the start: a resumed file may mix two versions
            if last:
                raise CorpusError(
                    f"{remote.name} from {shown(remote.url)} {fault}; nothing of it was kept, run "
                    "again later, and tell its owner if it stays so"
                )
        return None

    def _continue(self, remote: Remote, part: PartialFile) -> None:
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
        try:
            response = self.session.get(
                url, headers=headers, auth=self.auth, stream=True, timeout=PATIENCE.silence
            )
        except requests.exceptions.SSLError:
            raise CorpusError(
                f"{shown(url)} has no certificate that this machine trusts; check its clock, its "
                "certificates or its proxy"
            ) from None
        except requests.RequestException as error:
            raise _Broken(_reason(error)) from None
        status = response.status_code
        if status in (200, 206, 416):
            return response
        response.close()
        if status in AGAIN:
            raise _Broken(f"answers {status}", _asked(response))
        raise AccessError(
            f"{shown(url)} answers {status} {response.reason}; check the address, or wait until "
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
                        f"{shown(url)} {broken}{asked}, {failures} times in a row; run again "
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


class _Broken(Exception):
    """A failure that another attempt may mend; `wait`: seconds that the server asked for."""

    def __init__(self, reason: str, wait: float | None = None) -> None:
        super().__init__(reason)
        self.wait = wait


def _fits(response: requests.Response, start: int, size: int | None) -> bool:
    match = re.fullmatch(
        r"bytes (\d+)-(\d+)/(\d+|\*)", response.headers.get("Content-Range", "").strip()
    )
    if not match or int(match[1]) != start:
        return False
    return size is None or (match[3] in ("*", str(size)) and int(match[2]) < size)


def _ended(byte: int, size: int | None) -> str:
    return f"ends at byte {byte:,}" + ("" if size is None else f" of {size:,}")


def _asked(response: requests.Response) -> float | None:
    """Seconds until the server's Retry-After; None without one that can be read."""
    try:
        return Retry().get_retry_after(response.raw)
    except (InvalidHeader, ValueError, OverflowError):
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
            f"{shown(url)} answers with a web page, probably a login, instead of the file; check "
            "the token and the rights of its account",
            401,
        )


def _is_html(name: str) -> bool:
    return name.lower().endswith((".html", ".htm"))


def _redacted(record: logging.LogRecord) -> bool:
    record.msg = re.sub(r"\?[^\s\"]+", "?…", record.getMessage())
    record.args = ()
    return True
