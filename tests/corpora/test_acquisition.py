"""Corpora from a server: the same bytes however often it breaks, locked, no token left behind."""

import contextlib
import io
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tarfile
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from harness.corpora import emogator, heard, transport
from harness.corpora.clips import Corpus, read
from harness.corpora.hume_vb import TARGETS
from harness.corpora.transport import Patience
from harness.errors import AccessError, CorpusError
from tests.corpora.zenodo_server import Zenodo, serving

REPOSITORY = Path(__file__).parents[2]
SECRET = "hunter2-hunter2"
RECORD = {"name": "hume-vb", "record": "42"}


def wav(samples: int = 1600, seed: int = 0) -> bytes:
    out = io.BytesIO()
    noise = np.random.default_rng(seed).normal(0, 0.1, samples)
    soundfile.write(out, noise, 16000, format="WAV", subtype="PCM_16")
    return out.getvalue()


def zipped(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as whole:
        for name, body in files.items():
            whole.writestr(name, body)
    return out.getvalue()


def release(samples: int = 1600) -> dict[str, bytes]:
    """Files of a record as ExVo 2022 might be served: a table, and the sounds in a zip."""
    table = pd.DataFrame({"File_ID": [f"[{i:05d}]" for i in range(4)]})
    table["Split"] = ["Train", "Train", "Val", "Val"]
    table["Subject_ID"] = ["a", "b", "c", "d"]
    labels = np.random.default_rng(1).random((4, 10)).round(4)
    labels[np.arange(4), np.arange(4)] = 1
    table[TARGETS] = labels
    sounds = {f"exvo/wav/{i:05d}.wav": wav(samples, i) for i in range(4)}
    return {"data_info.csv": table.to_csv(index=False).encode(), "wav.zip": zipped(sounds)}


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder; no waits, and no tokens from outside."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(transport, "PATIENCE", Patience(attempts=3, first=0, silence=5))
    for variable in ("ZENODO_TOKEN", "HUME_VB_LINK_TOKEN"):
        monkeypatch.delenv(variable, raising=False)
    return tmp_path


@pytest.fixture
def zenodo() -> Iterator[Zenodo]:
    with serving(Zenodo(release())) as server:
        yield server


def acquired(zenodo: Zenodo, **changes: object) -> Corpus:
    corpus = heard(RECORD | {"api": zenodo.api} | changes, Path("data/hume"))
    corpus.check()
    return corpus


def contents(folder: Path) -> dict[str, bytes]:
    files = (file for file in folder.rglob("*") if file.is_file())
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in files}


def test_a_record_becomes_a_corpus_once_and_is_locked(zenodo: Zenodo) -> None:
    corpus = acquired(zenodo)
    assert corpus.root == Path("data/raw/hume-vb")
    assert corpus.clips["path"].tolist() == [f"exvo/wav/{i:05d}.wav" for i in range(4)]
    lock = json.loads(Path("locks/hume-vb.json").read_text())
    assert [file["name"] for file in lock["files"]] == ["data_info.csv", "wav.zip"]
    assert [file["size"] for file in lock["files"]] == [len(b) for b in zenodo.files.values()]
    assert lock["unpacked"]["files"] == 5
    assert [p.name for p in Path("data/raw").iterdir()] == ["hume-vb"]
    before, asked = contents(Path.cwd()), len(zenodo.asked)
    pd.testing.assert_frame_equal(acquired(zenodo).clips, corpus.clips)
    assert len(zenodo.asked) == asked  # what is there is verified, not fetched
    assert contents(Path.cwd()) == before


def test_the_list_of_checksums_is_one_that_sha256sum_reads(zenodo: Zenodo) -> None:
    acquired(zenodo)
    subprocess.run(
        ["sha256sum", "-c", "--quiet", ".received.sha256"], cwd="data/raw/hume-vb", check=True
    )


