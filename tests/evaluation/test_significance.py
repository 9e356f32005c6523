from collections import Counter

import numpy as np
import pytest
import scipy.stats

from harness.errors import RunError
from harness.evaluation import significance
from harness.evaluation.ccc import mean_ccc, moments
from harness.evaluation.significance import (
    Score,
    gain,
    interval,
    p_two_tailed,
    resampled_scores,
    row_numbers,
    score,
    speaker_weights,
)
from tests.references.bootstrap import resampled_mean_ccc


def cells(rows=2, seeds=2, speakers=8, each=6, targets=3, seed=0, effect=0.0, spread=0.3):
    """Labels, predictions [rows, seeds, clips, targets], speaker of each clip, and moments."""
    rng = np.random.default_rng(seed)
    speaker = np.arange(speakers * each) % speakers
    labels = rng.random((len(speaker), targets))
    noise = spread * rng.normal(size=(rows, seeds, *labels.shape))
    noise[1:] *= 1 - effect
    bias = 0.1 * rng.normal(size=(rows, seeds, speakers, targets))[:, :, speaker]
    predictions = labels + noise + bias
    sums = [[moments(labels, cell, speaker) for cell in row] for row in predictions]
    return labels, predictions, speaker, np.array(sums)


def test_resampled_scores_equal_a_loop_over_clips_on_the_same_resamples(monkeypatch):
    monkeypatch.setattr(significance, "BLOCK", 100)  # several blocks, the last one shorter
    labels, predictions, speaker, sums = cells()
    weights = speaker_weights(8, 25, np.random.default_rng(1))
    found = resampled_scores(sums, weights)
    assert found.shape == (25, 2, 2)
    for r, drawn in enumerate(weights):
        for row in range(2):
            for seed in range(2):
                naive = resampled_mean_ccc(
                    labels.tolist(), predictions[row, seed].tolist(), speaker.tolist(), drawn
                )
                assert found[r, row, seed] == pytest.approx(naive, abs=1e-12)


def test_each_speaker_drawn_once_gives_the_score_itself():
    *_, sums = cells()
    once = np.ones((1, 8), dtype=int)
    assert resampled_scores(sums, once)[0] == pytest.approx(mean_ccc(sums), abs=1e-12)


def test_weights_are_multinomial_draws_of_the_speakers():
    weights = speaker_weights(5, 40_000, np.random.default_rng(0))
    assert weights.shape == (40_000, 5)
    assert (weights.sum(axis=1) == 5).all()
    counts = Counter(weights[:, 2].tolist())
    for k in range(4):
        expected = scipy.stats.binom.pmf(k, 5, 1 / 5)
        assert counts[k] / 40_000 == pytest.approx(expected, abs=0.01)
    assert np.cov(weights.T)[0, 1] == pytest.approx(-1 / 5, abs=0.02)


def test_the_generator_alone_decides():
    *_, sums = cells()
    runs = []
    for seed in (4, 4, 5):
        np.random.default_rng().random()
        weights = speaker_weights(8, 50, np.random.default_rng(seed))
        runs.append(row_numbers(sums, weights, {"local": [None, 0]}, 0.95))
    assert runs[0] == runs[1]
    assert runs[0] != runs[2]


def test_one_speaker_cannot_be_resampled():
    with pytest.raises(RunError, match="dev split has 1 speaker"):
        speaker_weights(1, 10, np.random.default_rng(0))


def test_interval_is_scipys_percentile_bootstrap_over_speakers():
    *_, sums = cells(rows=1, seeds=1, speakers=20)

    def statistic(drawn):
        return float(mean_ccc(sums[0, 0][drawn]))

    theirs = scipy.stats.bootstrap(
        (np.arange(20),),
        statistic,
        vectorized=False,
        method="percentile",
        n_resamples=3000,
        rng=np.random.default_rng(0),
    )
    assert interval(theirs.bootstrap_distribution, 0.95) == pytest.approx(
        tuple(theirs.confidence_interval), abs=1e-12
    )
    weights = speaker_weights(20, 3000, np.random.default_rng(1))
    ours = interval(resampled_scores(sums, weights)[:, 0, 0], 0.95)
    width = theirs.confidence_interval.high - theirs.confidence_interval.low
    assert ours == pytest.approx(tuple(theirs.confidence_interval), abs=0.1 * width)


def test_interval_covers_the_middle_share():
    assert interval(np.arange(101.0), 0.9) == pytest.approx((5, 95))


