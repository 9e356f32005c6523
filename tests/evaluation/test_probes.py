"""Probes read what is in embeddings, and nothing that is not."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from ruamel.yaml import YAML
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from harness.arrays import write_arrays
from harness.config.rows import STAGES, Family, family_of, read_family, read_rows
from harness.errors import ParamsError, RunError
from harness.evaluation.headline import headline
from harness.evaluation.measures.sums import mean
from harness.evaluation.probes import (
    PROBES,
    SPLITS,
    Embedded,
    Exam,
    Read,
    questions,
    read,
    read_clips,
    right,
    summary,
    within_speakers,
)
from harness.evaluation.probes_table import markdown
from stages import probe as stage
from tests.clone import write

SPEAKERS, EACH, SIZE = 12, 10, 6


def clips(rng, strength, split, countries=3):
    """Embeddings in which a speaker is `strength` times as large as the noise."""
    speakers = np.repeat([f"{split}{number:02d}" for number in range(SPEAKERS)], EACH)
    places = rng.normal(0, strength, (SPEAKERS, SIZE)).repeat(EACH, 0)
    country = np.char.add("C", (np.arange(SPEAKERS) % countries).astype(str)).repeat(EACH)
    return Embedded(places + rng.normal(0, 1, (len(places), SIZE)), speakers, country)


def accuracy(question, probe, seed, shuffled=False):
    return right(question, probe, seed, shuffled).mean()


def asked(strength, seed=0, countries=3):
    rng = np.random.default_rng(seed)
    found = questions(*(clips(rng, strength, split, countries) for split in "td"), seed)
    return {name: each[0] for name, each in found.items()}


@pytest.mark.parametrize("probe", PROBES)
def test_a_probe_reads_a_speaker_that_is_there_and_none_that_is_not(probe):
    """Of twelve; and after a shuffle of what it learns from it reads nothing."""
    there, absent = asked(3.0)["speaker"], asked(0.0)["speaker"]
    assert accuracy(there, probe, 0) > 0.8
    assert accuracy(there, probe, 0, shuffled=True) < 0.3
    assert accuracy(absent, probe, 0) < 0.3


@pytest.mark.parametrize("probe", PROBES)
def test_a_country_is_read_where_its_speakers_have_something_in_common_and_else_is_not(probe):
    """Knowing every speaker tells nothing of the country of a new one."""
    rng = np.random.default_rng(0)
    found = np.mean([accuracy(asked(3.0, seed)["country"], probe, 0) for seed in range(6)])
    assert found < 0.5
    accents = dict(zip(("C0", "C1", "C2"), rng.normal(0, 3, (3, SIZE)), strict=True))

    def spoken(split):
        heard = clips(rng, 0.5, split)
        accent = np.stack([accents[country] for country in heard.countries])
        return heard._replace(embeddings=heard.embeddings + accent)

    (question,) = questions(spoken("t"), spoken("d"), 0)["country"]
    assert accuracy(question, probe, 0) > 0.9
    assert accuracy(question, probe, 0, shuffled=True) < 0.6


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
    lonely = Embedded(np.arange(17.0)[:, None], speakers, np.full(17, ""))
    question, *others = questions(lonely, lonely, 0)["speaker"]
    assert len(others) == SPLITS - 1
    assert {*question.asked.ravel()} != {*others[0].asked.ravel()}
    assert set(question.classes) == set(question.answers) == {"a", "b", "c"}
    assert (question.speakers == question.answers).all()
    assert not {*question.seen.ravel()} & {*question.asked.ravel()}


def test_a_corpus_without_countries_is_asked_for_speakers_alone():
    assert list(asked(1.0, countries=1)) == ["speaker"]


def test_a_probe_of_one_class_is_one_line():
    same = np.full(4, "a")
    one = Exam(np.zeros((4, 2)), same, np.zeros((4, 2)), same, same)
    with pytest.raises(RunError, match="two classes") as caught:
        accuracy(one, "linear", 0)
    assert "\n" not in str(caught.value)


def fabricated(rates, seeds=5, speakers=8, clips=4):
    """Row → what a probe read: hits drawn at each row's rate, of the same number of clips."""
    rng = np.random.default_rng(0)

    def sums(rate):
        hits = rng.binomial(clips, rate, speakers).astype(float)
        return np.stack([np.full(speakers, float(clips)), hits], axis=-1)[:, np.newaxis]

    return {
        row: [{("speaker", "linear"): Read(sums(rate), sums(0.1), 0.125)} for _ in range(seeds)]
        for row, rate in rates.items()
    }