@pytest.mark.parametrize("variable", ["ZENODO_TOKEN", "HUME_VB_LINK_TOKEN"])
def test_either_token_opens_a_restricted_record(
    zenodo: Zenodo, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    zenodo.bearer, zenodo.link = (SECRET, None) if variable == "ZENODO_TOKEN" else (None, SECRET)
    monkeypatch.setenv(variable, f" {SECRET}\n")
    plain = acquired(zenodo).clips
    shutil.rmtree("data")
    asked = len(zenodo.asked)
    monkeypatch.setenv(variable, f"https://zenodo.org/records/42?preview=1&token={SECRET}")
    pd.testing.assert_frame_equal(acquired(zenodo).clips, plain)
    assert len(plain)
    assert len(zenodo.asked) > asked  # fetched again, with the token of the link


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        ({"bearer": SECRET}, "/records/42 lists no files, so there are no rights; accept the EULA"),
        ({"link": SECRET}, "lists no files, so there are no rights; accept the EULA"),
        ({"expired": True}, r"/records/42 answers 401; accept the EULA at https://doi\.org/10"),
        ({"record": "43"}, r"/records/42 answers 404; accept"),
        ({"html": True}, "answers with a web page, probably a login"),
        ({"statuses": [403]}, r"data_info\.csv/content answers 403 Forbidden"),
    ],
)
def test_no_access_says_in_one_line_what_to_do(
    zenodo: Zenodo, monkeypatch: pytest.MonkeyPatch, harm: dict[str, object], message: str
) -> None:
    monkeypatch.setenv("ZENODO_TOKEN", "old")
    for key, value in harm.items():
        setattr(zenodo, key, value)
    with pytest.raises(AccessError, match=message) as caught:
        acquired(zenodo)
    assert "\n" not in str(caught.value)
    assert "old" not in str(caught.value).replace("hold", "")
    assert not Path("data/raw/hume-vb").exists()
    assert not Path("locks").exists()


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        (b"<!doctype html><html>", "answers with a web page|is not JSON, 3 times"),
        (b'{"files": 3}', r"answers with no Zenodo record \(at 'files'\)"),
        (b'{"files": [{"key": "a", "size": -1, "checksum": "md5:0"}]}', r"\(at 'files\.0\.size'\)"),
        (b'{"files": [{"key": "a", "size": 1, "checksum": "md5:0"}]}', r"'files\.0\.checksum'"),
        (b"[]", "answers with no Zenodo record"),
        (
            json.dumps(
                {"files": [{"key": "../../up", "size": 1, "checksum": "md5:" + "0" * 32}]}
            ).encode(),
            r"a file on the server is named '\.\./\.\./up'",
        ),
    ],
)
def test_a_record_that_is_none_is_refused(zenodo: Zenodo, metadata: bytes, message: str) -> None:
    zenodo.metadata = metadata
    with pytest.raises(CorpusError, match=message):
        acquired(zenodo)
    assert not Path("data/raw/hume-vb").exists()


def test_files_are_chosen_by_pattern(zenodo: Zenodo) -> None:
    zenodo.files["webm.zip"] = zipped({"webm/00000.webm": b"x"})
    acquired(zenodo, files=["*.csv", "wav*"])
    assert not Path("data/raw/hume-vb/webm").exists()
    shutil.rmtree("data")
    Path("locks/hume-vb.json").unlink()
    with pytest.raises(CorpusError, match=r"has only data_info.csv, wav.zip, webm.zip; correct"):
        acquired(zenodo, files=["*.flac"])


