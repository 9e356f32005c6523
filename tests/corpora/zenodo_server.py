"""A server on this machine that speaks Zenodo's REST, with the faults that servers have.

`GET /api/records/<id>` and `/api/records/<id>/files/<name>/content`, as InvenioRDM serves them:
`files` is missing where there are no rights, content is then refused; a bearer token or a share
link's `?token=` gives them; ranges are served with an ETag. `pages` are other paths, served as
GitHub's codeload does: chunked, of unknown length, without ranges.
"""

import hashlib
import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

LOGIN = b"<!DOCTYPE html><html><title>Log in</title><form></form></html>"


@dataclass
class Zenodo:
    """What is served and how; every field can be changed while it runs."""

    files: dict[str, bytes]
    record: str = "42"
    bearer: str | None = None  # who has it, or `link`, has rights; with neither, all are public
    link: str | None = None
    expired: bool = False  # tokens are refused with 401
    statuses: list[int] = field(default_factory=list)  # answered first, one a request for content
    retry_after: str | None = None
    drop_every: int | None = None  # bytes of body after which the connection is closed
    pause: float = 0.0  # s before every 16 KiB
    withheld: int = 0  # last bytes of a longer file that wait until this is 0
    ranges: str = "right"  # right, wrong, ignored
    checksums: dict[str, str] = field(default_factory=dict)  # announced instead of the right ones
    sizes: dict[str, int] = field(default_factory=dict)
    served: dict[str, bytes] = field(default_factory=dict)  # instead of the announced bytes
    html: bool = False  # content is a login page
    etag: str | None = None  # instead of that of the bytes
    metadata: bytes | None = None  # instead of the record
    pages: dict[str, bytes] = field(default_factory=dict)
    redirects: dict[str, str] = field(default_factory=dict)  # path → address
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)  # path, headers
    url: str = ""

    @property
    def api(self) -> str:
        return f"{self.url}/api"

    def content(self) -> list[dict[str, str]]:
        """The headers of every request for a file's content so far."""
        return [headers for path, headers in self.asked if path.endswith("/content")]


@contextmanager
def serving(zenodo: Zenodo) -> Iterator[Zenodo]:
    """Serve on a free port of this machine until the block ends."""
    handler = type("Handler", (_Handler,), {"zenodo": zenodo})
    server = _Server(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    zenodo.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield zenodo
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        """A client that went away is no fault of the server."""


class _Handler(BaseHTTPRequestHandler):
    zenodo: Zenodo
    protocol_version = "HTTP/1.1"
    whole = 0  # bytes of the file that is asked for, also where only its rest is

    def do_GET(self) -> None:
        self.whole = 0
        path = unquote(urlsplit(self.path).path)
        self.zenodo.asked.append((path, dict(self.headers)))
        found = re.fullmatch(rf"/api/records/{self.zenodo.record}(?:/files/([^/]+)/content)?", path)
        if path in self.zenodo.redirects:
            self._send(302, b"", Location=self.zenodo.redirects[path])
        elif path in self.zenodo.pages:
            self._page(self.zenodo.pages[path])
        elif not found:
            self._send(404, b'{"status": 404}')
        elif found[1] is None:
            self._metadata()
        else:
            self._content(found[1])

    def log_message(self, *_: Any) -> None:
        pass

    def _rights(self) -> bool:
        z = self.zenodo
        if z.bearer is None and z.link is None:
            return True
        given = parse_qs(urlsplit(self.path).query).get("token", [None])[0]
        return (z.bearer is not None and self.headers["Authorization"] == f"Bearer {z.bearer}") or (
            z.link is not None and given == z.link
        )

    def _token(self) -> bool:
        return "Authorization" in self.headers or "token=" in self.path

    def _metadata(self) -> None:
        z = self.zenodo
        if z.expired and self._token():
            return self._send(401, b'{"status": 401, "message": "expired"}')
        if z.metadata is not None:
            return self._send(200, z.metadata)
        record: dict[str, Any] = {"id": z.record, "metadata": {"title": "bursts"}}
        if self._rights():
            record["files"] = [
                {
                    "key": name,
                    "size": z.sizes.get(name, len(body)),
                    "checksum": z.checksums.get(name, f"md5:{hashlib.md5(body).hexdigest()}"),
                    "links": {"self": f"{z.api}/records/{z.record}/files/{name}/content"},
                }
                for name, body in z.files.items()
            ]
        return self._send(200, json.dumps(record).encode())

    def _content(self, name: str) -> None:
        z = self.zenodo
        if z.statuses:
            extra = {"Retry-After": z.retry_after} if z.retry_after is not None else {}
            return self._send(z.statuses.pop(0), b"{}", **extra)
        if z.expired and self._token():
            return self._send(401, b"{}")
        if not self._rights():
            return self._send(403, b'{"status": 403, "message": "Permission denied."}')
        if z.html:
            return self._send(200, LOGIN, **{"Content-Type": "text/html; charset=utf-8"})
        if name not in z.files:
            return self._send(404, b"{}")
        body = z.served.get(name, z.files[name])
        self.whole = len(body)
        etag = z.etag or f'"md5:{hashlib.md5(body).hexdigest()}"'
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        fresh = self.headers.get("If-Range", etag) == etag
        if not asked or z.ranges == "ignored" or not fresh:
            return self._send(200, body, ETag=etag)
        start = int(asked[1])
        if start >= len(body):
            return self._send(416, b"", **{"Content-Range": f"bytes */{len(body)}"})
        said = start + 7 if z.ranges == "wrong" else start
        span = f"bytes {said}-{len(body) - 1}/{len(body)}"
        return self._send(206, body[start:], **{"Content-Range": span, "ETag": etag})

    def _send(self, status: int, body: bytes, **headers: str) -> None:
        z = self.zenodo
        kind = "application/json" if body.startswith(b"{") else "application/octet-stream"
        self.send_response(status)
        for key, value in {"Content-Type": kind, **headers}.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        content = urlsplit(self.path).path.endswith("/content") and status in (200, 206)
        most = z.drop_every if z.drop_every and content else len(body)
        self._write(body[:most])
        if most < len(body):
            self.close_connection = True

    def _page(self, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/x-gzip")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        most = self.zenodo.drop_every or len(body)
        for start in range(0, min(most, len(body)), 1 << 14):
            chunk = body[start : start + (1 << 14)]
            self.wfile.write(f"{len(chunk):x}\r\n".encode() + chunk + b"\r\n")
        if most < len(body):
            self.close_connection = True
        else:
            self.wfile.write(b"0\r\n\r\n")

    def _write(self, body: bytes) -> None:
        z = self.zenodo
        try:
            for start in range(0, len(body), 1 << 14):
                while len(body) - start <= z.withheld < self.whole:
                    time.sleep(0.001)
                if z.pause:
                    time.sleep(z.pause)
                self.wfile.write(body[start : start + (1 << 14)])
        except (BrokenPipeError, ConnectionResetError):  # a client that was killed
            self.close_connection = True
