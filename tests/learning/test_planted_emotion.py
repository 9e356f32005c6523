"""A vanilla row finds as much as was planted in the sound: more with more emotion, without it 0."""

import numpy as np
import pytest

from harness.config.rows import Row
from harness.corpora import synthetic
from harness.corpora.clips import read
from harness.features import extract
from harness.learning import loop
from tests.golden.child import FEATURES
from tests.learning.cells import ONE_VIEW, cell
from tests.references.bootstrap import resampled_mean_ccc

CORPUS = {
    "name": "synthetic",
    "seed": 5,
    "clips": {"train": 480, "dev": 240, "test": 0},
    "speakers": {"train": 60, "dev": 30, "test": 0},
    "raters": 20,
}
SMALL = {"batch": 12, "width": 1 / 16, "frames": 64, "learning_rate": 0.004}
RESAMPLES = 200


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    """Strength of the emotion → Ĉ of resamples of the dev speakers, [resamples]."""
    found = {}
    for strength in (0.0, 0.5, 1.5):
        folder = tmp_path_factory.mktemp(f"emotion-{strength:g}")
        corpus = synthetic.Params.model_validate({**CORPUS, "emotion": strength})
        synthetic.acquire(corpus, folder / "data").write(folder / "data")
        clips, about = read(folder / "data")
        extract(clips, folder / "data", about["targets"], FEATURES, folder / "features", workers=2)
        row = Row(encoder="resnet18", **ONE_VIEW)
        trained = loop.train(cell(folder / "features", folder, row, epochs=10, **SMALL))
        found[strength] = resampled(trained)
    return found


def resampled(trained):
    rng = np.random.default_rng(0)
    speakers = np.array(trained.dev.speakers)
    names = np.unique(speakers)
    labels, predictions = trained.dev.labels.numpy(), trained.state.chosen["last"].predictions
    scores = []
    for _ in range(RESAMPLES):
        drawn = rng.choice(names, len(names))
        counts = {name: int((drawn == name).sum()) for name in names}
        scores.append(resampled_mean_ccc(labels, predictions, speakers, counts))
    return np.array(scores)


def test_where_nothing_is_planted_nothing_is_found(planted):
    low, high = np.quantile(planted[0.0], [0.005, 0.995])
    assert low < 0 < high
    assert abs(planted[0.0].mean()) < 0.05


def test_what_is_planted_is_found_and_the_more_the_stronger_it_is(planted):
    assert np.quantile(planted[0.5], 0.005) > 0
    assert np.quantile(planted[1.5] - planted[0.5], 0.005) > 0
    assert planted[1.5].mean() > 1.3 * planted[0.5].mean()