def test_a_token_with_odd_characters_is_not_shown(
    zenodo: Zenodo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZENODO_TOKEN", f"{SECRET} …")
    with pytest.raises(CorpusError, match="ZENODO_TOKEN holds characters that no token") as caught:
        acquired(zenodo)
    assert SECRET not in str(caught.value)


def changed(zenodo: Zenodo) -> None:
    zenodo.files["wav.zip"] = release(samples=3200)["wav.zip"]


def repacked(zenodo: Zenodo) -> None:  # same announcement on paper, other content inside
    lock = json.loads(Path("locks/hume-vb.json").read_text())
    lock["unpacked"]["sha256"] = "0" * 64
    Path("locks/hume-vb.json").write_text(json.dumps(lock))


def renamed(zenodo: Zenodo) -> None:
    zenodo.files["sounds.zip"] = zenodo.files.pop("wav.zip")


def unreadable(zenodo: Zenodo) -> None:
    Path("locks/hume-vb.json").write_text("{")


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (changed, r"wav\.zip was announced as \d+ bytes with md5:\w+ on first access and is now"),
        (renamed, r"sounds\.zip was announced as absent on first access"),
        (repacked, r"unpacks to 5 files of [\d,]+ bytes, sha256 .*, and not to the 5 .* 000000"),
        (unreadable, r"locks/hume-vb\.json is not JSON .*; restore it"),
    ],
)
def test_what_differs_from_the_lock_is_named_and_not_used(
    zenodo: Zenodo, harm: Callable[[Zenodo], None], message: str
) -> None:
    acquired(zenodo)
    shutil.rmtree("data")
    harm(zenodo)
    lock = Path("locks/hume-vb.json").read_bytes()
    with pytest.raises(CorpusError, match=message):
        acquired(zenodo)
    assert not Path("data/raw/hume-vb").exists()
    assert Path("locks/hume-vb.json").read_bytes() == lock


def edited(file: Path) -> None:
    file.write_bytes(wav(seed=99))


def removed(file: Path) -> None:
    file.unlink()


def added(file: Path) -> None:
    (file.parent / "extra.wav").write_bytes(b"x")


@pytest.mark.parametrize(
    ("harm", "name"), [(edited, "00002"), (removed, "00002"), (added, "extra")]
)
def test_what_changed_below_raw_since_is_named(
    zenodo: Zenodo, harm: Callable[[Path], None], name: str
) -> None:
    acquired(zenodo)
    harm(Path("data/raw/hume-vb/exvo/wav/00002.wav"))
    with pytest.raises(CorpusError, match=rf"{name}\.wav is not as it was received; remove"):
        acquired(zenodo)


def test_a_copy_of_ones_own_below_raw_is_used_as_it_is(zenodo: Zenodo) -> None:
    acquired(zenodo)
    Path("data/raw/hume-vb/.received.sha256").unlink()
    edited(Path("data/raw/hume-vb/exvo/wav/00002.wav"))
    asked = len(zenodo.asked)
    acquired(zenodo)
    assert len(zenodo.asked) == asked


@pytest.mark.parametrize("packed", [True, False])
def test_a_local_copy_gives_the_same_clips_as_the_download(
    zenodo: Zenodo, tmp_path: Path, packed: bool
) -> None:
    corpus = acquired(zenodo)
    path = Path("data/raw/hume-vb")
    if packed:
        files = contents(path)
        path = tmp_path / "copy.zip"
        path.write_bytes(zipped(files))
    again = heard({"name": "hume-vb", "path": str(path)}, Path("data/other"))
    pd.testing.assert_frame_equal(again.clips, corpus.clips)
    once = contents(Path("data"))
    heard({"name": "hume-vb", "path": str(path)}, Path("data/other"))
    assert contents(Path("data")) == once
    assert Path("locks/hume-vb.json").exists()


def test_an_evil_archive_writes_nothing_outside(zenodo: Zenodo) -> None:
    zenodo.files["wav.zip"] = zipped({"exvo/wav/00000.wav": wav(), "../../../up": b"x"})
    with pytest.raises(CorpusError, match=r"member '\.\./\.\./\.\./up' is a name outside"):
        acquired(zenodo)
    assert {p.relative_to(Path.cwd()).as_posix() for p in Path.cwd().rglob("*") if p.is_file()} == {
        f"data/raw/.hume-vb.parcel/{name}" for name in zenodo.files
    }


# The stage as a process of its own: killed, and searched for tokens.

