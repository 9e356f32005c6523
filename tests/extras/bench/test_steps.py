"""harness.extras.bench: what is compared for speed computes the same thing."""

import numpy as np
import pytest
import torch
from torch import nn

from harness.config.readings import read_readings
from harness.config.training import SpecAugment
from harness.errors import RunError
from harness.extras.bench import steps, textbook
from harness.extras.bench.clips import TARGETS, write_clips
from harness.extras.bench.steps import PAPER, Bare, Ours, Workload, cell_of, objective_of
from harness.learning.data import Packed
from harness.learning.losses import barlow_twins, ccc_loss
from harness.learning.specaugment import masked

CPU = torch.device("cpu")
BATCH, FRAMES, BANDS = 8, 32, 64
ENCODERS = ["resnet18", "cnn10", "cnn14"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    where = tmp_path_factory.mktemp("clips")
    write_clips(where, 3 * BATCH, FRAMES, BANDS)
    return where


def setting(folder, encoder="cnn10"):
    return Workload(encoder, 0.03125, BATCH, FRAMES, 1, str(folder))


def test_a_file_a_clip_holds_what_the_packed_array_holds(folder):
    packed = Packed(folder, "train", CPU)
    assert packed.targets == TARGETS
    for number, clip in enumerate(packed.clips):
        first, frames = int(packed.start[number]), int(packed.frames[number])
        own = np.load(folder / f"{clip}.npy")
        np.testing.assert_array_equal(own, packed.levels[first : first + frames].numpy())
    lengths = packed.frames.numpy()
    assert (lengths < FRAMES).any()
    assert (lengths > FRAMES).any()


def test_the_textbooks_clip_is_the_packed_clip_cropped_or_padded(folder):
    cell = cell_of(setting(folder))
    packed, dataset = Packed(folder, "train", CPU), textbook.Clips(folder, cell, 3 * BATCH)
    level = cell.readings.padding_level
    for number in range(len(dataset)):
        x, augmented, labels = dataset[number]
        assert torch.equal(labels, packed.labels[number])
        kept = augmented != 0
        assert torch.equal(augmented[kept], x[kept])
        spare = int(packed.frames[number]) - FRAMES
        candidates = [
            packed.crops(torch.tensor([number]), FRAMES, level, torch.tensor([offset]))[0]
            for offset in (np.arange(max(spare, 0) + 1) + 0.5) / (max(spare, 0) + 1)
        ]
        assert any(torch.equal(x, candidate) for candidate in candidates)


@pytest.mark.parametrize("encoder", ENCODERS)
def test_textbook_and_ours_give_the_same_losses_and_gradients_on_the_same_masks(folder, encoder):
    cell = cell_of(setting(folder, encoder))
    assert cell.readings.block_dropout == cell.readings.head_dropout == 0
    packed = Packed(folder, "train", CPU)
    x = packed.crops(torch.arange(BATCH), FRAMES, cell.readings.padding_level)
    labels = packed.labels[:BATCH]
    ours, same = objective_of(cell, packed), objective_of(cell, packed)
    theirs = textbook.TextbookNetwork(same, cell.train.redundancy, cell.train.embedding)
    total, losses = ours(x, labels, torch.Generator().manual_seed(3))
    spec = cell.train.spec_augment
    augmented = masked(x, spec, torch.Generator().manual_seed(3))
    assert not torch.equal(augmented, x)
    their_total, their_losses = theirs(x, augmented, labels)
    torch.testing.assert_close(their_losses, losses, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(their_total, total, rtol=1e-4, atol=1e-5)
    total.backward()
    their_total.backward()
    for (name, mine), other in zip(ours.named_parameters(), same.parameters(), strict=True):
        scale = float(mine.grad.abs().max()) + 1e-6
        torch.testing.assert_close(
            other.grad, mine.grad, rtol=1e-2, atol=1e-2 * scale, msg=lambda m, n=name: f"{n}: {m}"
        )


def test_the_textbooks_losses_are_the_harnesss():
    x, y = torch.randn(16, 10), torch.rand(16, 10)
    torch.testing.assert_close(textbook.ccc_loss(x, y), ccc_loss(x, y))
    a, b = torch.randn(16, 24), torch.randn(16, 24)
    whole = textbook.barlow_twins(a, b, 0.005, nn.BatchNorm1d(24, affine=False))
    torch.testing.assert_close(whole, barlow_twins(a, b, 0.005), rtol=1e-4, atol=1e-4)


def test_the_textbooks_stripes_are_within_their_bounds():
    params = SpecAugment(frames=6, frame_stripes=1, bands=4, band_stripes=0)
    x = torch.ones(1, 20, 8)
    widths = {int((textbook.spec_augment(x, params)[0, :, 0] == 0).sum()) for _ in range(200)}
    assert widths == set(range(6))
    assert (x == 1).all()


def test_ours_is_an_epoch_of_training_that_changes_every_parameter(folder):
    ours = Ours(cell_of(setting(folder)), steps=2)
    before = [p.detach().clone() for p in ours.model.parameters()]
    ours.epoch()
    assert ours.state.epoch == 1
    assert all(
        not torch.equal(old, new) for old, new in zip(before, ours.model.parameters(), strict=True)
    )


def test_the_rest_of_a_step_is_ours_with_an_encoder_that_ignores_the_sound(folder, monkeypatch):
    built = []
    monkeypatch.setattr(steps, "on_device", lambda work, _: built.append(work.__self__) or work)
    steps.rest(setting(folder), 2)()
    encoder = built[0].model.module.network.encoder
    x = torch.randn(BATCH, 1, FRAMES, BANDS)
    assert torch.equal(encoder(x), encoder(2 * x))
    assert encoder(x).shape == (BATCH, encoder.size)
    assert encoder.representation.grad.abs().sum() > 0  # the losses were computed, and backward
    assert built[0].state.epoch == 1


@pytest.mark.parametrize("layout", ["contiguous", "channels-last"])
def test_the_bare_limit_trains_every_parameter_of_the_same_network(folder, layout):
    cell = cell_of(setting(folder))
    bare = Bare(cell, Packed(folder, "train", CPU), 1, False, layout)
    ours = objective_of(cell, Packed(folder, "train", CPU))
    before = {name: p.detach().clone() for name, p in bare.network.named_parameters()}
    expected = [p for part in (ours.network, ours.terms) for p in part.parameters()]
    assert len(expected) == len(before)
    for mine, other in zip(expected, before.values(), strict=True):
        assert torch.equal(mine, other)
    bare.epoch()
    for name, new in bare.network.named_parameters():
        assert not torch.equal(before[name], new), name


def test_the_textbook_trains_on_every_batch(folder):
    cell = cell_of(setting(folder))
    packed = Packed(folder, "train", CPU)
    loop = textbook.Textbook(cell, objective_of(cell, packed), 3, 0, CPU)
    assert len(loop.loader) == 3
    before = [p.detach().clone() for p in loop.network.parameters()]
    loop.epoch()
    assert all(
        not torch.equal(old, new)
        for old, new in zip(before, loop.network.parameters(), strict=True)
    )


def test_a_setting_scales_the_embedding_with_the_width(folder):
    full = cell_of(setting(folder)._replace(width=1.0))
    assert (full.train.width, full.train.embedding) == (1.0, 2048)
    assert (full.train.batch, full.train.frames, full.train.threads) == (BATCH, FRAMES, 1)
    assert {k: getattr(full.readings, k) for k in PAPER} == PAPER
    assert full.readings.padding == read_readings().padding


def test_the_bare_limit_of_a_network_that_does_not_train_is_a_fault_with_its_reason(folder):
    nothing = setting(folder)._replace(folder=str(folder / "nothing"))
    with pytest.raises(
        RunError, match=r"cnn10 × 0\.03125 trains in no form; float32, contiguous: "
    ):
        steps.fastest_bare(nothing)
