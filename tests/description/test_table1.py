"""harness.description: Table 1 counts what is there, and leaks are found."""

import io
import json
import os
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
import soxr

from harness.corpora import acquire, synthetic
from harness.corpora.clips import Corpus, read
from harness.description import duplicates
from harness.description.histograms import svg
from harness.description.table1 import described, markdown, measured
from harness.paper import read_paper
from stages import table1

REAL = Path(os.environ.get("EMOGATOR", "../shared/emogator"))
PAPER = Path(__file__).parents[2] / "paper.yaml"
FEW = {"train": 20, "dev": 10, "test": 2}
MADE = synthetic.Params(
    name="synthetic", seed=7, clips=FEW, speakers={"train": 10, "dev": 5, "test": 1}, raters=3,
    emotion=1.0,
)  # fmt: skip


@pytest.fixture(scope="module")
def bursts() -> list[np.ndarray]:
    """Twelve bursts of as many speakers, float, 16 kHz."""
    return [synthetic.clip(MADE, "train", s, 0).sound / 32768 for s in range(12)]


def corpus(folder: Path, sounds: dict[str, tuple[np.ndarray, int]], **columns: object) -> Path:
    """Clips in the order of `sounds`, half of them dev, each of a speaker of its own."""
    folder.mkdir(parents=True)
    for clip, (samples, rate) in sounds.items():
        soundfile.write(folder / f"{clip}.wav", samples, rate, subtype="FLOAT")
    count = len(sounds)
    table = pd.DataFrame({"clip": list(sounds)})
    table["path"] = table["clip"] + ".wav"
    table["split"] = ["train"] * (count // 2) + ["dev"] * (count - count // 2)
    table["speaker"] = [f"s{i:02d}" for i in range(count)]
    table["country"] = ""
    table["Awe"] = np.linspace(0, 1, count)
    Corpus("mine", folder, ["Awe"], table.assign(**columns)).write(folder / "data")
    return folder / "data"


def table_of(data: Path) -> dict:
    clips, about = read(data)
    return described(clips, about, None)


def test_counts_are_those_of_the_clips(tmp_path: Path, bursts: list[np.ndarray]) -> None:
    sounds = {f"{i}": (np.tile(bursts[i], 60), 16000) for i in range(6)}
    data = corpus(
        tmp_path / "c",
        sounds,
        speaker=["a", "a", "b", "c", "d", "d"],
        country=["China", "China", "", "Venezuela", "China", "China"],
    )
    table = table_of(data)
    rows = {row["label"]: row["counts"] for row in table["rows"]}
    lengths = [60 * len(burst) / 16000 / 60 for burst in bursts[:6]]
    assert rows["minutes"]["train"] == pytest.approx(sum(lengths[:3]), abs=0.051)
    assert rows["minutes"]["total"] == pytest.approx(sum(lengths), abs=0.051)
    assert rows["clips"] == {"train": 3, "dev": 3, "total": 6}
    assert rows["speakers"] == {"train": 2, "dev": 2, "total": 4}
    assert rows["speakers, China"] == {"train": 1, "dev": 1, "total": 2}
    assert rows["speakers, Venezuela"] == {"train": 0, "dev": 1, "total": 1}
    assert table["seconds"]["dev"]["max"] == pytest.approx(60 * max(lengths[3:]), abs=0.001)
    assert table["targets"]["Awe"]["zero"] == pytest.approx(1 / 6, abs=1e-4)
    histogram = table["targets"]["Awe"]["histogram"]
    assert list(histogram) == ["train", "dev"]
    assert (sum(histogram["train"]), sum(histogram["dev"])) == (3, 3)
    assert (histogram["train"][0], histogram["dev"][-1]) == (1, 1)


def test_clipping_silence_level_and_rates_are_measured(
    tmp_path: Path, bursts: list[np.ndarray]
) -> None:
    time = np.arange(16000) / 16000
    sounds = {
        "sine": (0.5 * np.sin(2 * np.pi * 440 * time), 16000),
        "clipped": (np.clip(2 * np.sin(2 * np.pi * 440 * time), -1, 1), 16000),
        "touching": (0.999 * np.sin(2 * np.pi * 4000 * time + 0.4), 16000),
        "silent": (np.zeros(16000), 16000),
        "faint": (0.0005 * np.sin(2 * np.pi * 440 * time), 16000),
        "burst": (bursts[0], 8000),
    }
    data = corpus(tmp_path / "c", sounds)
    table = table_of(data)
    assert table["clipped"] == ["clipped"]
    assert set(table["silent"]) == {"silent", "faint"}
    assert table["rates"] == {"8000": 1, "16000": 5}
    clips, about = read(data)
    levels = measured(clips, Path(about["root"]))[0]["level"]
    assert levels[clips["clip"] == "sine"].item() == pytest.approx(
        20 * np.log10(0.5 / np.sqrt(2)), abs=0.01
    )


def coded(samples: np.ndarray, **how: object) -> np.ndarray:
    out = io.BytesIO()
    soundfile.write(out, samples, 16000, **how)
    out.seek(0)
    return soundfile.read(out)[0]


def noise(samples: np.ndarray) -> np.ndarray:
    level = np.sqrt(np.mean(samples**2)) / 30  # 30 dB below
    return np.random.default_rng(0).normal(0, level, len(samples))


COPIES: dict[str, Callable[[np.ndarray], tuple[np.ndarray, int]]] = {
    "softer": lambda x: (0.3 * x, 16000),
    "upside down": lambda x: (-x, 16000),
    "later": lambda x: (np.concatenate([np.zeros(480), x]), 16000),
    "trimmed": lambda x: (x[200:-200], 16000),
    "resampled": lambda x: (soxr.resample(x, 16000, 22050), 22050),
    "stereo": lambda x: (np.stack([x, x], axis=1), 16000),
    "8 bit": lambda x: (np.round(x * 127) / 127, 16000),
    "ogg": lambda x: (coded(x, format="OGG", subtype="VORBIS"), 16000),
    "mp3": lambda x: (coded(x, format="MP3", subtype="MPEG_LAYER_III"), 16000),
    "noise": lambda x: (x + noise(x), 16000),
}


@pytest.mark.parametrize("copy", COPIES)
def test_a_copy_under_another_speaker_is_found(
    tmp_path: Path, bursts: list[np.ndarray], copy: str
) -> None:
    sounds = {f"{i}": (burst, 16000) for i, burst in enumerate(bursts)}
    sounds["copy"] = COPIES[copy](bursts[4])
    table = table_of(corpus(tmp_path / "c", sounds))
    assert [(p["one"], p["other"]) for p in table["same_sound"]] == [("4", "copy")]
    assert table["same_sound"][0]["correlation"] >= 0.9
    assert "a leak: 1 (4 = copy)" in markdown(table)


def test_the_same_speaker_may_repeat_within_a_split_but_not_across(
    tmp_path: Path, bursts: list[np.ndarray]
) -> None:
    sounds = {"a": (bursts[0], 16000), "b": (0.5 * bursts[0], 16000), "c": (bursts[1], 16000)}
    sounds["d"] = (0.5 * bursts[1], 16000)
    sounds["e"] = (bursts[2], 16000)
    data = corpus(tmp_path / "c", sounds, speaker=["s", "s", "t", "t", "u"])
    assert table_of(data)["same_sound"] == []
    clips, about = read(data)
    crossed = clips.assign(split=["train", "dev", "dev", "dev", "dev"])
    found = described(crossed, about, None)["same_sound"]
    assert [(pair["one"], pair["other"]) for pair in found] == [("a", "b")]


def test_same_bytes_are_counted_across_speakers_and_splits(
    tmp_path: Path, bursts: list[np.ndarray]
) -> None:
    sounds = dict.fromkeys("abcd", (bursts[0], 16000))
    table = table_of(corpus(tmp_path / "c", sounds, speaker=["s", "s", "t", "u"]))
    assert table["same_bytes"] == {"clips": 3, "across_speakers": 1, "across_splits": 1}


def test_correlation_is_that_of_numpy_at_the_best_lag(bursts: list[np.ndarray]) -> None:
    one, other = bursts[0][:900], bursts[1][:700]
    full = np.abs(np.correlate(one, other, "full")).max()
    expected = full / np.sqrt((one**2).sum() * (other**2).sum())
    assert duplicates.correlation(one, other) == pytest.approx(expected, abs=1e-6)
    assert duplicates.correlation(one, one) == pytest.approx(1)
    assert duplicates.correlation(one, np.zeros(5)) == 0


def test_only_the_nearest_are_compared_when_there_are_too_many(
    tmp_path: Path, bursts: list[np.ndarray]
) -> None:
    sounds = {f"{i}": (bursts[i % 3] * (1 + i / 9), 16000) for i in range(6)}
    clips, about = read(corpus(tmp_path / "c", sounds))
    _, signatures = measured(clips, Path(about["root"]))
    root = Path(about["root"])
    assert len(duplicates.pairs(clips, signatures, root)) == 3
    assert len(duplicates.pairs(clips, signatures, root, most=2)) == 2


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bursts: list[np.ndarray]) -> Path:
    """The current folder, with a profile whose corpus has six clips and a skipped one."""
    monkeypatch.chdir(tmp_path)
    sounds = {f"{i}": (bursts[i], 16000) for i in range(6)}
    data = corpus(tmp_path / "c", sounds, country=["China", "United States"] * 3)
    about = json.loads((data / "corpus.json").read_text())
    about["skipped"] = [{"clip": "6", "why": "6.wav is empty"}]
    about["root"] = str(tmp_path / "c")
    (data / "corpus.json").write_text(json.dumps(about))
    Path("data").mkdir()
    data.rename("data/mine")
    Path("params.yaml").write_text("profile: mine\n")
    Path("paper.yaml").write_text(PAPER.read_text(encoding="utf-8"), encoding="utf-8")
    return tmp_path


