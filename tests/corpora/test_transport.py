"""harness.corpora.transport: the bytes that the owner announced, or one error and no file."""

import hashlib
import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import numpy as np
import pytest

from harness.corpora import transport
from harness.corpora.partial import Remote
from harness.corpora.transport import Client, Patience, Token, download
from harness.errors import AccessError, CorpusError
from tests.corpora.zenodo_server import Zenodo, serving

BODY = np.random.default_rng(0).bytes(500_000)


@pytest.fixture
def zenodo() -> Iterator[Zenodo]:
    with serving(Zenodo({"clips.zip": BODY})) as server:
        yield server


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that would have been waited."""
    waited: list[float] = []
    monkeypatch.setattr(transport, "sleep", waited.append)
    monkeypatch.setattr(transport, "PATIENCE", Patience(attempts=4, silence=5))
    return waited


def remote(zenodo: Zenodo, **changes: object) -> Remote:
    url = f"{zenodo.api}/records/42/files/clips.zip/content"
    md5 = f"md5:{hashlib.md5(BODY).hexdigest()}"
    return Remote(**{"name": "clips.zip", "url": url, "size": len(BODY), "checksum": md5} | changes)


def only(folder: Path) -> set[str]:
    return {file.name for file in folder.iterdir()}


def fetched(zenodo: Zenodo, folder: Path, **changes: object) -> bytes:
    Client().fetch(remote(zenodo, **changes), folder / "clips.zip")
    assert only(folder) == {"clips.zip"}
    return (folder / "clips.zip").read_bytes()


def test_a_file_arrives_whole_and_says_who_asks(zenodo: Zenodo, tmp_path: Path) -> None:
    assert fetched(zenodo, tmp_path) == BODY
    assert "rrtn-harness" in zenodo.content()[0]["User-Agent"]


@pytest.mark.parametrize("etag", [None, 'W/"weak"'])
@pytest.mark.parametrize("known", [True, False])
def test_a_connection_dropped_every_64_kib_is_resumed_where_bytes_can_be_trusted(
    zenodo: Zenodo, tmp_path: Path, waits: list[float], etag: str | None, known: bool
) -> None:
    zenodo.drop_every, zenodo.etag = 1 << 16, etag
    changes = {} if known else {"checksum": None}
    if not known and etag:  # nothing tells whether two halves are of one file: never glued
        with pytest.raises(CorpusError, match="broke the connection, 4 times in a row"):
            fetched(zenodo, tmp_path, **changes)
        assert all("Range" not in headers for headers in zenodo.content())
        return
    assert fetched(zenodo, tmp_path, **changes) == BODY
    ranges = [headers.get("Range") for headers in zenodo.content()]
    assert ranges == [None, *(f"bytes={n << 16}-" for n in range(1, 8))]
    assert waits == [1.0] * 7  # each attempt brought bytes, so patience never ran out


def test_a_later_run_goes_on_from_what_an_earlier_one_left(zenodo: Zenodo, tmp_path: Path) -> None:
    (tmp_path / "clips.zip.part").write_bytes(BODY[:123_456])
    assert fetched(zenodo, tmp_path) == BODY
    assert [h.get("Range") for h in zenodo.content()] == ["bytes=123456-"]


def test_a_part_of_another_version_is_found_out_and_fetched_anew(
    zenodo: Zenodo, tmp_path: Path
) -> None:
    (tmp_path / "clips.zip.part").write_bytes(b"x" * 1000)
    assert fetched(zenodo, tmp_path) == BODY
    (tmp_path / "clips.zip").unlink()
    (tmp_path / "clips.zip.part").write_bytes(b"x" * 1000)  # no sum: the ETag decides
    (tmp_path / "clips.zip.part.etag").write_text('"of another version"')
    assert fetched(zenodo, tmp_path, checksum=None) == BODY
    (tmp_path / "clips.zip").unlink()
    (tmp_path / "clips.zip.part").write_bytes(b"x" * 1000)  # neither: nothing is believed
    assert fetched(zenodo, tmp_path, checksum=None) == BODY


def test_a_part_that_is_whole_is_only_checked(zenodo: Zenodo, tmp_path: Path) -> None:
    (tmp_path / "clips.zip.part").write_bytes(BODY)
    assert fetched(zenodo, tmp_path) == BODY
    assert zenodo.content() == []


@pytest.mark.parametrize("ranges", ["wrong", "ignored"])
def test_a_server_that_mishandles_ranges_is_asked_from_the_start(
    zenodo: Zenodo, tmp_path: Path, ranges: str
) -> None:
    zenodo.ranges = ranges
    (tmp_path / "clips.zip.part").write_bytes(BODY[:99])
    assert fetched(zenodo, tmp_path) == BODY


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_a_passing_failure_is_waited_for_with_growing_patience(
    zenodo: Zenodo, tmp_path: Path, waits: list[float], status: int
) -> None:
    zenodo.statuses = [status] * 3
    assert fetched(zenodo, tmp_path) == BODY
    assert waits == [1.0, 2.0, 4.0]


def test_retry_after_is_honoured_in_seconds_and_as_a_date(
    zenodo: Zenodo, tmp_path: Path, waits: list[float]
) -> None:
    zenodo.statuses, zenodo.retry_after = [429], "37"
    assert fetched(zenodo, tmp_path) == BODY
    (tmp_path / "clips.zip").unlink()
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    zenodo.statuses, zenodo.retry_after = [503], date
    assert fetched(zenodo, tmp_path) == BODY
    assert waits[0] == 37
    assert 80 < waits[1] <= 90


@pytest.mark.parametrize("header", ["soon", "", "-5", "Fri, 31 Dec 99999 00:00:00 GMT"])
def test_a_retry_after_that_cannot_be_read_is_as_none(
    zenodo: Zenodo, tmp_path: Path, waits: list[float], header: str
) -> None:
    zenodo.statuses, zenodo.retry_after = [503], header
    assert fetched(zenodo, tmp_path) == BODY
    assert waits == [1.0]


FAULTS = {
    "500 for ever": ({"statuses": [500] * 9}, {}, "answers 500, 4 times in a row; run again later"),
    "429, an hour": (
        {"statuses": [429], "retry_after": "3600"},
        {},
        r"answers 429 and asks for 3,600 s, 1 times in a row; run again later",
    ),
    "403": ({"statuses": [403]}, {}, r"/content answers 403 Forbidden; check the address"),
    "404": ({"statuses": [404]}, {}, r"/content answers 404 Not Found; check the address"),
    "410": ({"statuses": [410]}, {}, r"answers 410 Gone"),
    "login page": ({"html": True}, {}, "answers with a web page, probably a login"),
    "login page as data": (
        {"served": {"clips.zip": b"\n <!doctype HTML><html>"}},
        {},
        "answers with a web page",
    ),
    "truncated": (
        {"served": {"clips.zip": BODY[:-1]}},
        {},
        "ends at byte 499,999 of 500,000, 4 times in a row",
    ),
    "longer": ({"served": {"clips.zip": BODY + b"x"}}, {}, "is longer than the 500,000 bytes"),
    "other bytes": (
        {"served": {"clips.zip": BODY[::-1]}},
        {},
        "clips.zip from http.* has the md5 [0-9a-f]{32}, not [0-9a-f]{32}; nothing of it was kept",
    ),
    "wrong md5": ({}, {"checksum": "md5:" + "0" * 32}, f"not {'0' * 32}; nothing of it was kept"),
    "wrong sha256": ({}, {"checksum": "sha256:" + "0" * 64}, "has the sha256 [0-9a-f]{64}, not 00"),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("resumed", [False, True])
def test_a_fault_is_named_and_no_file_appears(
    zenodo: Zenodo, tmp_path: Path, fault: str, resumed: bool
) -> None:
    server, announced, message = FAULTS[fault]
    for key, value in server.items():
        setattr(zenodo, key, value if not isinstance(value, list) else [*value])
    if resumed:
        (tmp_path / "clips.zip.part").write_bytes(BODY[:1000])
    with pytest.raises(CorpusError, match=message) as caught:
        fetched(zenodo, tmp_path, **announced)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "clips.zip").exists()


def test_what_came_before_a_refusal_is_kept_for_a_new_token(zenodo: Zenodo, tmp_path: Path) -> None:
    zenodo.drop_every, zenodo.bearer = 1 << 16, "old"
    client = Client(Token(zenodo.url.removeprefix("http://"), bearer="old"))
    asked = zenodo.asked

    class Expiring(list):
        def append(self, item: object) -> None:  # after the third request the token has expired
            super().append(item)
            zenodo.expired = len(self) > 3

    zenodo.asked = Expiring(asked)
    with pytest.raises(AccessError, match="answers 401"):
        client.fetch(remote(zenodo), tmp_path / "clips.zip")
    assert (tmp_path / "clips.zip.part").read_bytes() == BODY[: 3 << 16]


def test_nobody_there_is_named_without_the_query(tmp_path: Path) -> None:
    with serving(Zenodo({})) as gone:
        url = f"{gone.url}/file?token=hunter2"
    with pytest.raises(CorpusError, match=r"/file cannot be reached, 4 times") as caught:
        Client().fetch(Remote("file", url), tmp_path / "file")
    assert "hunter2" not in str(caught.value)


def test_a_chunked_answer_of_unknown_length_counts_only_when_it_ends(
    zenodo: Zenodo, tmp_path: Path
) -> None:
    zenodo.pages["/archive"] = BODY
    page = Remote("archive", f"{zenodo.url}/archive")
    Client().fetch(page, tmp_path / "archive")
    assert (tmp_path / "archive").read_bytes() == BODY
    (tmp_path / "archive").unlink()
    zenodo.drop_every = 1 << 16
    with pytest.raises(CorpusError, match="archive broke the connection, 4 times in a row"):
        Client().fetch(page, tmp_path / "archive")
    assert not (tmp_path / "archive").exists()


def test_tokens_go_to_their_host_only_and_never_unencrypted_over_a_network(
    zenodo: Zenodo, tmp_path: Path
) -> None:
    zenodo.bearer = "hunter2"
    host = zenodo.url.removeprefix("http://")
    Client(Token(host, bearer="hunter2")).fetch(remote(zenodo), tmp_path / "mine")
    with pytest.raises(AccessError, match="403"):
        Client(Token("zenodo.org", bearer="hunter2")).fetch(remote(zenodo), tmp_path / "other")
    assert [h.get("Authorization") for h in zenodo.content()] == ["Bearer hunter2", None]
    with pytest.raises(CorpusError, match=r"http://zenodo\.org/x is not https"):
        Client().fetch(Remote("x", "http://zenodo.org/x"), tmp_path / "x")


def test_a_redirect_is_followed_without_the_token_and_only_to_https(
    zenodo: Zenodo, tmp_path: Path
) -> None:
    token = Token(zenodo.url.removeprefix("http://"), bearer="hunter2", link="hunter2")
    with serving(Zenodo({}, pages={"/file": BODY})) as other:
        zenodo.redirects["/far"] = f"{other.url}/file"
        Client(token).fetch(Remote("file", f"{zenodo.url}/far"), tmp_path / "file")
        assert (tmp_path / "file").read_bytes() == BODY
        assert "Authorization" not in other.asked[0][1]
    zenodo.redirects["/far"] = "http://zenodo.org/file?token=hunter2"
    with pytest.raises(CorpusError, match=r"http://zenodo\.org/file is not https") as caught:
        Client(token).fetch(Remote("plain", f"{zenodo.url}/far"), tmp_path / "plain")
    assert "hunter2" not in str(caught.value)
    zenodo.redirects["/far"] = f"{zenodo.url}/far"
    with pytest.raises(CorpusError, match="sends from address to address, 4 times"):
        Client(token).fetch(Remote("round", f"{zenodo.url}/far"), tmp_path / "round")


def test_the_library_logs_no_token(
    zenodo: Zenodo, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    zenodo.link = "hunter2"
    with caplog.at_level(logging.DEBUG):
        client = Client(Token(zenodo.url.removeprefix("http://"), link="hunter2"))
        client.fetch(remote(zenodo), tmp_path / "clips.zip")
    assert "GET /api/records/42/files/clips.zip/content?…" in caplog.text
    assert "hunter2" not in caplog.text


@pytest.mark.parametrize(
    "name", ["../up", "/etc/passwd", "a/b", "a\\b", "C:x", "..", ".hidden", "", "x.part", "a\nb"]
)
def test_a_name_that_is_no_plain_file_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(CorpusError, match="a file on the server is named"):
        download(Client(), [Remote(name, "https://zenodo.org/x")], tmp_path / "files")
    assert only(tmp_path) == {"files"}


def test_too_little_room_is_said_before_the_first_byte(tmp_path: Path) -> None:
    huge = Remote("huge", "https://zenodo.org/x", size=1 << 60)
    with pytest.raises(CorpusError, match=r"needs 1152921504\.6 GB .*; make room"):
        download(Client(), [huge], tmp_path)
