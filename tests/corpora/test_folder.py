"""harness.corpora.folder: a user's own table and sounds become clips by column name."""

import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from harness.corpora import acquire
from harness.corpora.clips import Corpus, read
from harness.errors import CorpusError

TABLE = pd.DataFrame(
    {
        "Land": ["NA", "", "Venezuela", "China", "NA", "China"],
        "valence": [7, 1, 4, 2.5, 3, 6],
        "Datei": ["a/1", "a/2", "b/1", "b/2", "c/1", "d/1"],
        "wer": ["a", "a", "b", "b", "c", "d"],
        "Teil": ["lernen", "lernen", "pruefen", "pruefen", "pruefen", "lernen"],
        "arousal": [1, 2, 3, 4, 5, 6],
    }
)
BLOCK = {
    "name": "folder",
    "table": "labels/bewertung.csv",
    "audio": "ton/{clip}.flac",
    "targets": ["arousal", "valence"],
    "scale": [1, 7],
    "columns": {"clip": "Datei", "split": "Teil", "speaker": "wer", "country": "Land"},
    "splits": {"train": "lernen", "dev": "pruefen"},
}


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    root = tmp_path / "mine"
    (root / "labels").mkdir(parents=True)
    TABLE.to_csv(root / "labels" / "bewertung.csv", index=False)
    for clip in TABLE["Datei"]:
        file = root / "ton" / f"{clip}.flac"
        file.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(file, np.zeros(1600), 16000)
    return root


def load(root: Path, **changes: object) -> Corpus:
    corpus = acquire(BLOCK | {"path": str(root)} | changes, root.parent / "data" / "mine")
    corpus.check()
    return corpus


def test_columns_and_scale_of_ones_own_become_the_clip_table(mine: Path) -> None:
    corpus = load(mine)
    assert corpus.root == mine
    assert corpus.targets == ["arousal", "valence"]
    assert corpus.clips["clip"].tolist() == TABLE["Datei"].tolist()
    assert corpus.clips["path"].tolist() == [f"ton/{clip}.flac" for clip in TABLE["Datei"]]
    assert corpus.clips["split"].tolist() == ["train", "train", "dev", "dev", "dev", "train"]
    assert corpus.clips["speaker"].tolist() == list("aabbcd")
    assert corpus.clips["country"].tolist() == TABLE["Land"].tolist()
    np.testing.assert_allclose(corpus.clips["valence"], (TABLE["valence"] - 1) / 6)
    np.testing.assert_allclose(corpus.clips["arousal"], (TABLE["arousal"] - 1) / 6)


def test_a_zip_of_it_gives_the_same_clips(mine: Path) -> None:
    packed = mine.with_suffix(".zip")
    with zipfile.ZipFile(packed, "w") as whole:
        for file in mine.rglob("*.*"):
            whole.write(file, file.relative_to(mine))
    pd.testing.assert_frame_equal(load(packed).clips, load(mine).clips)


def test_speakers_can_be_drawn_where_there_is_no_split(mine: Path) -> None:
    file = mine / "labels" / "bewertung.csv"
    TABLE.drop(columns="Teil").to_csv(file, index=False)
    with pytest.raises(CorpusError, match="has no column 'Teil'"):
        load(mine)
    drawn = [load(mine, draw={"dev_share": 0.5, "seed": seed}).clips for seed in (2, 2)]
    pd.testing.assert_frame_equal(*drawn)
    of = drawn[0].groupby("speaker")["split"].nunique()
    assert set(of) == {1}
    assert set(drawn[0]["split"]) == {"train", "dev"}


@pytest.mark.parametrize(
    ("speakers", "dev", "answer"),
    [("aabbcd", 0.5, None), ("aabbcd", 0.1, "puts 0 in dev"), ("aabbbb", 0.5, "puts 1 in dev")],
)
def test_a_draw_is_exact_or_refused(
    mine: Path, speakers: str, dev: float, answer: str | None
) -> None:
    table = TABLE.drop(columns="Teil").assign(wer=list(speakers))
    table.to_csv(mine / "labels" / "bewertung.csv", index=False)
    for seed in range(10):
        draw = {"dev_share": dev, "seed": seed}
        if answer:
            with pytest.raises(CorpusError, match=answer):
                load(mine, draw=draw)
        else:
            clips = load(mine, draw=draw).clips
            assert clips["speaker"][clips["split"] == "dev"].nunique() == 2


@pytest.mark.parametrize(
    "ids",
    [
        ["[a]", "a", "laugh [dQw4]", "[b", "b]", "[]"],
        ["nan", "NaN", "NA", "None", "null", "1e3"],
        ["A", "a", "ä", "ß", "ss", "001"],
    ],
)
def test_ids_and_speakers_are_taken_as_they_are_written(mine: Path, ids: list[str]) -> None:
    for old, new in zip(TABLE["Datei"], ids, strict=True):
        (mine / "ton" / f"{old}.flac").rename(mine / "ton" / f"{new}.flac")
    table = TABLE.assign(Datei=ids, wer=ids)
    table.to_csv(mine / "labels" / "bewertung.csv", index=False)
    corpus = load(mine)
    assert corpus.clips["clip"].tolist() == ids
    assert corpus.clips["speaker"].tolist() == ids
    corpus.write(mine.parent / "data" / "mine")
    clips, _ = read(mine.parent / "data" / "mine")
    assert sorted(clips["clip"]) == sorted(clips["speaker"]) == sorted(ids)


def test_the_country_may_be_left_out(mine: Path) -> None:
    columns = {key: value for key, value in BLOCK["columns"].items() if key != "country"}
    assert set(load(mine, columns=columns).clips["country"]) == {""}
