"""Probes read what is in embeddings, and nothing that is not."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from ruamel.yaml import YAML
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from harness.config.rows import families, read_family
from harness.errors import ParamsError, RunError
from harness.evaluation.probes import (
    PROBES,
    Clips,
    Question,
    accuracy,
    markdown,
    probed,
    questions,
    read_clips,
    summary,
    within_speakers,
)
from stages import probe as stage
from tests.clone import write

SPEAKERS, EACH, SIZE = 12, 10, 6


def clips(rng, strength, split, countries=3):
    """Embeddings in which a speaker is `strength` times as large as the noise."""
    speakers = np.repeat([f"{split}{number:02d}" for number in range(SPEAKERS)], EACH)
    places = rng.normal(0, strength, (SPEAKERS, SIZE)).repeat(EACH, 0)
    country = np.char.add("C", (np.arange(SPEAKERS) % countries).astype(str)).repeat(EACH)
    return Clips(places + rng.normal(0, 1, (len(places), SIZE)), speakers, country)


def asked(strength, seed=0, countries=3):
    rng = np.random.default_rng(seed)
    return questions(*(clips(rng, strength, split, countries) for split in "td"), seed)


@pytest.mark.parametrize("probe", PROBES)
def test_a_probe_reads_a_speaker_that_is_there_and_none_that_is_not(probe):
    """Of twelve; and after a shuffle of what it learns from it reads nothing."""
    there, absent = asked(3.0)["speaker"], asked(0.0)["speaker"]
    assert accuracy(there, probe, 0) > 0.8
    assert accuracy(there, probe, 0, shuffled=True) < 0.3
    assert accuracy(absent, probe, 0) < 0.3


@pytest.mark.parametrize("probe", PROBES)
def test_a_country_that_only_the_speaker_tells_is_not_read_of_a_new_speaker(probe):
    """Speakers of a country have nothing in common here, so 70/30 within speakers flatters."""
    found = asked(3.0)
    assert accuracy(found["country"], probe, 0) > 0.8
    over_seeds = [
        accuracy(asked(3.0, seed)["country of a new speaker"], probe, 0) for seed in range(6)
    ]
    assert np.mean(over_seeds) < 0.5


def test_the_linear_probe_is_a_logistic_regression_of_standardised_embeddings():
    question = asked(1.0)["speaker"]
    scale = StandardScaler().fit(question.seen)
    model = LogisticRegression(max_iter=1000).fit(scale.transform(question.seen), question.classes)
    right = model.predict(scale.transform(question.asked)) == question.answers
    assert accuracy(question, "linear", 0) == right.mean()


def test_a_speakers_clips_are_split_seventy_to_thirty_and_none_is_alone():
    speakers = np.array(["a"] * 10 + ["b"] * 4 + ["c"] * 2 + ["d"])
    seen = within_speakers(speakers, 0)
    counts = {name: int(seen[speakers == name].sum()) for name in "abcd"}
    assert counts == {"a": 7, "b": 3, "c": 1, "d": 1}
    assert not (seen == within_speakers(speakers, 1)).all()
    lonely = Clips(np.arange(17.0)[:, None], speakers, np.full(17, ""))
    question = questions(lonely, lonely, 0)["speaker"]
    assert set(question.classes) == set(question.answers) == {"a", "b", "c"}
    assert not {*question.seen.ravel()} & {*question.asked.ravel()}


def test_a_corpus_without_countries_is_asked_for_speakers_alone():
    assert list(asked(1.0, countries=1)) == ["speaker"]


def test_a_probe_of_one_class_is_one_line():
    one = Question(np.zeros((4, 2)), np.full(4, "a"), np.zeros((2, 2)), np.full(2, "a"))
    with pytest.raises(RunError, match="two classes") as caught:
        accuracy(one, "linear", 0)
    assert "\n" not in str(caught.value)


def test_a_difference_is_paired_by_seed():
    found = pd.DataFrame(
        [
            {"row": row, "seed": seed, "probe": "linear", "question": "speaker", "shuffled": 0.1,
             "chance": 0.1, "accuracy": 0.5 + 0.1 * seed - less}
            for seed in range(3)
            for row, less in (("vanilla", 0), ("gram", 0.2 + 0.01 * seed))
        ]
    )  # fmt: skip
    table = summary(found, {"vanilla": [], "gram": ["vanilla"]}, 0.95).set_index("row")
    gram = table.loc["gram"]
    assert gram["difference"] == pytest.approx(-0.21)
    assert gram["difference_low"] == pytest.approx(-0.21 - 4.3027 * 0.01 / 3**0.5, abs=1e-4)
    assert gram["p"] < 0.01
    assert table.loc["vanilla", "against"] == ""
    page = markdown(table.reset_index(), "mine", 0.95)
    assert "| gram | 0.390 | [0.166, 0.614] | 0.100 | 0.100 | vanilla | -0.210 |" in page


ROWS = {
    "table2": {},
    "rows": {
        f"mine/{name}": {
            "encoder": "cnn10",
            "views": ["clean"],
            "terms": ["ccc"],
            "weighting": "fixed",
            "against": against,
            "keep": ["embeddings"],
        }
        for name, against in (("vanilla", {}), ("other", {"vanilla": "vanilla"}))
    },
}


@pytest.fixture
def tree(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    params = {
        "profile": "small",
        "seeds": [1],
        "families": {"mine": {"seeds": [1, 2]}},
        "statistics": {"resamples": 100, "level": 0.95, "seed": 0},
    }
    write(tmp_path, params, ROWS)
    rng, features = np.random.default_rng(0), tmp_path / "features/small"
    features.mkdir(parents=True)
    for name, strength in (("vanilla", 3.0), ("other", 0.0)):
        for seed in (1, 2):
            arrays = {}
            for split in ("train", "dev"):
                found = clips(rng, strength, split[0])
                names = [f"{split}{number}" for number in range(len(found.speakers))]
                index = {"clip": names, "speaker": found.speakers, "country": found.countries}
                pd.DataFrame(index).to_csv(features / f"{split}.csv", index=False)
                arrays |= {split: found.embeddings, f"{split}_clips": np.array(names)}
            folder = tmp_path / f"runs/small/mine/{name}/{seed}"
            folder.mkdir(parents=True)
            np.savez(folder / "embeddings.npz", **arrays)
    return tmp_path


def test_the_stage_writes_every_probe_of_every_cell_and_a_page(tree):
    stage.main(["mine"])
    table = pd.read_csv(tree / "results/small/mine/probes.csv")
    assert len(table) == 2 * 2 * 3 * len(PROBES)
    means = table.groupby(["question", "row"])["accuracy"].mean()
    assert means["speaker", "vanilla"] > means["speaker", "other"] + 0.4
    page = (tree / "results/small/mine/probes.md").read_text()
    assert "## speaker, linear" in page
    assert "| other |" in page


def test_the_stage_refuses_other_clips_a_cell_without_embeddings_and_a_family_without(tree):
    kept = tree / "runs/small/mine/other/2/embeddings.npz"
    with np.load(kept) as found:
        arrays = dict(found)
    np.savez(kept, **(arrays | {"dev_clips": arrays["dev_clips"][::-1]}))
    with pytest.raises(RunError, match="other clips"):
        stage.main(["mine"])
    kept.unlink()
    with pytest.raises(RunError, match=r"is missing; .*keep: \[embeddings\]"):
        stage.main(["mine"])
    params = YAML(typ="safe").load(tree / "params.yaml")
    rows = {**ROWS, "rows": {"mine/none": {**ROWS["rows"]["mine/vanilla"], "keep": []}}}
    write(tree, params, rows)
    with pytest.raises(ParamsError, match="no row of mine"):
        stage.main(["mine"])


def test_every_family_that_keeps_embeddings_is_probed_and_one_that_compares_has_a_table():
    listed = YAML(typ="safe").load(Path("families/dvc.yaml"))["stages"]["probe"]["foreach"]
    for name in families()[1:]:
        stages = read_family(name).stages
        assert (f"families/dvc.yaml:probe@{name}" in stages) == (name in listed)
    assert read_family("pretext").stages == ["families/dvc.yaml:probe@pretext"]
    assert read_family("transfer").stages == [
        f"families/dvc.yaml:{stage}@transfer" for stage in ("table", "draw", "probe")
    ]
    assert read_family("readings").stages[0] == "families/dvc.yaml:table@readings"


def test_probed_tells_what_always_the_same_answer_would_get():
    rng = np.random.default_rng(0)
    found = probed(clips(rng, 1.0, "t"), clips(rng, 1.0, "d"), "vanilla", 1)
    chances = {row["question"]: row["chance"] for row in found}
    assert chances["speaker"] == pytest.approx(1 / SPEAKERS)
    assert chances["country"] == pytest.approx(1 / 3)


def test_embeddings_are_joined_by_clip(tree):
    read = read_clips(tree / "runs/small/mine/vanilla/1", tree / "features/small", "dev")
    assert read.embeddings.shape == (SPEAKERS * EACH, SIZE)
    assert read.speakers[0] == "d00"
