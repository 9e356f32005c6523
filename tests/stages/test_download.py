"""stages.download: data/<profile>/ is replaced whole by what was checked, or stays as it was."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile

from harness.corpora.clips import Corpus, read
from harness.corpora.hume_vb import TARGETS
from harness.errors import HarnessError
from harness.stage import replacing
from stages import download

REPOSITORY = Path(__file__).parents[2]
PARAMS = """\
profile: small
corpus:
  name: hume-vb
  path: corpus
"""


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder: params.yaml and, in corpus/, three labelled clips of three speakers."""
    monkeypatch.chdir(tmp_path)
    Path("corpus/wav").mkdir(parents=True)
    for clip in ("00000", "00001", "00002"):
        soundfile.write(f"corpus/wav/{clip}.wav", np.zeros(1600), 16000)
    table = pd.DataFrame({"File_ID": ["[00000]", "[00001]", "[00002]"]})
    table = table.assign(Split=["Train", "Val", "Val"], Subject_ID=["a", "b", "c"])
    table = table.assign(**dict.fromkeys(TARGETS, 1.0))
    table.to_csv("corpus/data_info.csv", index=False)
    Path("params.yaml").write_text(PARAMS)
    return tmp_path


def contents(folder: Path) -> dict[Path, bytes]:
    return {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_clip_table_and_facts_are_written(capsys: pytest.CaptureFixture[str]) -> None:
    download.main()
    assert [file.name for file in Path("data").iterdir()] == ["small"]
    assert {file.name for file in Path("data/small").iterdir()} == {"clips.csv", "corpus.json"}
    table, about = read(Path("data/small"))
    assert table["clip"].tolist() == ["00000", "00001", "00002"]
    assert about["root"] == "corpus"
    line = (
        "hume-vb: train 1 clips of 1 speakers, dev 2 clips of 2 speakers; written to data/small\n"
    )
    assert capsys.readouterr().out == line


def test_running_again_gives_the_same_bytes() -> None:
    download.main()
    once = contents(Path("data"))
    download.main()
    assert contents(Path("data")) == once


def test_made_audio_lies_in_the_folder() -> None:
    few = "{train: 2, dev: 2, test: 0}"
    Path("params.yaml").write_text(
        f"profile: made\ncorpus: {{name: synthetic, seed: 1, clips: {few}, speakers: {few}, "
        "raters: 5, emotion: 1.0}\n"
    )
    download.main()
    table, about = read(Path("data/made"))
    assert about["root"] == "data/made"
    assert all((Path(about["root"]) / path).is_file() for path in table["path"])
    assert Path("data/made/data_info.csv").is_file()


def drop(path: str) -> None:
    Path(path).rename(f"{path}.gone")


def params(old: str, new: str) -> None:
    assert old in PARAMS
    Path("params.yaml").write_text(PARAMS.replace(old, new))


def labels(column: str, value: Any) -> None:
    pd.read_csv("corpus/data_info.csv").assign(**{column: value}).to_csv(
        "corpus/data_info.csv", index=False
    )


@pytest.mark.parametrize(
    ("harm", "argument", "message"),
    [
        (drop, ["params.yaml"], "params.yaml is missing"),
        (drop, ["corpus"], "corpus has neither data_info.csv"),
        (drop, ["corpus/wav/00001.wav"], "clip '00001': corpus/wav/00001.wav is missing"),
        (
            params,
            ["path:", "pth:"],
            "params.yaml:4: 'corpus.pth' is not a key; did you mean 'path'",
        ),
        (params, ["corpus:", "corpsu:"], "'corpus' is missing; did you mean 'corpsu'"),
        (params, ["hume-vb", "hume"], "params.yaml:3: 'corpus.name' = 'hume': .*mean 'hume-vb'"),
        (params, ["hume-vb", "clips"], "params.yaml:3: 'corpus.name' = 'clips'"),
        (params, ["profile: small", "profile: ../up"], "params.yaml:1: 'profile' = '../up'"),
        (params, ["profile: small\n", ""], "'profile' is missing"),
        (labels, ["Subject_ID", "a"], "speaker 'a' is in train and dev"),
        (labels, ["Awe", 2], "clip '00000' has Awe = 2"),
        (labels, ["Split", "Train"], "the dev split has no clips"),
    ],
)
def test_fault_is_named_and_earlier_data_stays(
    harm: Callable[..., None], argument: list[Any], message: str
) -> None:
    download.main()
    earlier = contents(Path("data"))
    harm(*argument)
    with pytest.raises(HarnessError, match=message):
        download.main()
    assert contents(Path("data")) == earlier
    assert [file.name for file in Path("data").iterdir()] == ["small"]


def test_interrupted_write_leaves_earlier_data(monkeypatch: pytest.MonkeyPatch) -> None:
    download.main()
    earlier = contents(Path("data"))

    def interrupted(self: Corpus, folder: Path) -> None:
        (folder / "clips.csv").write_text("half a ta")
        raise KeyboardInterrupt

    monkeypatch.setattr(Corpus, "write", interrupted)
    with pytest.raises(KeyboardInterrupt):
        download.main()
    assert contents(Path("data")) == earlier


def test_files_of_somebody_else_are_not_replaced() -> None:
    Path("data").mkdir()
    Path("corpus").rename("data/small")
    params("path: corpus", "path: data/small")
    earlier = contents(Path("data"))
    with pytest.raises(HarnessError, match=r"data/small/data_info\.csv was not written by"):
        download.main()
    assert contents(Path("data")) == earlier


def test_replacing_clears_what_a_killed_run_left() -> None:
    for left in (".out.new/a", ".out.old/b", "out/c"):
        Path(left).mkdir(parents=True)
    with replacing(Path("out")) as fresh:
        (fresh / "d").mkdir()
    assert [path.name for path in Path("out").iterdir()] == ["d"]
    assert not list(Path().glob(".out.*"))


def test_command_ends_with_one_line_and_status(place: Path) -> None:
    def command() -> subprocess.CompletedProcess[str]:
        path = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
        line = [sys.executable, "-m", "stages.download"]
        return subprocess.run(line, cwd=place, env=path, capture_output=True, text=True)

    done = command()
    assert (done.returncode, done.stderr, done.stdout.count("\n")) == (0, "", 1)
    drop("corpus/data_info.csv")
    failed = command()
    assert (failed.returncode, failed.stdout, failed.stderr.count("\n")) == (1, "", 1)
    assert failed.stderr.startswith("error: hume-vb: corpus has neither data_info.csv")
