"""What a trained cell keeps of its distributions, and the shifts that it is asked about."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from harness.config.features import Features
from harness.config.readings import SILENCE
from harness.config.rows import Row
from harness.errors import ParamsError, RunError
from harness.evaluation import distributions
from harness.features import LogMel
from harness.learning.data import Packed, held_out_clips
from harness.learning.outputs import finish
from harness.learning.saying import Dropping
from harness.learning.shifts import SHIFTS, shifted
from harness.learning.validation import check
from tests.learning.cells import cell, objective
from tests.learning.packed import write_features
from tests.readings import readings

FEATURES = {"sample_rate": 16000, "window": 512, "hop": 320, "bands": 64, "low": 50, "high": 8000}
GAUSS = Row(
    encoder="cnn10",
    head="gauss",
    views=["clean"],
    terms=["ccc", {"likelihood": {"beta": 0.5}}],
    weighting={"fixed": {"weights": [1, 0.1]}},
    keep=["distribution", "passes"],
)


@pytest.fixture(scope="module")
def features(tmp_path_factory):
    folder = tmp_path_factory.mktemp("features")
    write_features(folder, train=24)
    return folder


def gauss(features, scratch, row=GAUSS, **changes):
    own = cell(features, scratch, row, **changes)
    return replace(own, origin={"features": FEATURES})


@pytest.fixture(scope="module")
def finished(features, tmp_path_factory):
    own = gauss(features, tmp_path_factory.mktemp("s"), head_dropout=0.3, selection="held_out")
    finish(own)
    return own


@pytest.fixture
def dev(features):
    return Packed(features, "dev", torch.device("cpu"))


def test_a_cell_keeps_every_split_and_the_held_out_speakers_apart(finished, features):
    content = distributions.read(finished.staged)
    train = Packed(features, "train", torch.device("cpu"))
    out = held_out_clips(train, True)
    assert content["held_out_clips"].tolist() == np.array(train.clips)[out].tolist()
    assert content["train_clips"].tolist() == np.array(train.clips)[~out].tolist()
    assert content["train_labels"].tolist() == train.labels.numpy()[~out].tolist()
    names = {name.removesuffix("_mean") for name in content if name.endswith("_mean")}
    assert names == {"train", "held_out", "dev", *(f"dev_{shift}" for shift in SHIFTS)}
    with np.load(finished.staged / "predictions.npz") as file:
        assert content["dev_mean"] == pytest.approx(file["last"], abs=1e-6)
    assert (content["dev_variance"] > 0).all()


def test_passes_with_dropout_differ_and_a_row_without_is_refused(finished):
    with np.load(finished.staged / "passes.npz") as content:
        assert (content["dev_epistemic"] > 0).all()
        assert (content["dev_variance"] > content["dev_epistemic"]).all()
    none = readings(block_dropout=0.0, head_dropout=0.0)
    with pytest.raises(ParamsError, match=r"own: `keep: .*needs dropout; give the row readings"):
        check(GAUSS, finished.train, none, "own")


def test_dropping_leaves_batch_norms_as_they_are(finished, features):
    network = objective(GAUSS, head_dropout=0.3).network
    before = {name: each.clone() for name, each in network.named_buffers()}
    x = torch.randn(4, 1, 32, 64)
    dropping = Dropping(network).eval()
    one, other = (dropping.encoder(x) for _ in range(2))
    assert not torch.equal(one, other)
    assert all(torch.equal(before[name], each) for name, each in network.named_buffers())


def clip(data, number):
    start = int(data.start[number])
    return data.levels[start : start + int(data.frames[number])].float().numpy()


def test_shifts_keep_frames_and_are_what_they_are_called(dev):
    params = Features(**FEATURES)
    for name in SHIFTS:
        found = shifted(dev, name, params)
        assert found.levels.shape == dev.levels.shape
        assert torch.isfinite(found.levels.float()).all()
        assert torch.equal(found.levels, shifted(dev, name, params).levels)
        assert not torch.equal(found.levels, dev.levels)
    own = clip(dev, 3)
    assert clip(shifted(dev, "time_reversal", params), 3).tolist() == own[::-1].tolist()
    mixed = clip(shifted(dev, "shuffled_frames", params), 3)
    assert sorted(mixed.tolist()) == sorted(own.tolist())
    assert (clip(shifted(dev, "silence", params), 3) == SILENCE).all()
    for name in ("white_noise", "pink_noise"):
        assert clip(shifted(dev, name, params), 3).mean() == pytest.approx(own.mean(), abs=0.1)


def test_a_doubled_pitch_is_that_of_a_tone_an_octave_above(dev):
    params, time = Features(**FEATURES), np.arange(16000) / 16000
    tones = {
        hertz: LogMel(params, np.float64)(np.sin(2 * np.pi * hertz * time)) for hertz in (500, 1000)
    }
    moved = SHIFTS["pitch_doubled"](tones[500], params, None)
    inside = slice(5, 40)
    peaks = [each[inside].mean(0).argmax() for each in (moved, tones[1000])]
    assert abs(peaks[0] - peaks[1]) <= 1


def test_white_noise_is_that_of_a_waveform_and_pink_falls_by_3_db_an_octave():
    params = Features(**FEATURES)
    rng = np.random.default_rng(0)
    quiet = np.full((400, 64), -30.0)
    white = SHIFTS["white_noise"](quiet, params, rng).mean(0)
    heard = LogMel(params, np.float64)(rng.standard_normal(400 * 320)).mean(0)
    assert white - white.mean() == pytest.approx(heard - heard.mean(), abs=1.0)
    pink = SHIFTS["pink_noise"](quiet, params, rng).mean(0)
    tilt = (pink - white)[[20, 40]]  # about 850 and 2350 Hz
    octaves = np.log2(2350 / 850)
    assert tilt[0] - tilt[1] == pytest.approx(3 * octaves, abs=1.5)


def test_a_band_pass_that_leaves_nothing_is_one_line(dev):
    high = Features(**{**FEATURES, "low": 4000})
    with pytest.raises(RunError, match="band_pass leaves nothing of a clip: features has no band"):
        shifted(dev, "band_pass", high)
    empty = shifted(dev, "silence", Features(**FEATURES))
    empty.frames = torch.zeros_like(empty.frames)
    with pytest.raises(RunError, match="is empty and cannot be shifted"):
        shifted(empty, "silence", Features(**FEATURES))