def test_speakers_are_the_unit_when_clips_of_a_speaker_err_together():
    rng = np.random.default_rng(0)
    speaker = np.repeat(np.arange(12), 30)
    labels = rng.random((360, 1))
    predictions = labels + 0.3 * rng.normal(size=(12, 1))[speaker]

    def width(units):
        sums = moments(labels, predictions, units)[np.newaxis, np.newaxis]
        weights = speaker_weights(len(set(units)), 2000, np.random.default_rng(0))
        low, high = interval(resampled_scores(sums, weights)[:, 0, 0], 0.95)
        return high - low

    assert width(speaker) > 2 * width(np.arange(360))


def test_p_counts_the_smaller_tail_twice_and_is_never_zero():
    assert p_two_tailed(np.ones(99)) == pytest.approx(2 / 100)
    assert p_two_tailed(np.r_[np.ones(95), -np.ones(4)]) == pytest.approx(2 * 5 / 100)
    assert p_two_tailed(np.r_[np.ones(50), -np.ones(49)]) == 1
    assert p_two_tailed(np.zeros(99)) == 1


def test_p_is_symmetric_in_sign():
    rng = np.random.default_rng(0)
    differences = rng.normal(0.8, 1, 499)
    assert p_two_tailed(differences) == p_two_tailed(-differences)
    assert p_two_tailed(differences) < 1


def p_values(effect, datasets=250):
    found = []
    for seed in range(datasets):
        *_, sums = cells(2, 1, speakers=40, each=4, targets=2, seed=seed, effect=effect)
        weights = speaker_weights(40, 199, np.random.default_rng([9, seed]))
        found.append(row_numbers(sums, weights, {"local": [None, 0]}, 0.95)[1]["p_local"])
    return np.array(found)


def test_p_is_about_uniform_when_nothing_differs():
    p = p_values(0.0)
    for level in (0.1, 0.25, 0.5):
        three_sd = 3 * np.sqrt(level * (1 - level) / len(p))
        assert np.mean(p <= level) == pytest.approx(level, abs=three_sd + 0.02)


def test_p_is_small_when_the_rows_differ():
    assert np.mean(p_values(0.3, datasets=60) <= 0.05) > 0.9


def test_rows_are_paired_within_a_resample():
    """Equal cells differ by nothing in any resample, however much both of them move."""
    *_, sums = cells(rows=1)
    twice = np.concatenate([sums, sums])
    weights = speaker_weights(8, 300, np.random.default_rng(0))
    _, second = row_numbers(twice, weights, {"local": [None, 0]}, 0.95)
    assert second["ccc_high"] - second["ccc_low"] > 0.01
    gains = [second[f"local_gain{end}"] for end in ("", "_low", "_high")]
    assert gains == pytest.approx([0, 0, 0], abs=1e-9)
    assert second["p_local"] == 1


def test_seeds_are_averaged_before_the_interval_is_taken():
    *_, sums = cells(rows=1, seeds=3)
    weights = speaker_weights(8, 300, np.random.default_rng(0))
    (row,) = row_numbers(sums, weights, {}, 0.9)
    each = resampled_scores(sums, weights)[:, 0]
    expected = np.percentile((each[:, 0] + each[:, 1] + each[:, 2]) / 3, [5, 95])
    assert [row["ccc_low"], row["ccc_high"]] == pytest.approx(expected.tolist())
    assert row["ccc"] == pytest.approx(mean_ccc(sums)[0].mean())
    assert row["ccc_sd"] == pytest.approx(np.std(mean_ccc(sums)[0], ddof=1))


def test_one_seed_has_no_standard_deviation():
    assert score(np.array([0.5]), np.full((10, 1), 0.5), 0.95).sd is None


def test_gain_is_relative_to_the_unrounded_baseline():
    resampled = np.array([[[0.66], [0.6]], [[0.69], [0.6]], [[0.72], [0.6]]])
    found = gain(Score(0.67849, None, 0, 0), Score(0.64651, None, 0, 0), resampled, 0.5)
    assert found.percent == pytest.approx(100 * (0.67849 - 0.64651) / 0.64651)
    assert (found.low, found.high) == pytest.approx((12.5, 17.5))


def test_no_relative_gain_over_a_baseline_that_is_not_above_zero():
    resampled = np.array([[[0.3], [0.01]], [[0.3], [-0.01]]])
    found = gain(Score(0.3, None, 0, 0), Score(0.01, None, 0, 0), resampled, 0.95)
    assert found.percent == pytest.approx(2900)
    assert (found.low, found.high) == (None, None)
    assert found.p == pytest.approx(2 / 3)
    found = gain(Score(0.3, None, 0, 0), Score(-0.01, None, 0, 0), resampled, 0.95)
    assert found.percent is None
