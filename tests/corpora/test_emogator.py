"""harness.corpora.emogator: a clone of EmoGator becomes one-hot targets on disjoint speakers."""

import hashlib
import json
import os
from pathlib import Path

import numpy as np
import pytest
import soundfile

from harness.config.strict import section
from harness.corpora import acquire
from harness.corpora.clips import Corpus
from harness.errors import CorpusError, ParamsError

REAL = Path(os.environ.get("EMOGATOR", "../shared/emogator"))
SPEAKERS = range(1, 41)
TWO = ["Amusement", "Triumph"]
PROFILE = Path(__file__).parents[2] / "profiles" / "emogator.yaml"


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


def listed(root: Path, dev: list[int], **changes: object) -> Corpus:
    block = {"name": "emogator", "path": str(root), "categories": TWO, "dev_contributors": dev}
    return acquire(block | changes, root / "unused")


def test_a_drawn_split_has_the_share_that_was_asked_for(clone: Path) -> None:
    for share, count in ((0.2, 8), (0.5, 20)):
        for seed in range(10):
            assert (
                list(splits(load(clone, seed=seed, dev_share=share)).values()).count("dev") == count
            )
    assert splits(load(clone)) == splits(load(clone))
    assert splits(load(clone)) != splits(load(clone, seed=1))


def test_a_listed_split_has_those_who_are_listed_and_there(clone: Path) -> None:
    split = splits(listed(clone, [3, 11, 300]))
    assert {s for s in split if split[s] == "dev"} == {"000003", "000011"}
    some = splits(listed(clone, [3, 11, 300], contributors=list(range(2, 35))))
    assert some == {s: of for s, of in split.items() if 2 <= int(s) < 35}
    with pytest.raises(CorpusError, match="'000003' is the only speaker of the dev split"):
        listed(clone, [3, 300]).check()


def hashed(contributor: int) -> bool:
    """The rule by which the profile's split was once drawn."""
    digest = hashlib.sha256(f"1:{contributor:06d}".encode()).digest()
    return int.from_bytes(digest[:8], "big") < 0.3 * 2**64


def test_the_profiles_split_is_that_of_the_committed_results() -> None:
    block = section("corpus", PROFILE)
    assert list(block["dev_contributors"]) == [n for n in range(1, 358) if hashed(n)]
    assert not {"seed", "dev_share"} & set(block)
    table = json.loads((PROFILE.parents[1] / "results/emogator/table1.json").read_text())
    speakers = next(row["counts"] for row in table["rows"] if row["label"] == "speakers")
    assert len(block["contributors"]) == speakers["total"]
    assert len({*block["contributors"]} & {*block["dev_contributors"]}) == speakers["dev"]


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
        ({"seed": -1}, "corpus.seed"),
        ({"seed": None}, "give either dev_contributors, or dev_share and seed"),
        ({"dev_contributors": [1, 2]}, "give either dev_contributors, or dev_share and seed"),
        ({"dev_share": None, "seed": None}, "give either dev_contributors, or dev_share and"),
        ({"dev_contributors": [1], "dev_share": None, "seed": None}, "corpus.dev_contributors"),
        ({"contributors": [1, 358]}, "corpus.contributors.1"),
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
def test_real_clips_split_as_in_the_committed_results(tmp_path: Path) -> None:
    corpus = acquire(section("corpus", PROFILE) | {"path": str(REAL)}, tmp_path)
    corpus.check()
    assert len(corpus.targets) == 10
    assert corpus.clips.groupby("speaker").size().eq(30).all()
    if len(corpus.clips) == 4800:
        speakers = corpus.clips.groupby("split")["speaker"].nunique()
        assert speakers.to_dict() == {"train": 111, "dev": 49}