NURSERY = """
import json, logging, os, signal, sys, traceback
from harness.corpora import hume_vb, transport
from harness.stage import run
from stages import download
transport.PATIENCE = transport.Patience(2, 0.0, 0.1, 5.0)
while line := sys.stdin.readline():
    job = json.loads(line)
    child = os.fork()
    if not child:
        os.chdir(job["folder"])
        os.environ.update(job["environment"])
        for name, number in (("stdout.txt", 1), ("stderr.txt", 2)):
            os.dup2(os.open(name, os.O_CREAT | os.O_WRONLY | os.O_TRUNC), number)
        logging.basicConfig(level=0, filename="log.txt")
        exec(job["first"])
        status = 70
        try:
            run(download.main)
            status = 0
        except SystemExit as end:
            print(end.code, file=sys.stderr)
            status = 1
        except BaseException:
            traceback.print_exc()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
    if sys.stdin.readline() == "kill\\n":
        os.kill(child, signal.SIGKILL)  # not waited for yet, so this is still it
    print(os.waitpid(child, 0)[1], flush=True)
"""


@dataclass
class Nursery:
    """A process that has imported the stage and forks one child a run, with every log on."""

    process: subprocess.Popen[str]
    running: bool = False

    def start(self, first: str = "", **environment: str) -> None:
        """Run the stage in the current folder after `first`; end a run that a failed test left."""
        if self.running:
            self.kill()
        job = {"folder": str(Path.cwd()), "environment": environment, "first": first}
        self._say(json.dumps(job))
        self.running = True

    def status(self) -> int:
        """Exit status of the run, waited for."""
        return self._end("wait")

    def kill(self) -> int:
        """Kill the run; its exit status, -9 unless it had ended before."""
        return self._end("kill")

    def _end(self, how: str) -> int:
        assert self.process.stdout
        self._say(how)
        status = int(self.process.stdout.readline())
        self.running = False
        return os.waitstatus_to_exitcode(status)

    def _say(self, line: str) -> None:
        assert self.process.stdin
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()


