"""harness.learning.specaugment: the stripes that torchlibrosa draws, for a batch at once."""

import numpy as np
import pytest
import torch
from scipy.stats import chi2_contingency, chisquare
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


def theirs(params, shape=(CLIPS, 1, FRAMES, BANDS)):
    widths = params.frames, params.frame_stripes, params.bands, params.band_stripes
    return SpecAugmentation(*widths).train()(torch.ones(shape, dtype=torch.float16))


def masked_lines(x):
    """Which frames and which bands of a clip are zero throughout: [clips, frames], [clips, bands].

    No stripes cover all of the other axis here, so frames are due to frame stripes alone.
    """
    zero = x[:, 0] == 0
    return zero.all(dim=2).numpy(), zero.all(dim=1).numpy()


def described(x):
    """What can be seen of each clip's stripes, [clips] each."""
    seen = {}
    for axis, lines in zip(("frames", "bands"), masked_lines(x), strict=True):
        length = lines.shape[1]
        none = ~lines.any(axis=1)
        seen[f"{axis} masked"] = lines.sum(axis=1)
        seen[f"stripes of {axis}"] = (np.diff(lines, prepend=False) & lines).sum(axis=1)
        seen[f"first of the {axis}"] = np.where(none, length, lines.argmax(axis=1))
        seen[f"last of the {axis}"] = np.where(none, -1, length - lines[:, ::-1].argmax(axis=1))
    return seen


def binned(values, bins):
    """The number of the bin of each value, cut at quantiles."""
    cuts = np.unique(np.quantile(values, np.linspace(0, 1, bins + 1)[1:-1]))
    return np.searchsorted(cuts, values, side="right")


def p_values(x, y):
    """χ² of homogeneity, for each thing that can be seen and differs at all."""
    left, right = described(x), described(y)
    pooled = {name: np.concatenate([left[name], right[name]]) for name in left}
    bins = {name: binned(values, 20) for name, values in pooled.items()}
    frames, bands = (binned(pooled[f"{axis} masked"], 4) for axis in ("frames", "bands"))
    bins["both axes"] = 4 * frames + bands
    found = {}
    for name, numbers in bins.items():
        counts = np.array([np.bincount(half, minlength=21) for half in np.split(numbers, 2)])
        counts = counts[:, counts.sum(axis=0) > 0]
        if counts.shape[1] > 1:
            found[name] = float(chi2_contingency(counts).pvalue)
    return found


PARAMS = [
    SpecAugment(frames=20, frame_stripes=2, bands=8, band_stripes=2),
    SpecAugment(frames=10, frame_stripes=3, bands=16, band_stripes=1),
    SpecAugment(frames=2, frame_stripes=2, bands=2, band_stripes=2),
]


@pytest.mark.parametrize("params", PARAMS, ids=str)
def test_stripes_are_as_many_as_wide_and_where_torchlibrosa_draws_them(params):
    found = p_values(ours(params), theirs(params))
    assert len(found) >= 7
    assert min(found.values()) > 0.001, found


def test_so_are_those_of_the_paper():
    paper = SpecAugment(frames=64, frame_stripes=2, bands=8, band_stripes=2)
    shape = (CLIPS, 1, 250, 64)
    found = p_values(ours(paper, torch.ones(shape, dtype=torch.float16)), theirs(paper, shape))
    assert len(found) == 9
    assert min(found.values()) > 0.001, found


@pytest.mark.parametrize(
    "change", [{"frames": 22}, {"frame_stripes": 1}, {"bands": 9}, {"band_stripes": 3}], ids=str
)
def test_the_comparison_tells_other_stripes_apart(change):
    other = theirs(PARAMS[0].model_copy(update=change))
    found = p_values(ours(PARAMS[0]), other)
    assert min(found.values()) < 1e-4, found


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
    frames, _ = masked_lines(ours(wide, torch.ones(CLIPS, 1, 10, BANDS)))
    assert frames.sum(axis=1).max() == 9
    assert frames.sum(axis=1).min() == 0
