"""harness.corpora.vivae: what was acted becomes a graded target; Zenodo serves it to anyone."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from harness.corpora import acquire, vivae
from harness.corpora.clips import Corpus
from harness.errors import CorpusError, ParamsError
from tests.corpora.zenodo_server import Zenodo, serving

GRADES = ["low", "moderate", "strong", "peak"]
NAMES = [
    f"S{speaker:02d}_{emotion}_{grade}_01"
    for speaker in (1, 2, 10)
    for emotion in ("achievement", "anger", "fear", "pain", "pleasure", "surprise")
    for grade in GRADES
]
BLOCK = {"name": "vivae", "dev_speakers": ["S02", "S10"]}


def packed() -> bytes:
    """VIVAE.zip as a Mac packs it: a folder at the top, and a shadow of each file."""
    sound, out = io.BytesIO(), io.BytesIO()
    soundfile.write(sound, np.zeros(1600), 16000, format="WAV")
    with zipfile.ZipFile(out, "w") as whole:
        for name in NAMES:
            whole.writestr(f"VIVAE/full_set/{name}.wav", sound.getvalue())
            whole.writestr(f"__MACOSX/VIVAE/full_set/._{name}.wav", b"shadow")
            whole.writestr(f"VIVAE/full_set/._{name}.wav", b"shadow")
        whole.writestr(f"VIVAE/core_set/{NAMES[0]}.wav", sound.getvalue())
    return out.getvalue()


@pytest.fixture
def zipped(tmp_path: Path) -> Path:
    (tmp_path / "VIVAE.zip").write_bytes(packed())
    return tmp_path / "VIVAE.zip"


def load(path: Path, **changes: object) -> Corpus:
    corpus = acquire(BLOCK | {"path": str(path)} | changes, path.parent / "data" / "vivae")
    corpus.check()
    return corpus


def test_intensity_is_the_target_of_the_acted_emotion_alone(zipped: Path) -> None:
    clips = load(zipped).clips.set_index("clip")
    assert len(clips) == len(NAMES) == 72
    acted = clips.loc[[f"S10_fear_{grade}_01" for grade in GRADES]]
    assert acted["Fear"].tolist() == [0.25, 0.5, 0.75, 1.0]
    assert (acted[["Achievement", "Anger", "Pain", "Pleasure", "Surprise"]] == 0).all(axis=None)
    assert (clips[vivae.EMOTIONS].gt(0).sum(axis=1) == 1).all()
    assert clips.groupby("speaker")["split"].first().to_dict() == {
        "S01": "train",
        "S02": "dev",
        "S10": "dev",
    }


def test_the_open_record_and_a_local_zip_give_the_same(
    zipped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with serving(Zenodo({"VIVAE.zip": packed(), "ratings.csv": b"x"}, record="4066235")) as server:
        downloaded = acquire(BLOCK | {"api": server.api, "expected": 72}, Path("data/vivae"))
    assert Path("data/raw/vivae/VIVAE/full_set").is_dir()
    assert not Path("data/raw/vivae/__MACOSX").exists()
    pd.testing.assert_frame_equal(downloaded.clips, load(zipped).clips)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"dev_speakers": ["S12", "S02"]},
            "dev speaker S12 has no clips; use some of S01, S02, S10",
        ),
        ({"dev_speakers": ["S01", "S02", "S10"]}, "the train split has no clips"),
        ({"dev_speakers": ["S02", "S02"]}, "'S02' is the only speaker of the dev split"),
        ({"subset": "core_set"}, "dev speaker S02 has no clips"),
        ({"expected": 1085}, "full_set has 72 clips, not 1,085; get it again"),
    ],
)
def test_what_does_not_fit_is_named(zipped: Path, changes: dict[str, object], message: str) -> None:
    with pytest.raises(CorpusError, match=message):
        load(zipped, **changes)


def test_a_folder_without_it_and_odd_names_are_named(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"has no full_set with wav files; name the unpacked"):
        load(tmp_path)
    (tmp_path / "full_set").mkdir()
    (tmp_path / "full_set" / "S01_joy_low_01.wav").write_bytes(b"x")
    with pytest.raises(CorpusError, match=r"S01_joy_low_01\.wav is not named speaker_emotion"):
        load(tmp_path)
    with pytest.raises(ParamsError, match=r"corpus\.subset"):
        load(tmp_path, subset="half")
