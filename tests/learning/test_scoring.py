"""harness.learning.scoring: predictions, clip by clip in a naive loop and all at once."""

import numpy as np
import pytest
import torch

from harness.learning.data import Packed
from harness.learning.scoring import BATCH, predict
from tests.learning.cells import READINGS, ROWS, TRAIN, cell, masks, objective
from tests.learning.packed import TARGETS, write_features, write_split

CPU = torch.device("cpu")


def trained(row, data):
    """The objective of a row after one step, whose batch norms know the clips' levels."""
    whole = objective(row, targets=len(TARGETS))
    for module in whole.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = None  # the running statistics are those of the next batches
    x = data.crops(torch.arange(12), TRAIN.frames, READINGS.padding_level)
    whole(x, data.labels[:12], masks())
    return whole


def one_by_one(network, clips):
    """Predictions of log-mels [frames, bands] of any length, each alone."""
    network.eval()
    with torch.inference_mode():
        each = [network.predict(torch.tensor(clip)[None, None]) for clip in clips]
    return torch.cat(each).numpy()


def naive_clips(folder, split, frames, level):
    """All frames of each clip, or more where `frames` are more, of which the last have `level`."""
    data, levels = Packed(folder, split, CPU), np.load(folder / f"{split}.npy")
    clips = []
    for first, length in zip(data.start.tolist(), data.frames.tolist(), strict=True):
        clip = [levels[at].astype(np.float32) for at in range(first, first + length)]
        while len(clip) < frames:
            clip.append(np.full(levels.shape[1], level, np.float32))
        clips.append(np.stack(clip))
    return clips


@pytest.mark.parametrize("row", ROWS)
def test_a_prediction_does_not_depend_on_the_other_clips(tmp_path, row):
    write_features(tmp_path, dev=70)
    data = Packed(tmp_path, "dev", CPU)
    assert len(data) > BATCH
    network = trained(row, data).network
    together = predict(network, data, cell(tmp_path, "unset", row, dev_crop="first"), epoch=0)
    assert together.shape == (len(data), len(TARGETS))
    assert together.dtype == np.float32
    clips = naive_clips(tmp_path, "dev", TRAIN.frames, READINGS.padding_level)
    alone = one_by_one(network, [clip[: TRAIN.frames] for clip in clips])
    np.testing.assert_allclose(together, alone, rtol=0, atol=1e-5)
    assert together.std(axis=0).min() > 1e-3


@pytest.mark.parametrize("padding", ["silence", "zero_db"])
@pytest.mark.parametrize("row", ROWS)
def test_whole_clips_are_heard_to_their_end_and_padded_to_train_frames_alone(
    tmp_path, row, padding
):
    lengths = [5, 31, 32, 33, 64, 64, 150, 40, 12, 40, 300, 33, *[64] * (BATCH + 3)]
    write_split(tmp_path, "dev", lengths, np.random.default_rng(0))
    data = Packed(tmp_path, "dev", CPU)
    network = trained(row, data).network
    kinds = {"dev_crop": "whole", "padding": padding}
    one = cell(tmp_path, "unset", row, **kinds)
    clips = naive_clips(tmp_path, "dev", TRAIN.frames, one.readings.padding_level)
    assert [len(clip) for clip in clips] == [max(32, length) for length in lengths]
    expected = one_by_one(network, clips)
    found = predict(network, data, one, epoch=0)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)
    chosen = np.array([10, 0, 7, 3])  # in the order that is asked for
    some = predict(network, data, one, 0, chosen)
    np.testing.assert_allclose(some, expected[chosen], rtol=0, atol=1e-5)
    first = predict(network, data, cell(tmp_path, "unset", row, **kinds | {"dev_crop": "first"}), 0)
    longer = np.array(lengths) > TRAIN.frames
    assert (np.abs(first - found).max(axis=1) > 1e-4).tolist() == longer.tolist()
