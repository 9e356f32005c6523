"""harness.made.raters: what is known of the labels' noise on the corpus synthetic."""

import numpy as np
import pandas as pd
import pytest

from harness.config.strict import parse
from harness.corpora import synthetic
from harness.errors import ParamsError, RunError
from harness.made import Given, check, make

CORPUS = {
    "name": "synthetic",
    "seed": 7,
    "clips": {"train": 8, "dev": 48, "test": 0},
    "speakers": {"train": 4, "dev": 12, "test": 0},
    "raters": 5,
    "emotion": 1.0,
}
PARAMS = parse(synthetic.Params, CORPUS, "corpus")


def meant(number):
    return synthetic._meant(PARAMS, "dev", number % 12, number // 12)


def published(number):
    return synthetic._label(PARAMS, meant(number), None)  # no emotion is another clip's


@pytest.fixture(scope="module")
def features(tmp_path_factory):
    """The index of the dev split without its sound."""
    folder = tmp_path_factory.mktemp("features")
    labels = [published(number) for number in range(48)]
    table = pd.DataFrame(labels, columns=synthetic.EMOTIONS)
    table.insert(0, "clip", [f"{8 + number:05d}" for number in range(48)])
    table["speaker"], table["country"], table["start"], table["frames"] = "s", "", 0, 1
    table.sample(frac=1, random_state=1).to_csv(folder / "dev.csv", index=False)
    return folder


@pytest.fixture(scope="module")
def oracle(features):
    made = make("raters", {"draws": 300}, Given("u/oracle-1", 1, features, CORPUS, {}))
    return made.files["distribution"]


def test_mean_and_variance_are_those_of_labels_by_other_raters(oracle):
    for number in (0, 31):
        rng = np.random.default_rng(number)
        perceived = synthetic._perceived(meant(number))
        draws = []
        for _ in range(2000):
            answers = np.zeros(10)
            for _ in range(5):
                answer = perceived + 0.25 * rng.standard_normal(10) + 0.1 * rng.standard_normal()
                ticked = rng.random(10) >= 0.35 * (1 - perceived)
                answers += np.clip(answer, 0, 1) * ticked / 5
            draws.append(answers / answers.max())
        (place,) = np.flatnonzero(oracle["dev_clips"] == f"{8 + number:05d}")
        assert oracle["dev_mean"][place] == pytest.approx(np.mean(draws, axis=0), abs=0.06)
        sd = np.sqrt(oracle["dev_variance"][place])
        assert sd == pytest.approx(np.std(draws, axis=0), abs=0.04)


def test_published_labels_are_as_far_off_as_the_oracle_says(oracle, features):
    table = pd.read_csv(features / "dev.csv", dtype={"clip": str})
    assert table["clip"].tolist() == oracle["dev_clips"].tolist()
    labels = table[list(synthetic.EMOTIONS)].to_numpy()
    squares = (labels - oracle["dev_mean"]) ** 2 / oracle["dev_variance"]
    assert squares.mean() == pytest.approx(1, abs=0.25)


def test_the_published_label_is_not_among_the_draws():
    draws = synthetic.label_draws(PARAMS, "dev", 3)
    label = published(5)
    assert not (draws["00013"] == label).all(axis=1).any()
    assert draws["00013"].shape == (3, 10)


def test_another_corpus_and_other_clips_are_one_line(features):
    with pytest.raises(ParamsError, match="the corpus vivae has no known raters"):
        check("raters", {}, Given("a", 1, features, {"name": "vivae"}, {}))
    other = {**CORPUS, "clips": {"train": 8, "dev": 24, "test": 0}}
    with pytest.raises(RunError, match=r"dev\.csv is not of this corpus; run `dvc repro features`"):
        make("raters", {"draws": 2}, Given("a", 1, features, other, {}))
