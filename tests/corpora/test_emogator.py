"""harness.corpora.emogator: a clone of EmoGator becomes one-hot targets on disjoint speakers."""

import os
from pathlib import Path

import numpy as np
import pytest
import soundfile

from harness.corpora import acquire
from harness.corpora.clips import Corpus
from harness.errors import CorpusError, ParamsError

REAL = Path(os.environ.get("EMOGATOR", "../shared/emogator"))
SPEAKERS = range(1, 41)
TWO = ["Amusement", "Triumph"]


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """40 contributors with one mp3 each of Amusement (02) and Triumph (30), one without Triumph."""
    root = tmp_path_factory.mktemp("clone")
    folder = root / "data" / "mp3"
    folder.mkdir(parents=True)
    soundfile.write(folder / "000001-02-1.mp3", np.zeros(1600), 16000)
    sound = (folder / "000001-02-1.mp3").read_bytes()
    for speaker in SPEAKERS:
        for category in ("02", "30"):
            (folder / f"{speaker:06d}-{category}-1.mp3").write_bytes(sound)
    (folder / "000007-30-1.mp3").unlink()
    (folder.parent / "category_names.pt").write_bytes(b"not read")
    (folder / "notes.txt").write_text("not a clip")
    return root


def load(root: Path, **changes: object) -> Corpus:
    block = {"name": "emogator", "path": str(root), "seed": 0, "dev_share": 0.3}
    block |= {"categories": TWO, **changes}
    return acquire(block, root / "unused")


def splits(corpus: Corpus) -> dict[str, str]:
    return dict(zip(corpus.clips["speaker"], corpus.clips["split"], strict=True))


def test_file_names_become_speakers_and_one_hot_targets(clone: Path) -> None:
    corpus = load(clone)
    corpus.check()
    table = corpus.clips.set_index("clip")
    assert len(table) == 2 * len(SPEAKERS) - 1
    assert corpus.targets == TWO
    assert table.loc["000003-02-1", "speaker"] == "000003"
    assert list(table.loc["000003-02-1", TWO]) == [1, 0]
    assert list(table.loc["000003-30-1", TWO]) == [0, 1]
    assert table.loc["000003-30-1", "path"] == "data/mp3/000003-30-1.mp3"
    assert set(table[corpus.targets].to_numpy().sum(axis=1)) == {1}
    assert not (clone / "unused").exists()


def test_split_follows_seed_and_share(clone: Path) -> None:
    for share in (0.2, 0.5):
        drawn = [splits(load(clone, seed=seed, dev_share=share)) for seed in range(20)]
        dev = np.mean([split == "dev" for speakers in drawn for split in speakers.values()])
        assert dev == pytest.approx(share, abs=0.06)  # 800 draws: 3.4 standard errors
    assert splits(load(clone)) == splits(load(clone))
    assert splits(load(clone)) != splits(load(clone, seed=1))


def test_contributors_who_leave_do_not_move_the_others(clone: Path) -> None:
    some = splits(load(clone, contributors=list(range(5, 35))))
    assert some == {s: split for s, split in splits(load(clone)).items() if 5 <= int(s) < 35}


def test_larger_dev_share_only_moves_speakers_to_dev(clone: Path) -> None:
    small, large = (splits(load(clone, dev_share=share)) for share in (0.2, 0.5))
    assert {s for s in small if small[s] == "dev"} < {s for s in large if large[s] == "dev"}


@pytest.mark.parametrize("name", ["000001-31-1.mp3", "000001-00-1.mp3", "1-02-1.mp3", "laugh.mp3"])
def test_name_that_cannot_be_read_is_named(clone: Path, name: str) -> None:
    odd = clone / "data" / "mp3" / name
    odd.write_bytes(b"x")
    try:
        with pytest.raises(CorpusError, match=f"{name} is not named"):
            load(clone)
    finally:
        odd.unlink()


def test_missing_clone_says_where_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"nowhere.*github\.com/fredbuhl/EmoGator.*51eeca515a95"):
        load(tmp_path / "nowhere")


def test_category_or_contributor_without_clips_is_named(clone: Path) -> None:
    with pytest.raises(CorpusError, match="no train clip has the category 'Awe'"):
        load(clone, categories=["Amusement", "Awe"])
    with pytest.raises(CorpusError, match="contributor 000099 has no clips"):
        load(clone, contributors=[1, 99])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"categories": ["Amusment"]}, "corpus.categories.0.*did you mean 'Amusement'"),
        ({"categories": []}, "corpus.categories"),
        ({"dev_share": 1.0}, "corpus.dev_share"),
        ({"dev_shar": 0.3}, "'corpus.dev_shar' is not a key; did you mean 'dev_share'"),
        ({"seed": 1.5}, "corpus.seed"),
        ({"path": ""}, "corpus.path"),
    ],
)
def test_faulty_params_are_named(clone: Path, changes: dict[str, object], message: str) -> None:
    with pytest.raises(ParamsError, match=message):
        load(clone, **changes)


def test_category_named_twice_is_refused(clone: Path) -> None:
    with pytest.raises(CorpusError, match="'Triumph' is named twice"):
        load(clone, categories=["Amusement", "Triumph", "Triumph"]).check()


@pytest.mark.skipif(
    not (REAL / "data" / "mp3").is_dir(), reason="set EMOGATOR to a clone to run it"
)
def test_real_clips_split_by_speaker(tmp_path: Path) -> None:
    corpus = acquire({"name": "emogator", "path": str(REAL), "seed": 0, "dev_share": 0.3}, tmp_path)
    corpus.check()
    assert len(corpus.targets) == 10
    assert corpus.clips.groupby("speaker").size().eq(30).all()
    share = (corpus.clips["split"] == "dev").mean()
    assert share == pytest.approx(0.3, abs=0.11)  # 160 speakers: 3 standard errors