def test_a_difference_passes_the_headline_test_over_seeds_and_speakers():
    reads = fabricated({"vanilla": 0.9, "gram": 0.3})
    vanilla, gram = summary(reads, {"vanilla": {}, "gram": {"without": "vanilla"}}, 0.95)
    each = {
        row: np.stack([cell["speaker", "linear"].right for cell in found])
        for row, found in reads.items()
    }
    expected = headline(each["gram"], each["vanilla"], 0.95, finish=mean)
    found = gram["comparisons"]["without"]
    assert found["baseline"] == "vanilla"
    assert {key: found[key] for key in ("difference", "low", "high", "p")} == {
        key: getattr(expected, key) for key in ("difference", "low", "high", "p")
    }
    by_seed = [sums[..., 1].sum() / sums[..., 0].sum() for sums in each["gram"]]
    assert gram["accuracy"] == pytest.approx(np.mean(by_seed))
    assert gram["sd"] == pytest.approx(np.std(by_seed, ddof=1))
    assert found["difference"] == pytest.approx(gram["accuracy"] - vanilla["accuracy"])
    assert vanilla["above"]["p"] < 0.05
    assert vanilla["comparisons"] == {}


def test_a_page_has_every_row_beside_its_control_and_the_rows_it_is_compared_with():
    reads = fabricated({"vanilla": 0.9, "gram": 0.3, "random": 0.9})
    against = {"vanilla": {}, "random": {}, "gram": {"vanilla": "vanilla", "random": "random"}}
    page = markdown(summary(reads, against, 0.95), "mine", 5, 0.95)
    lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in page.splitlines()]
    rows = [line for line in lines if len(line) == 8][2:]
    assert [line[0] for line in rows] == ["vanilla", "gram", "", "random"]
    assert [line[5] for line in rows] == ["", "vanilla", "random", ""]
    assert rows[1][6].startswith("-0.")
    assert "## speaker, linear" in page


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
            write_arrays(folder / "embeddings.npz", arrays)
    return tmp_path


def test_the_stage_writes_every_probe_of_every_cell_and_a_page(tree):
    stage.main(["mine"])
    lines = pd.read_csv(tree / "results/small/mine/probes.csv")
    assert len(lines) == 2 * 2 * 2 * len(PROBES)
    means = lines.groupby(["question", "row"])["accuracy"].mean()
    assert means["speaker", "vanilla"] > means["speaker", "other"] + 0.4
    page = (tree / "results/small/mine/probes.md").read_text()
    assert "## speaker, linear" in page
    found = json.loads((tree / "results/small/mine/probes.json").read_text())["probes"]
    assert [one["row"] for one in found[:2]] == ["vanilla", "other"]
    assert found[0]["accuracy"] == pytest.approx(means["speaker", "vanilla"], abs=1e-5)


def test_the_stage_refuses_other_clips_a_cell_without_embeddings_and_a_family_without(tree):
    kept = tree / "runs/small/mine/other/2/embeddings.npz"
    with np.load(kept) as found:
        arrays = dict(found)
    write_arrays(kept, arrays | {"dev_clips": arrays["dev_clips"][::-1]})
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


def test_every_family_goes_through_the_stages_that_its_rows_have_something_for():
    """Also families that params.yaml does not name: rows.yaml has them for other profiles."""
    listed = YAML(typ="safe").load(Path("families/dvc.yaml"))["stages"]
    for name in dict.fromkeys(map(family_of, read_rows())):
        family = Family(name, {f: r for f, r in read_rows().items() if family_of(f) == name}, [1])
        stages = {each.partition(":")[2].partition("@")[0] for each in family.stages}
        for each in ("choose", "probe", "cost", "claims"):
            assert (each in stages) == (name in listed[each]["foreach"]), (each, name)
        if name in STAGES:
            assert ("probe" in stages) == bool(family.probed), name
            assert ("table" in stages) == bool(family.kinds), name
        assert stages <= {*listed, ""}
    place = "families/dvc.yaml:"
    assert read_family("search").stages == [f"{place}choose@search"]
    assert read_family("readings").stages == [f"{place}{s}@readings" for s in ("table", "draw")]


def test_chance_is_what_always_the_same_answer_would_get():
    rng = np.random.default_rng(0)
    found = read(clips(rng, 1.0, "t"), clips(rng, 1.0, "d"), 1)
    assert found["speaker", "linear"].chance == pytest.approx(1 / SPEAKERS)
    assert found["country", "mlp"].chance == pytest.approx(1 / 3)
    assert found["speaker", "linear"].right[:, 0, 0].tolist() == [3 * SPLITS] * SPEAKERS


def test_embeddings_are_joined_by_clip(tree):
    read = read_clips(tree / "runs/small/mine/vanilla/1", tree / "features/small", "dev")
    assert read.embeddings.shape == (SPEAKERS * EACH, SIZE)
    assert read.speakers[0] == "d00"
