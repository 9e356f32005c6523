"""harness.learning.data: what a batch holds, against a loop over clips and frames."""

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.stats import chisquare

from harness.errors import FeaturesError
from harness.learning.data import Packed, batches
from tests.learning.packed import TARGETS, write_split

LENGTHS = [5, 12, 8, 1, 30, 7]
CPU = torch.device("cpu")


@pytest.fixture
def folder(tmp_path):
    """Each frame is its own number in all bands, so that any mistake of place shows."""
    rng = np.random.default_rng(0)
    numbers = np.repeat(np.arange(sum(LENGTHS)), 3).reshape(-1, 3) + 1
    write_split(tmp_path, "train", LENGTHS, rng, levels=numbers)
    return tmp_path


@pytest.fixture
def packed(folder):
    return Packed(folder, "train", CPU)


def looped(folder, clips, frames, padding, offsets):
    levels = np.load(folder / "train.npy")
    index = pd.read_csv(folder / "train.csv")
    batch = []
    for place, clip in enumerate(clips):
        first, length = index["start"][clip], index["frames"][clip]
        own = levels[first : first + length].astype(np.float32)
        rest = max(length - frames, 0)
        skip = 0 if offsets is None else int(offsets[place] * (rest + 1))
        own = own[skip : skip + frames]
        padded = np.full((frames, levels.shape[1]), padding, np.float32)
        padded[: len(own)] = own
        batch.append(padded[None])
    return np.stack(batch)


@pytest.mark.parametrize("frames", [1, 7, 8, 40])
@pytest.mark.parametrize("padding", [-100.0, 0.0])
def test_crops_are_padded_where_a_clip_is_short(folder, packed, frames, padding):
    clips = [3, 0, 4, 4, 5, 1, 2]
    offsets = [0.0, 0.3, 0.999, 0.5, 0.99999994, 0.2, 0.7]
    chosen = torch.tensor(clips)
    found = packed.crops(chosen, frames, padding, torch.tensor(offsets))
    assert found.shape == (7, 1, frames, 3)
    assert found.dtype == torch.float32
    np.testing.assert_array_equal(found, looped(folder, clips, frames, padding, offsets))
    first = packed.crops(chosen, frames, padding)
    np.testing.assert_array_equal(first, looped(folder, clips, frames, padding, None))


def test_crops_reach_every_place_equally_often(packed):
    long = torch.full((4000,), 4)
    offsets = torch.rand(4000, generator=torch.Generator().manual_seed(0))
    found = packed.crops(long, 20, 0.0, offsets)
    start = found[:, 0, 0, 0].long() - packed.start[4] - 1
    counts = np.bincount(start, minlength=11)
    assert len(counts) == 30 - 20 + 1
    assert chisquare(counts).pvalue > 0.001


def test_the_largest_offset_stays_inside_a_clip_of_any_length():
    largest = np.nextafter(np.float32(1), np.float32(0))
    places = torch.arange(1, 200_000)
    assert ((torch.tensor(largest) * places).long() == places - 1).all()


def test_clips_ids_and_labels_are_those_of_the_index(folder, packed):
    index = pd.read_csv(folder / "train.csv")
    assert len(packed) == len(LENGTHS)
    assert packed.clips == index["clip"].tolist()
    assert packed.targets == TARGETS
    assert packed.labels.dtype == torch.float32
    np.testing.assert_array_equal(packed.labels, index[TARGETS].to_numpy(np.float32))


def test_speakers_and_countries_are_numbers_in_the_order_of_their_names(folder):
    index = pd.read_csv(folder / "train.csv", keep_default_na=False)
    index["speaker"] = ["s10", "s2", "s1", "s10", "s1", "s3"]
    index["country"] = ["VE", "CN", "CN", "US", "VE", "VE"]
    index.to_csv(folder / "train.csv", index=False)
    packed = Packed(folder, "train", CPU)
    assert packed.speaker.tolist() == [1, 2, 0, 1, 0, 3]
    assert packed.country.tolist() == [2, 0, 0, 1, 2, 2]
    assert packed.speakers.tolist() == index["speaker"].tolist()


def test_an_array_that_does_not_fit_its_index_is_an_error(folder):
    levels = np.load(folder / "train.npy")
    np.save(folder / "train.npy", levels[:-1])
    with pytest.raises(FeaturesError, match=r"train: the index counts 63 frames.*holds 62"):
        Packed(folder, "train", CPU)


@pytest.mark.parametrize("kind", ["npy", "csv"])
def test_a_missing_file_is_an_error_that_names_it(folder, kind):
    (folder / f"train.{kind}").unlink()
    with pytest.raises(FeaturesError, match=rf"train\.{kind} is missing; run"):
        Packed(folder, "train", CPU)


@pytest.mark.parametrize(("clips", "batch"), [(24, 8), (25, 8), (31, 8), (8, 8), (7, 8)])
def test_a_clip_comes_at_most_once_an_epoch_and_the_rest_is_dropped(clips, batch):
    order, offsets = batches(clips, batch, seed=1, epoch=0)
    assert order.shape == offsets.shape == (clips // batch, batch)
    assert len(set(order.ravel().tolist())) == order.size
    assert set(order.ravel().tolist()) <= set(range(clips))


def test_over_epochs_no_clip_is_left_out():
    seen = {clip for epoch in range(20) for clip in batches(15, 8, 1, epoch)[0].ravel().tolist()}
    assert seen == set(range(15))


def test_offsets_are_uniform_and_below_1():
    offsets = np.concatenate([batches(512, 8, 1, epoch)[1].ravel() for epoch in range(10)])
    assert offsets.dtype == np.float32
    assert offsets.min() >= 0
    assert offsets.max() < 1
    assert chisquare(np.histogram(offsets, 20, (0, 1))[0]).pvalue > 0.001


def test_seed_and_epoch_alone_determine_the_batches():
    np.random.seed(7)  # neither global generator has a say
    torch.manual_seed(7)
    first = batches(64, 8, seed=1, epoch=3)
    np.random.seed(8)
    torch.manual_seed(8)
    for one, other in zip(first, batches(64, 8, seed=1, epoch=3), strict=True):
        np.testing.assert_array_equal(one, other)
    others = [batches(64, 8, seed, epoch) for seed, epoch in [(1, 4), (2, 3), (3, 1)]]
    for order, offsets in others:
        assert (order != first[0]).any()
        assert (offsets != first[1]).any()
