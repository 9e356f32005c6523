"""harness.corpora.clips: a table that passes its checks comes back from disk as it was."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile

from harness.corpora import acquire, names
from harness.corpora.clips import Corpus, read
from harness.errors import CorpusError, ParamsError


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    """Five clips; 00003 and 00004 have the same bytes, 00004 is an unlabelled test clip."""
    root = tmp_path / "audio"
    root.mkdir()
    ids = [f"0000{i}" for i in range(5)]
    for i, clip in enumerate(ids):
        soundfile.write(root / f"{clip}.wav", np.full(160, min(i, 3) / 8), 16000)
    table = pd.DataFrame(
        {
            "clip": ids,
            "path": [f"{clip}.wav" for clip in ids],
            "split": ["train", "train", "dev", "dev", "test"],
            "speaker": ["NA", "NA", "007", "nan", ""],
            "country": ["China", "", "Venezuela", "", ""],
            "Awe": [1 / 3, 1.0, 0.1 + 0.2, 0.0, np.nan],
        }
    )
    return Corpus("small", root, ["Awe"], table, {"licence": "none"})


def test_what_is_written_is_what_is_read(corpus: Corpus, tmp_path: Path) -> None:
    replace(corpus, clips=corpus.clips[::-1]).write(tmp_path / "data")
    table, about = read(tmp_path / "data")
    back = table.drop(columns="sha256")
    pd.testing.assert_frame_equal(back, corpus.clips, check_dtype=False, check_exact=True)
    assert table["sha256"].str.fullmatch("[0-9a-f]{64}").all()
    assert about["root"] == str(corpus.root)
    assert about["licence"] == "none"
    assert about["clips"] == {"train": 2, "dev": 2, "test": 1}
    assert about["speakers"] == {"train": 1, "dev": 2}
    assert about["same_bytes"] == {"clips": 1, "across_splits": 1}


def test_root_inside_the_folder_survives_a_rename(corpus: Corpus, tmp_path: Path) -> None:
    corpus.root.rename(tmp_path / "new")
    replace(corpus, root=tmp_path / "new").write(tmp_path / "new")
    (tmp_path / "new").rename(tmp_path / "data")
    assert read(tmp_path / "data")[1]["root"] == str(tmp_path / "data")


def test_relative_root_stays_relative_to_where_the_stage_runs(
    corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    replace(corpus, root=Path("audio")).write(Path("data/small"))
    assert read(Path("data/small"))[1]["root"] == "audio"


def cell(column: str, row: int, value: Any) -> Callable[[Corpus], Corpus]:
    def changed(corpus: Corpus) -> Corpus:
        clips = corpus.clips.astype({column: object})
        clips.loc[row, column] = value
        return replace(corpus, clips=clips)

    return changed


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: replace(c, clips=c.clips.drop(columns="speaker")), "lacks column 'speaker'"),
        (lambda c: replace(c, clips=c.clips.drop(columns="Awe")), "lacks column 'Awe'"),
        (lambda c: replace(c, targets=["Awe", "Awe"]), "target 'Awe' is named twice"),
        (lambda c: replace(c, targets=["split"]), "a target cannot be called 'split'; rename it"),
        (lambda c: replace(c, targets=[]), "no targets"),
        (lambda c: replace(c, clips=c.clips[:2]), "the dev split has no clips"),
        (cell("clip", 1, "00000"), "clip '00000' is listed twice"),
        (cell("path", 1, "00000.wav"), "path '00000.wav' is listed twice"),
        (cell("clip", 1, ""), "has no clip id"),
        (cell("split", 1, "Train"), "clip '00001' has split 'Train'; use train, dev, test"),
        (cell("speaker", 1, ""), "clip '00001' has no speaker"),
        (cell("speaker", 1, np.nan), "clip '00001' has no speaker"),
        (cell("speaker", 1, "007"), "speaker '007' is in train and dev"),
        (cell("speaker", 3, "007"), "'007' is the only speaker of the dev split; the statistics"),
        (cell("Awe", 1, np.nan), "clip '00001' has Awe = nan; targets lie in"),
        (cell("Awe", 1, 1.5), "clip '00001' has Awe = 1.5"),
        (cell("Awe", 1, -0.1), "clip '00001' has Awe = -0.1"),
        (cell("Awe", 1, "much"), "clip '00001' has Awe = much"),
        (cell("Awe", 4, np.inf), "clip '00004' has Awe = inf"),
        (cell("path", 1, "gone.wav"), "clip '00001': .*gone.wav is missing; restore it"),
    ],
)
def test_faulty_table_is_named_and_not_written(
    corpus: Corpus, tmp_path: Path, change: Callable[[Corpus], Corpus], message: str
) -> None:
    with pytest.raises(CorpusError, match=message):
        change(corpus).write(tmp_path / "data")
    assert not (tmp_path / "data").exists()


def test_empty_file_is_named(corpus: Corpus) -> None:
    (corpus.root / "00002.wav").write_bytes(b"")
    with pytest.raises(CorpusError, match=r"clip '00002': .*00002\.wav is empty"):
        corpus.check()


def test_reading_names_what_is_missing(corpus: Corpus, tmp_path: Path) -> None:
    data = tmp_path / "data"
    with pytest.raises(CorpusError, match=r"clips\.csv is missing; run `dvc repro download`"):
        read(data)
    corpus.write(data)
    pd.read_csv(data / "clips.csv").drop(columns="Awe").to_csv(data / "clips.csv", index=False)
    with pytest.raises(CorpusError, match=r"clips\.csv has no column 'Awe'"):
        read(data)


def test_only_corpora_are_offered() -> None:
    assert {"emogator", "hume-vb"} <= set(names())
    assert not {"clips", "synthesis", "--init--"} & set(names())


@pytest.mark.parametrize("block", [{"name": "clips"}, {"name": "emogater"}, {"name": 3}, {}, None])
def test_unknown_corpus_is_refused(block: object, tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match="corpus"):
        acquire(block, tmp_path)
