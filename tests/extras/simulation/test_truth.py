import numpy as np
import pytest
import scipy.stats

from harness.evaluation.ccc import mean_ccc
from harness.extras.simulation import truth
from harness.extras.simulation.truth import World, clips_by_speaker, draw, true_ccc, true_slopes


def by_clip(world, rng, seeds):
    """The model clip by clip, without any shortcut: moments as `draw` gives them."""
    t = truth.EMOTIONS

    def effect(sd, *shape):
        common, own = rng.normal(size=(*shape, 1)), rng.normal(size=(*shape, t))
        return sd * (np.sqrt(truth.COMMON) * common + np.sqrt(1 - truth.COMMON) * own)

    by_seed = effect(truth.slope_sd(world.seed_sd), 2, seeds)
    moments = np.empty((2, seeds, world.speakers, t, 6))
    for j, n in enumerate(clips_by_speaker(world)):
        x = np.sqrt(truth.LABEL) * effect(1) + np.sqrt(1 - truth.LABEL) * rng.normal(size=(n, t))
        m = truth.NOISE * rng.normal(size=(n, t))
        offset, slopes = effect(truth.SHARED), true_slopes(world)
        for a in range(2):
            c, w = effect(truth.SLOPE), effect(truth.OWN)
            for s in range(seeds):
                slope = slopes[a] + by_seed[a, s] + c + effect(truth.SLOPE_BY_SEED)
                level = offset + w + effect(truth.OWN_BY_SEED)
                y = slope * x + level + m + truth.NOISE_BY_SEED * rng.normal(size=(n, t))
                sums = (np.ones_like(x), x, y, x * x, y * y, x * y)
                moments[a, s, j] = np.stack([each.sum(axis=0) for each in sums], axis=-1)
    return moments


def test_the_drawn_moments_have_the_law_of_the_clip_level_model():
    world = World(5, 60, 0.05, 0.02)
    ours = np.array([draw(world, 2, np.random.default_rng([0, k])) for k in range(1500)])
    theirs = np.array([by_clip(world, np.random.default_rng([1, k]), 2) for k in range(1500)])
    # what a test sees: Ĉ, their difference, and single sums, by Kolmogorov and Smirnov
    views = [
        lambda m: mean_ccc(m)[:, 0, 0],
        lambda m: mean_ccc(m)[:, 0, 0] - mean_ccc(m)[:, 1, 0],
        lambda m: mean_ccc(m)[:, 0, 0] - mean_ccc(m)[:, 0, 1],
        *(lambda m, k=k: m[:, 1, 1, 2, 3, k] for k in range(1, 6)),
        lambda m: m[:, 0, 0, 1, 0, 4] - m[:, 1, 1, 1, 0, 4],
        lambda m: m[:, 0, 0, 1, 0, 5] * m[:, 1, 0, 1, 4, 5],
    ]
    for view in views:
        assert scipy.stats.ks_2samp(view(ours), view(theirs)).pvalue > 0.001


def test_a_very_large_corpus_has_the_true_score():
    world = World(20_000, 400_000, 0.0, 0.03)
    first, second = mean_ccc(draw(world, 2, np.random.default_rng(0)))
    truly = true_ccc(true_slopes(world), 0.0).mean(axis=-1)
    assert first == pytest.approx(truly[0], abs=0.005)
    assert second == pytest.approx(truly[1], abs=0.005)
    assert truly[0] - truly[1] == pytest.approx(0.03, abs=1e-12)
    assert np.mean(first - second) == pytest.approx(0.03, abs=0.003)


@pytest.mark.parametrize("gain", [0.0, 0.02])
def test_the_mean_difference_over_draws_is_the_true_gain(gain):
    world = World(60, 2049, 0.02, gain)
    d = [
        np.mean(np.subtract(*mean_ccc(draw(world, 4, np.random.default_rng([2, k])))))
        for k in range(400)
    ]
    error = np.std(d, ddof=1) / np.sqrt(len(d))
    assert np.mean(d) == pytest.approx(gain, abs=3 * error)
    assert error < 0.002


def test_seeds_differ_by_the_standard_deviation_that_is_asked_for():
    rng = np.random.default_rng(0)
    sd = truth.slope_sd(0.02)
    common = np.sqrt(truth.COMMON) * rng.normal(size=(2, 20_000, 1))
    own = np.sqrt(1 - truth.COMMON) * rng.normal(size=(2, 20_000, truth.EMOTIONS))
    each = true_ccc(truth.SLOPES + sd * (common + own), 0.0).mean(axis=-1)
    assert np.std(each[0] - each[1]) == pytest.approx(0.02, rel=0.03)


def test_clips_add_up_and_differ_between_speakers():
    clips = clips_by_speaker(World(568, 19396, 0.0, 0.0))
    assert (clips.sum(), len(clips), clips.min() >= 4) == (19396, 568, True)
    assert clips.max() > 2 * np.median(clips)
