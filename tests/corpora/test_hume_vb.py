"""harness.corpora.hume_vb: both releases give the same table, and a broken one is named."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile

from harness.corpora import acquire
from harness.corpora.clips import Corpus
from harness.corpora.hume_vb import TARGETS
from harness.errors import CorpusError, ParamsError

COUNTRIES = ["China", "South Africa", "United States", "Venezuela"]
Change = Callable[[pd.DataFrame], pd.DataFrame]


def rows() -> pd.DataFrame:
    """Two clips a split, dev's of two speakers, as ExVo 2022 has them; test is unlabelled."""
    labels = np.random.default_rng(0).random((6, 10)).round(8)
    labels[np.arange(6), np.arange(6)] = 1
    labels[4:] = np.nan
    split = np.repeat(["Train", "Val", "Test"], 2)
    return pd.DataFrame(
        {
            "File_ID": [f"[{i:05d}]" for i in range(6)],
            "Split": split,
            "Subject_ID": [f"Speaker_00{i}" for i in (1, 1, 2, 3, 4, 4)],
            "Country": ["0", "0", "2", "2", "", ""],
            "Country_string": ["China", "China", "United States", "United States", "", ""],
            "Age": 30,
            **dict(zip(TARGETS, labels.T, strict=True)),
        }
    )


def sounds(folder: Path) -> None:
    folder.mkdir(parents=True)
    for i in range(6):
        soundfile.write(folder / f"{i:05d}.wav", np.full(400, i / 8), 16000)


def exvo(root: Path, table: pd.DataFrame, **options: Any) -> Path:
    sounds(root / "wav")
    table.to_csv(root / "data_info.csv", index=False, **options)
    return root


def avb(root: Path, table: pd.DataFrame, drop: tuple[str, ...] = ()) -> Path:
    """Targets in high_info.csv; speakers and, as names, countries in the other tables, reversed."""
    sounds(root / "audio" / "wav")
    labels = root / "labels"
    labels.mkdir()
    named = table.assign(Country=table["Country_string"])
    files = {
        "high": ["File_ID", "Split", *TARGETS],
        "data": ["Subject_ID", "File_ID", "Split"],
        "culture": ["File_ID", "Split", "Country"],
    }
    for name, columns in files.items():
        if name not in drop:
            named[columns][:: -1 if name != "high" else 1].to_csv(
                labels / f"{name}_info.csv", index=False
            )
    return root


def load(root: Path, **changes: object) -> Corpus:
    corpus = acquire({"name": "hume-vb", "path": str(root), **changes}, root / "unused")
    corpus.check()
    return corpus


def test_columns_become_the_clip_table(tmp_path: Path) -> None:
    corpus = load(exvo(tmp_path, rows()))
    assert corpus.targets == TARGETS
    assert corpus.clips["clip"].tolist() == [f"0000{i}" for i in range(6)]
    assert corpus.clips["path"].tolist() == [f"wav/0000{i}.wav" for i in range(6)]
    assert corpus.clips["split"].tolist() == ["train"] * 2 + ["dev"] * 2 + ["test"] * 2
    assert corpus.clips["country"].tolist() == ["China"] * 2 + ["United States"] * 2 + ["", ""]
    assert np.array_equal(corpus.clips[TARGETS], rows()[TARGETS], equal_nan=True)


def test_both_releases_give_the_same_table(tmp_path: Path) -> None:
    one, other = load(exvo(tmp_path / "exvo", rows())), load(avb(tmp_path / "avb", rows()))
    assert other.clips["path"].str.startswith("audio/wav/").all()
    pd.testing.assert_frame_equal(one.clips.drop(columns="path"), other.clips.drop(columns="path"))


def test_marks_of_other_editors_change_nothing(tmp_path: Path) -> None:
    plain = load(exvo(tmp_path / "plain", rows()))
    odd = exvo(
        tmp_path / "odd",
        rows()[rows().columns[::-1]].rename(columns={"Awe": " Awe"}),
        encoding="utf-8-sig",
        lineterminator="\r\n",
        quoting=1,
        na_rep="nan",
    )
    pd.testing.assert_frame_equal(load(odd).clips, plain.clips)


@pytest.mark.parametrize("country", [["0", "1", "2", "3"], ["0.0", "1.0", "2.0", "3.0"], COUNTRIES])
def test_country_classes_become_names(tmp_path: Path, country: list[str]) -> None:
    table = rows().drop(columns="Country_string").assign(Country=[*country, "", ""])
    assert load(exvo(tmp_path, table)).clips["country"].tolist() == [*COUNTRIES, "", ""]