def until(reached: Callable[[], bool]) -> None:
    """Wait, but not for ever."""
    end = time.monotonic() + 60
    while not reached():
        assert time.monotonic() < end
        time.sleep(0.0005)


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    with subprocess.Popen(
        [sys.executable, "-c", NURSERY],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield Nursery(process)


def params(api: str) -> None:
    Path("params.yaml").write_text(
        f"profile: hume\ncorpus: {{name: hume-vb, record: '42', api: '{api}'}}\n"
    )


def received() -> int:
    """Bytes of the download that are on the disk now."""
    total = 0
    for file in Path("data/raw").glob(".hume-vb.parcel/*"):
        with contextlib.suppress(FileNotFoundError):  # a part becomes whole while we look
            total += file.stat().st_size
    return total


def test_killed_at_twenty_random_moments_the_download_ends_with_the_same_bytes(
    zenodo: Zenodo, nursery: Nursery
) -> None:
    zenodo.files, zenodo.pause = release(samples=200_000), 0.001
    params(zenodo.api)
    whole = sum(map(len, zenodo.files.values()))
    zenodo.withheld = whole // 20  # so that none is killed too late, however busy the machine is
    moments = sorted(random.Random(5).sample(range(whole * 9 // 10), 20))
    reached = []
    for moment in moments:
        nursery.start()
        until(lambda moment=moment: received() > moment)
        assert nursery.kill() == -signal.SIGKILL
        assert not Path("data/hume").exists()
        reached.append(received())
    assert reached[0] < 0.2 * whole < 0.7 * whole < reached[-1] < whole
    zenodo.withheld = 0
    nursery.start()
    assert nursery.status() == 0
    got = contents(Path("data/raw/hume-vb"))
    with zipfile.ZipFile(io.BytesIO(zenodo.files["wav.zip"])) as sounds:
        expected = {name: sounds.read(name) for name in sounds.namelist()}
    assert {n: b for n, b in got.items() if n.endswith(".wav")} == expected
    assert got["data_info.csv"] == zenodo.files["data_info.csv"]
    assert [p.name for p in Path("data/raw").iterdir()] == ["hume-vb"]
    ranges = [int(h["Range"][6:-1]) for h in zenodo.content() if "Range" in h]
    assert len(set(ranges)) >= 10  # went on from many places


def test_killed_while_unpacking_the_next_run_finishes(zenodo: Zenodo, nursery: Nursery) -> None:
    params(zenodo.api)
    stop = "import time\nfrom harness.corpora import received\nreceived._sums = time.sleep"
    nursery.start(stop.replace("time.sleep", "lambda folder: time.sleep(60)"))
    until(Path("data/raw/.hume-vb.new/exvo/wav/00003.wav").exists)
    assert nursery.kill() == -signal.SIGKILL
    assert not Path("data/raw/hume-vb").exists()
    nursery.start()
    assert nursery.status() == 0
    assert [p.name for p in Path("data/raw").iterdir()] == ["hume-vb"]


OUTCOMES: dict[str, tuple[dict[str, object], int]] = {
    "all is well": ({}, 0),
    "wrong token": ({"bearer": "another", "link": "another"}, 1),
    "expired": ({"expired": True}, 1),
    "login page": ({"html": True}, 1),
    "refused in between": ({"statuses": [403]}, 1),
    "always 500": ({"statuses": [500] * 9}, 1),
    "wrong md5": ({"checksums": {"wav.zip": "md5:" + "0" * 32}}, 1),
    "no JSON": ({"metadata": b"no"}, 1),
    "nobody there": ({"url": "http://127.0.0.1:9"}, 1),
}


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_nothing_that_a_run_leaves_holds_a_token(
    zenodo: Zenodo, nursery: Nursery, outcome: str, tmp_path: Path
) -> None:
    zenodo.bearer = zenodo.link = SECRET
    url = zenodo.url
    harm, status = OUTCOMES[outcome]
    for key, value in harm.items():
        setattr(zenodo, key, value)
    params(zenodo.api)
    zenodo.url = url
    nursery.start(ZENODO_TOKEN=SECRET, HUME_VB_LINK_TOKEN=SECRET)
    said = nursery.status(), Path("stderr.txt").read_text()
    assert said[0] == status, said[1]
    left = contents(tmp_path)
    assert left["log.txt"]
    assert not [name for name, body in left.items() if SECRET.encode() in body]
    assert not [name for name in left if SECRET in name]
    if status == 0:
        assert read(Path("data/hume"))[1]["clips"] == {"train": 2, "dev": 2}
        assert any(h.get("Authorization") == f"Bearer {SECRET}" for h in zenodo.content())
    else:
        assert said[1].startswith("error: ")
        assert said[1].count("\n") == 1
        assert not Path("data/hume").exists()


def test_an_unforeseen_fault_shows_no_token_in_its_traceback(
    zenodo: Zenodo, nursery: Nursery, tmp_path: Path
) -> None:
    zenodo.bearer = zenodo.link = SECRET
    params(zenodo.api)
    fail = (
        "import requests\ndef fail(*a, **k): raise RuntimeError('unforeseen')\n"
        "requests.Response.iter_content = fail"
    )
    nursery.start(fail, ZENODO_TOKEN=SECRET, HUME_VB_LINK_TOKEN=SECRET)
    assert nursery.status() == 70
    assert "RuntimeError: unforeseen" in Path("stderr.txt").read_text()
    assert not [name for name, body in contents(tmp_path).items() if SECRET.encode() in body]


def test_dvc_writes_no_token_into_its_lock_or_logs(zenodo: Zenodo, tmp_path: Path) -> None:
    zenodo.bearer = zenodo.link = SECRET
    params(zenodo.api)
    Path("dvc.yaml").write_text(
        "stages: {download: {cmd: python -m stages.download, params: [profile, corpus],"
        " outs: [data/hume]}}\n"
    )
    env = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(REPOSITORY),
        "DVC_NO_ANALYTICS": "1",
        "ZENODO_TOKEN": SECRET,
        "HUME_VB_LINK_TOKEN": SECRET,
    }
    said = ""
    for arguments in (["init", "--no-scm", "-q"], ["repro", "-v"]):
        done = subprocess.run(
            [sys.executable, "-m", "dvc", *arguments],
            env=env,
            capture_output=True,
            text=True,
            check=False,
        )
        said += done.stdout + done.stderr
        assert done.returncode == 0, said
    assert "hume-vb" in Path("dvc.lock").read_text()
    assert SECRET not in said
    assert not [name for name, body in contents(tmp_path).items() if SECRET.encode() in body]


# EmoGator from GitHub's archive.


def packed_emogator(leave_out: str = "") -> bytes:
    """codeload's archive: one folder at the top, here of four contributors."""
    out = io.BytesIO()
    sound = io.BytesIO()
    soundfile.write(sound, np.zeros(1600), 16000, format="MP3")
    names = [
        f"data/mp3/{c:06d}-{k:02d}-{i}.mp3"
        for c in range(1, 5)
        for k in range(1, 31)
        for i in range(1, 4)
    ]
    with tarfile.open(
        fileobj=out,
        mode="w:gz",
        format=tarfile.PAX_FORMAT,
        pax_headers={"comment": emogator.COMMIT},
    ) as whole:
        for name in [*names, "LICENSE", "data/category_names.pt", "code/utils/renumber.py"]:
            if name != leave_out:
                member = tarfile.TarInfo(f"EmoGator-{emogator.COMMIT}/{name}")
                member.size = len(sound.getvalue())
                whole.addfile(member, io.BytesIO(sound.getvalue()))
    return out.getvalue()


BLOCK = {"name": "emogator", "seed": 1, "dev_share": 0.5}


@pytest.fixture
def github(zenodo: Zenodo, monkeypatch: pytest.MonkeyPatch) -> Zenodo:
    zenodo.pages["/archive"] = packed_emogator()
    monkeypatch.setattr(emogator, "ARCHIVE", f"{zenodo.url}/archive")
    monkeypatch.setattr(emogator, "CONTRIBUTORS", 4)
    return zenodo


def test_emogators_address_is_of_the_pinned_commit() -> None:
    assert emogator.ARCHIVE.startswith("https://codeload.github.com/fredbuhl/EmoGator/")
    assert emogator.ARCHIVE.endswith(emogator.COMMIT)


def test_emogator_comes_whole_with_its_licence_and_nothing_to_run(github: Zenodo) -> None:
    corpus = heard(BLOCK, Path("data/emogator"))
    corpus.check()
    assert corpus.root == Path("data/raw/emogator")
    assert len(corpus.clips) == 4 * 10 * 3
    assert set(contents(corpus.root)) - {f"data/mp3/{c}.mp3" for c in corpus.clips["clip"]} >= {
        "LICENSE",
        ".received.sha256",
    }
    assert not (corpus.root / "data/category_names.pt").exists()
    assert not (corpus.root / "code").exists()
    assert len(heard(BLOCK | {"categories": "all"}, Path("data/emogator")).targets) == 30
    assert len(heard(BLOCK | {"categories": "ten"}, Path("data/emogator")).targets) == 10
    assert [path for path, _ in github.asked] == ["/archive"]


def test_emogator_from_an_archive_of_ones_own_is_the_same(github: Zenodo, tmp_path: Path) -> None:
    downloaded = heard(BLOCK, Path("data/emogator"))
    (tmp_path / "mine.tar.gz").write_bytes(github.pages["/archive"])
    mine = heard(BLOCK | {"path": "mine.tar.gz"}, Path("data/emogator"))
    pd.testing.assert_frame_equal(mine.clips, downloaded.clips)


def test_emogator_with_a_clip_missing_is_not_put_in_place(github: Zenodo) -> None:
    github.pages["/archive"] = packed_emogator(leave_out="data/mp3/000003-17-2.mp3")
    with pytest.raises(CorpusError, match=r"lacks 000003-17-2\.mp3; run again later, or name"):
        heard(BLOCK, Path("data/emogator"))
    assert not Path("data/raw/emogator").exists()


def test_emogator_that_changed_at_the_pinned_commit_is_refused(github: Zenodo) -> None:
    heard(BLOCK, Path("data/emogator"))
    shutil.rmtree("data")
    github.pages["/archive"] = packed_emogator(leave_out="LICENSE")
    with pytest.raises(CorpusError, match="EmoGator serves unpacks to 360"):
        heard(BLOCK, Path("data/emogator"))
