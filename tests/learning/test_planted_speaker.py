"""Speakers are planted in the synthetic sound: a vanilla network's embeddings tell them apart."""

import pytest

from harness.config.rows import Row
from harness.corpora import synthetic
from harness.corpora.clips import read as read_corpus
from harness.evaluation.measures.sums import mean, mean_score
from harness.evaluation.probes import COUNTRY, SPEAKER, read, read_clips
from harness.features import extract
from harness.learning.outputs import finish
from tests.golden.child import FEATURES
from tests.learning.cells import ONE_VIEW, cell

CORPUS = {
    "name": "synthetic",
    "seed": 7,
    "clips": {"train": 192, "dev": 128, "test": 0},
    "speakers": {"train": 24, "dev": 16, "test": 0},
    "raters": 5,
    "emotion": 1.0,
}
SMALL = {"batch": 16, "width": 1 / 16, "frames": 64, "learning_rate": 0.002}


@pytest.fixture(scope="module")
def features(tmp_path_factory):
    folder = tmp_path_factory.mktemp("speakers")
    synthetic.acquire(synthetic.Params(**CORPUS), folder / "data").write(folder / "data")
    clips, about = read_corpus(folder / "data")
    extract(clips, folder / "data", about["targets"], FEATURES, folder / "features", workers=2)
    return folder / "features"


@pytest.fixture(scope="module")
def vanilla(features, tmp_path_factory):
    """What probes read from a network that was trained for emotions alone."""
    row = Row(**ONE_VIEW, encoder="cnn10", keep=["embeddings"])
    made = cell(features, tmp_path_factory.mktemp("cell"), row, epochs=3, head_dropout=0, **SMALL)
    finish(made)
    return read(*(read_clips(made.staged, features, split) for split in ("train", "dev")), 0)


def accuracy(sums):
    return float(mean_score(sums, mean))


@pytest.mark.parametrize("probe", ["linear", "mlp"])
def test_probes_read_the_speaker_from_a_vanilla_network_but_no_accent(vanilla, probe):
    speaker, country = vanilla[SPEAKER, probe], vanilla[COUNTRY, probe]
    assert accuracy(speaker.right) > 3 * speaker.chance
    assert accuracy(speaker.shuffled) < 2 * speaker.chance
    assert accuracy(country.right) < country.chance + 0.2
