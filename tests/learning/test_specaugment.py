"""harness.learning.specaugment: the stripes that torchlibrosa draws, for a batch at once."""

import numpy as np
import pytest
import torch
from scipy.stats import chisquare, ks_2samp
from torchlibrosa.augmentation import SpecAugmentation

from harness.config.training import SpecAugment
from harness.learning.specaugment import masked

CLIPS, FRAMES, BANDS = 3000, 60, 32


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def ours(params, x=None, seed=0):
    if x is None:
        x = torch.ones(CLIPS, 1, FRAMES, BANDS)
    return masked(x, params, generator(seed))


def theirs(params):
    widths = params.frames, params.frame_stripes, params.bands, params.band_stripes
    return SpecAugmentation(*widths).train()(torch.ones(CLIPS, 1, FRAMES, BANDS))


def fully_masked(x):
    """Share of each clip's frames, and of its bands, that are zero throughout: [clips] each."""
    zero = x[:, 0] == 0
    return zero.all(dim=2).double().mean(dim=1), zero.all(dim=1).double().mean(dim=1)


PARAMS = [
    SpecAugment(frames=20, frame_stripes=2, bands=8, band_stripes=2),
    SpecAugment(frames=10, frame_stripes=3, bands=16, band_stripes=1),
    SpecAugment(frames=1, frame_stripes=2, bands=2, band_stripes=2),
]


@pytest.mark.parametrize("params", PARAMS, ids=str)
def test_as_much_is_masked_on_each_axis_as_by_torchlibrosa(params):
    pairs = zip(fully_masked(ours(params)), fully_masked(theirs(params)), strict=True)
    for found, expected in pairs:
        error = ((found.var() + expected.var()) / CLIPS).sqrt()
        assert abs(found.mean() - expected.mean()) <= 3 * error
        assert ks_2samp(found.numpy(), expected.numpy()).pvalue > 0.001


def stripes(x, axis):
    """Width and start of the one stripe of each clip, [clips] each; the start of none is 0."""
    zero = (x[:, 0] == 0).all(dim=2 - axis).numpy()
    width, start = zero.sum(axis=1), zero.argmax(axis=1)
    for clip, w, s in zip(zero, width, start, strict=True):
        assert clip[s : s + w].all()
    return width, start


@pytest.mark.parametrize(
    ("params", "axis", "widest", "length"),
    [
        (SpecAugment(frames=20, frame_stripes=1, bands=8, band_stripes=0), 0, 20, FRAMES),
        (SpecAugment(frames=20, frame_stripes=0, bands=8, band_stripes=1), 1, 8, BANDS),
    ],
)
def test_a_stripe_is_uniform_in_width_and_place(params, axis, widest, length):
    x = ours(params)
    width, start = stripes(x, axis)
    assert (x[:, 0] == 0).sum(dim=(1, 2)).tolist() == (width * (FRAMES * BANDS // length)).tolist()
    counts = np.bincount(width, minlength=widest)
    assert len(counts) == widest  # 0 to widest - 1
    assert chisquare(counts).pvalue > 0.001
    for w in (1, widest // 2, widest - 1):
        places = np.bincount(start[width == w], minlength=length - w)
        assert len(places) == length - w  # the last place is never reached, as in torchlibrosa
        assert chisquare(places).pvalue > 0.001


def test_the_input_is_not_modified_and_what_is_kept_is_not_changed():
    x = torch.randn(50, 1, FRAMES, BANDS) - 40
    before = x.clone()
    y = ours(PARAMS[0], x)
    assert torch.equal(x, before)
    assert torch.equal(y[y != 0], x[y != 0])
    assert (y == 0).any()


def test_the_same_generator_seed_gives_the_same_stripes_and_another_gives_others():
    assert torch.equal(ours(PARAMS[0], seed=1), ours(PARAMS[0], seed=1))
    assert not torch.equal(ours(PARAMS[0], seed=1), ours(PARAMS[0], seed=2))


def test_stripes_do_not_touch_the_global_generator():
    before = torch.get_rng_state()
    ours(PARAMS[0])
    assert torch.equal(torch.get_rng_state(), before)


def test_no_stripes_are_the_identity():
    x = torch.randn(8, 1, FRAMES, BANDS)
    none = SpecAugment(frames=20, frame_stripes=0, bands=8, band_stripes=0)
    assert torch.equal(ours(none, x), x)
    empty = SpecAugment(frames=1, frame_stripes=2, bands=1, band_stripes=2)  # {0} wide
    assert torch.equal(ours(empty, x), x)


def test_clips_of_a_batch_get_different_stripes():
    params = SpecAugment(frames=20, frame_stripes=1, bands=8, band_stripes=1)
    masks = {clip.numpy().tobytes() for clip in ours(params, torch.ones(64, 1, FRAMES, BANDS))}
    assert len(masks) > 60


def test_a_stripe_wider_than_the_clip_never_masks_all_of_it():
    wide = SpecAugment(frames=1000, frame_stripes=1, bands=1000, band_stripes=0)
    frames, _ = fully_masked(ours(wide, torch.ones(CLIPS, 1, 10, BANDS)))
    assert frames.max() == 0.9
    assert frames.min() == 0