def test_country_may_be_absent_and_test_speakers_too(tmp_path: Path) -> None:
    table = rows().drop(columns=["Country", "Country_string"])
    table.loc[4:, "Subject_ID"] = ""
    assert (load(exvo(tmp_path, table)).clips["country"] == "").all()


def test_expected_counts_are_compared(tmp_path: Path) -> None:
    root = exvo(tmp_path, rows())
    load(root, expected={"train": 2, "dev": 2, "test": 2})
    with pytest.raises(CorpusError, match="the dev split has 2 clips, not 19396"):
        load(root, expected={"train": 2, "dev": 19396, "test": 2})
    with pytest.raises(ParamsError, match=r"'corpus\.expected.val' is not a key"):
        load(root, expected={"train": 2, "val": 2, "test": 2})


def put(column: str, row: int, value: Any) -> Change:
    def changed(table: pd.DataFrame) -> pd.DataFrame:
        table = table.astype({column: object})
        table.loc[row, column] = value
        return table

    return changed


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.drop(columns="Horror"), r"data_info.csv has no column 'Horror', only File_ID"),
        (lambda t: t.drop(columns="Subject_ID"), "no column 'Subject_ID'"),
        (put("Split", 1, "Trian"), r"clip 00001 has Split 'Trian'; use Train, Val, Test"),
        (put("File_ID", 1, "[00000]"), r"lists clip \[00000\] twice"),
        (put("Subject_ID", 1, "Speaker_002"), "speaker 'Speaker_002' is in train and dev"),
        (put("Subject_ID", 1, ""), "clip '00001' has no speaker"),
        (put("Awe", 1, ""), "clip '00001' has Awe = nan"),
        (put("Awe", 1, 1.01), "clip '00001' has Awe = 1.01"),
        (put("Awe", 1, "0,5"), r"clip 00001 has Awe = '0,5'; write a number"),
        (put("Excitement", 1, 0.999999), "clip '00001' has no emotion at exactly 1"),
        (lambda t: t[t["Split"] != "Val"], "the dev split has no clips"),
        (
            lambda t: put("Country", 1, "4")(t).drop(columns="Country_string"),
            r"clip 00001 has Country 4; use 0 to 3",
        ),
    ],
)
def test_faulty_table_is_named(tmp_path: Path, change: Change, message: str) -> None:
    with pytest.raises(CorpusError, match=message):
        load(exvo(tmp_path, change(rows())))


def test_missing_or_empty_sound_is_named(tmp_path: Path) -> None:
    root = exvo(tmp_path, rows())
    (root / "wav" / "00003.wav").write_bytes(b"")
    with pytest.raises(CorpusError, match=r"clip '00003': .*00003.wav is empty"):
        load(root)
    (root / "wav" / "00003.wav").unlink()
    with pytest.raises(CorpusError, match=r"clip '00003': .*00003.wav is missing"):
        load(root)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", b'a,b\n"1,2\n3,4,5,6\n'])
def test_file_that_is_no_table_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "data_info.csv").write_bytes(content)
    with pytest.raises(CorpusError, match=r"data_info.csv"):
        load(tmp_path)


def test_missing_corpus_says_where_to_ask(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"nowhere has neither .*10\.5281/zenodo\.6308780"):
        load(tmp_path / "nowhere")


def test_speakers_missing_from_the_labels_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"no table in .*labels has a column 'Subject_ID'"):
        load(avb(tmp_path / "without", rows(), drop=("data",)))
    root = avb(tmp_path / "short", rows())
    file = root / "labels" / "data_info.csv"
    pd.read_csv(file)[1:].to_csv(file, index=False)
    with pytest.raises(CorpusError, match=r"data_info.csv has no row for clip 00005"):
        load(root)


def test_synthetic_corpus_reads_the_same_as_hume_vb(tmp_path: Path) -> None:
    few = {"train": 8, "dev": 8, "test": 2}
    block = {"name": "synthetic", "seed": 1, "raters": 5, "emotion": 1.0}
    made = acquire(block | {"clips": few, "speakers": {**few, "test": 1}}, tmp_path)
    read = load(tmp_path)
    seen = ["clip", "path", "split", "speaker", *TARGETS]
    pd.testing.assert_frame_equal(read.clips[seen], made.clips[seen], check_dtype=False, rtol=1e-12)
