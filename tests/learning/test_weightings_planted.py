"""A small training on sound in which one emotion is easy and one is noise."""

import pytest

from harness.config.rows import Row
from harness.corpora import synthetic
from harness.corpora.clips import read
from harness.corpora.synthesis.ratings import EMOTIONS
from harness.features import extract
from tests.golden.child import FEATURES
from tests.learning.cells import ONE_VIEW, cell, train_cell

EASY, NOISE = "Amusement", "Fear"
CORPUS = {
    "name": "synthetic",
    "seed": 3,
    "clips": {"train": 480, "dev": 8, "test": 0},
    "speakers": {"train": 60, "dev": 4, "test": 0},
    "raters": 20,
    "emotion": 1.0,
    "strength": {EASY: 10.0},
    "noise": [NOISE],
}


@pytest.fixture(scope="module")
def features(tmp_path_factory):
    folder = tmp_path_factory.mktemp("planted")
    params = synthetic.Params.model_validate(CORPUS)
    synthetic.acquire(params, folder / "data").write(folder / "data")
    clips, about = read(folder / "data")
    extract(clips, folder / "data", about["targets"], FEATURES, folder / "features", workers=2)
    return folder / "features"


def learned(features, folder, rule):
    """The weight of each emotion after a training."""
    row = Row(encoder="cnn10", **ONE_VIEW, emotions=rule)
    small = {"batch": 12, "width": 1 / 16, "frames": 64, "learning_rate": 0.004}
    trained = train_cell(cell(features, folder, row, epochs=12, head_dropout=0, **small))
    return {name: trained.history[-1][f"weight_{name}"] for name in EMOTIONS}


def test_chae_without_entropy_collapses_on_the_easy_emotion(features, tmp_path):
    weights = learned(features, tmp_path, "chae")
    easy = weights.pop(EASY)
    assert easy > 0.5
    assert easy > 5 * max(weights.values())


def test_kendall_gives_the_noisy_emotion_less_weight_than_any_other(features, tmp_path):
    weights = learned(features, tmp_path, "kendall")
    noisy = weights.pop(NOISE)
    assert noisy < 0.9 * min(weights.values())