def test_the_stage_writes_the_same_bytes_each_time_and_lists_what_was_skipped(stage: Path) -> None:
    table1.main()
    once = {file.name: file.read_bytes() for file in Path("results/mine").iterdir()}
    table1.main()
    assert {file.name: file.read_bytes() for file in Path("results/mine").iterdir()} == once
    assert set(once) == {"table1.json", "table1.md", "table1.svg"}
    assert "- Left out as unusable: 1 (6 (6.wav is empty))." in once["table1.md"].decode()
    table = json.loads(once["table1.json"])
    assert table["skipped"] == [{"clip": "6", "why": "6.wav is empty"}]
    assert markdown(table) == once["table1.md"].decode()
    assert svg(table["targets"]) == once["table1.svg"]
    assert "paper" not in once["table1.md"].decode()


def test_the_papers_numbers_stand_beside_its_own_corpus_only(stage: Path) -> None:
    file = Path("data/mine/corpus.json")
    file.write_text(json.dumps(json.loads(file.read_text()) | {"name": "hume-vb"}))
    table1.main()
    text = Path("results/mine/table1.md").read_text()
    lines = {row.split("|")[1].strip(): row for row in text.splitlines() if row.startswith("|")}
    printed = read_paper(PAPER).table1

    def cells(label: str) -> list[str]:
        return [cell.strip() for cell in lines[label].split("|")[5:8]]

    for label, row in (
        ("minutes", printed["minutes"]),
        ("clips", printed["clips"]),
        ("speakers", printed["speakers"]),
        ("speakers, China", printed["speakers_china"]),
        ("speakers, United States", printed["speakers_usa"]),
    ):
        total = row.total.text if row.total else "–"
        assert cells(label) == [row.train.text, row.validation.text, total]


@pytest.mark.parametrize("count", [1, 5, 30])
def test_the_picture_is_small_and_names_every_target(count: int) -> None:
    rng = np.random.default_rng(0)
    targets = {
        f"Target & {n}.2345": {
            "histogram": {s: rng.integers(0, 999, 20).tolist() for s in ("train", "dev")}
        }
        for n in range(count)
    }
    picture = svg(targets)
    assert len(picture) <= 100_000
    texts = {node.text for node in ElementTree.fromstring(picture).iter() if node.text}
    assert set(targets) | {"train", "dev", "share of clips"} <= texts


@pytest.mark.skipif(not REAL.is_dir(), reason="set EMOGATOR to a clone to run it")
def test_emogators_repeats_are_within_speakers() -> None:
    block = {"name": "emogator", "path": str(REAL), "seed": 1, "dev_share": 0.3}
    block |= {"contributors": [1, 5, 6, 7, 8, 9, 15, 17, 18, 19, 22, 23]}
    acquired = acquire(block, REAL.parent / "unused")
    clips = acquired.clips.assign(sha256=[str(i) for i in range(len(acquired.clips))])
    about = {"name": "emogator", "root": str(REAL), "targets": acquired.targets}
    assert described(clips, about, None)["same_sound"] == []
