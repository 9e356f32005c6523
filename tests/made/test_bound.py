"""harness.made.bound: what trees make of the traits that the sound is made of."""

import json

import numpy as np
import pandas as pd
import pytest

from harness.config.strict import parse
from harness.corpora import synthetic
from harness.errors import ParamsError, RunError
from harness.evaluation.ccc import ccc
from harness.made import Given, check, make
from harness.made.bound import traits
from harness.packed import read_split

CORPUS = {
    "name": "synthetic",
    "seed": 7,
    "clips": {"train": 600, "dev": 60, "test": 0},
    "speakers": {"train": 60, "dev": 12, "test": 0},
    "raters": 5,
    "emotion": 1.0,
}
PLACES = {"train": (60, 0), "dev": (12, 600)}  # speakers, number of the first clip


def made_from(features, corpus=CORPUS, seed=1):
    return Given("roofs/bound-1", seed, features, corpus, {})


@pytest.fixture(scope="module")
def features(tmp_path_factory):
    """The index of the corpus without its sound, clips in an order of their own."""
    folder = tmp_path_factory.mktemp("features")
    params = parse(synthetic.Params, CORPUS, "corpus")
    for split, (speakers, first) in PLACES.items():
        rows = []
        for number in range(CORPUS["clips"][split]):
            meant = synthetic._meant(params, split, number % speakers, number // speakers)
            perceived = np.minimum(meant.meaning @ meant.confusion, 1.0)
            label = synthetic.ratings.label(perceived, params.raters, meant.raters)
            rows.append([f"{first + number:05d}", f"s{meant.number}", "", 0, 1, *label])
        names = ["clip", "speaker", "country", "start", "frames", *synthetic.EMOTIONS]
        table = pd.DataFrame(rows, columns=names).sample(frac=1, random_state=1)
        table.to_csv(folder / f"{split}.csv", index=False)
    return folder


def test_true_traits_are_those_of_the_clips_that_sound(features):
    params = parse(synthetic.Params, CORPUS, "corpus")
    found = synthetic.true_traits(params, "dev")
    assert list(found) == [f"{number:05d}" for number in range(600, 660)]
    for number in (600, 613):
        place = (number - 600) % 12, (number - 600) // 12
        heard = synthetic.clip(params, "dev", *place)
        np.testing.assert_array_equal(found[f"{number:05d}"], heard.traits)
        index = pd.read_csv(features / "dev.csv", dtype={"clip": str}).set_index("clip")
        labels = index.loc[f"{number:05d}", list(synthetic.EMOTIONS)].to_numpy(float)
        np.testing.assert_allclose(labels, heard.label)


def test_traits_are_joined_by_clip(features):
    dev = read_split(features, "dev")
    found = traits(made_from(features), "dev", dev)
    true = synthetic.true_traits(parse(synthetic.Params, CORPUS, "corpus"), "dev")
    for clip, row in zip(dev.clips, found, strict=True):
        np.testing.assert_array_equal(row, true[clip])


def test_trees_on_the_traits_pass_a_line_through_them_and_stay_below_the_raters_ceiling(features):
    train, dev = (read_split(features, split) for split in ("train", "dev"))
    made = make("bound", {"trees": 100}, made_from(features))
    assert made.clips == dev.clips
    x, new = (traits(made_from(features), name, s) for name, s in (("train", train), ("dev", dev)))
    line = synthetic.landmarks.ridge(x, train.labels, new)
    linear, found = (ccc(dev.labels, each).mean() for each in (line, made.predictions))
    assert linear + 0.05 < found < 0.82


def test_a_seed_is_that_of_the_trees(features):
    one, same, other = (
        make("bound", {"trees": 5}, made_from(features, seed=seed)).predictions.tobytes()
        for seed in (1, 1, 2)
    )
    assert one == same != other


def test_a_corpus_without_true_traits_is_one_line():
    elsewhere = made_from("features/emogator", {"name": "emogator"})
    with pytest.raises(ParamsError, match="the corpus emogator has no true traits, only synthetic"):
        check("bound", {}, elsewhere)


def test_features_of_another_corpus_are_one_line(features):
    other = json.loads(json.dumps(CORPUS))
    other["clips"]["train"] = 660
    with pytest.raises(RunError, match=r"train.csv is not of this corpus \(600 clips instead of"):
        make("bound", {"trees": 2}, made_from(features, other))


def test_a_misspelt_parameter_is_told_with_the_nearest():
    with pytest.raises(ParamsError, match="did you mean 'trees'"):
        check("bound", {"tree": 5}, made_from("features/synthetic"))
