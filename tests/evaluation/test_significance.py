import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import RunError
from harness.evaluation.bootstrap import percentile, resampled_scores, speaker_weights
from harness.evaluation.ccc import mean_ccc, moments
from harness.evaluation.fisher import fisher_z
from harness.evaluation.headline import BOTH, RESAMPLES, SPEAKERS, headline
from harness.evaluation.mrmc import mrmc
from harness.evaluation.significance import comparisons, gather, holm, scores
from tests.evaluation.systems import cells


def evidence(sums, resamples=300, level=0.95, seed=0):
    return gather(sums, resamples, level, np.random.default_rng(seed))


def one_comparison(sums, **options):
    return comparisons(evidence(sums, **options), {"local": [None, 0]})[1]["local"]


def test_from_three_seeds_the_headline_covers_seeds_and_speakers():
    *_, sums = cells(seeds=3)
    found, test = headline(sums[1], sums[0], 0.95), mrmc(sums[1], sums[0], 0.95)
    assert found.covers == BOTH
    assert found[:4] == test[:4]
    assert (found.df, found.smallest_p) == (test.df, 0.01)


@pytest.mark.parametrize("seeds", [1, 2])
def test_with_fewer_seeds_there_is_no_p_and_the_interval_is_the_bootstraps(seeds):
    *_, sums = cells(seeds=seeds, effect=0.9)  # a gross difference
    found = headline(sums[1], sums[0], 0.9)
    assert (found.covers, found.df) == (SPEAKERS, None)
    assert (found.p, found.smallest_p) == (None, None)
    weights = speaker_weights(8, RESAMPLES, np.random.default_rng(0))
    drawn = resampled_scores(sums, weights).mean(axis=-1)
    drawn = drawn[:, 1] - drawn[:, 0]
    assert found[:3] == pytest.approx(
        (float(np.mean(mean_ccc(sums[1]) - mean_ccc(sums[0]))), *percentile(drawn, 0.9))
    )
    assert headline(sums[1], sums[0], 0.9, weights) == found


def test_every_p_says_what_it_covers():
    *_, sums = cells(seeds=3)
    found = one_comparison(sums)
    assert {name: test["covers"] for name, test in found["tests"].items()} == {
        "mrmc": "seeds and speakers",
        "bootstrap": "speakers",
        "bootstrap BCa": "speakers",
        "permutation": "speakers",
        "sign flip": "seeds",
        "t": "seeds",
        "fisher z": "clips",
    }
    assert found["covers"] == "seeds and speakers"
    assert found["p"] == found["tests"]["mrmc"]["p"]
    assert found["tests"]["sign flip"]["smallest_p"] == 0.25


def test_one_seed_has_no_spread_and_no_test_over_seeds():
    *_, sums = cells(seeds=1)
    found = evidence(sums)
    assert [row["ccc_sd"] for row in scores(found)] == [None, None]
    compared = one_comparison(sums)
    assert compared["covers"] == SPEAKERS
    for name in ("mrmc", "sign flip", "t"):
        assert compared["tests"][name]["p"] is None
    assert (compared["p"], compared["p_holm"], compared["family"]) == (None, None, 0)
    assert compared["low"] < compared["difference"] < compared["high"]


def test_scores_are_of_seeds_averaged_first():
    *_, sums = cells(rows=1, seeds=3)
    found = evidence(sums, level=0.9)
    (row,) = scores(found)
    each = resampled_scores(sums, found.weights)[:, 0]
    expected = np.percentile((each[:, 0] + each[:, 1] + each[:, 2]) / 3, [5, 95])
    assert [row["ccc_low"], row["ccc_high"]] == pytest.approx(expected.tolist())
    assert row["ccc"] == pytest.approx(mean_ccc(sums)[0].mean())
    assert row["ccc_sd"] == pytest.approx(np.std(mean_ccc(sums)[0], ddof=1))
    assert row["ccc_bca_low"] < row["ccc"] < row["ccc_bca_high"]


def test_the_gain_is_relative_and_its_interval_the_headlines():
    *_, sums = cells(seeds=3)
    found = one_comparison(sums)
    base, ours = (float(row.mean()) for row in mean_ccc(sums))
    assert found["gain"] == pytest.approx(100 * (ours / base - 1))
    assert found["gain_low"] == pytest.approx(100 * found["low"] / base)
    assert found["gain_high"] == pytest.approx(100 * found["high"] / base)
    assert found["gain_bootstrap_low"] < found["gain"] < found["gain_bootstrap_high"]


def test_a_comparison_tells_the_smallest_gain_that_its_test_finds_in_four_of_five_draws():
    *_, sums = cells(seeds=3)
    found = one_comparison(sums)
    critical = scipy.stats.t.ppf(0.975, found["df"])
    assert found["error"] == pytest.approx((found["high"] - found["low"]) / 2 / critical)
    centre = found["detects_difference"] / found["error"]
    tails = scipy.stats.nct.sf(critical, found["df"], centre)
    assert tails == pytest.approx(0.8, abs=1e-3)
    base = float(mean_ccc(sums)[0].mean())
    assert found["detects_gain"] == pytest.approx(100 * found["detects_difference"] / base)


def test_no_relative_gain_over_a_baseline_that_is_not_above_zero():
    labels, predictions, speaker, sums = cells(seeds=3)
    against = np.array([[moments(labels, -cell, speaker) for cell in predictions[0]]])
    found = one_comparison(np.concatenate([against, sums[1:]]))
    assert found["difference"] > 0
    for key in ("gain", "gain_low", "gain_high", "gain_bootstrap_low"):
        assert found[key] is None


def test_rows_are_paired_within_a_resample():
    """Equal cells differ by nothing in any resample, however much both of them move."""
    *_, sums = cells(rows=1, seeds=3, speakers=30)
    found = one_comparison(np.concatenate([sums, sums]))
    row = scores(evidence(sums))[0]
    assert row["ccc_high"] - row["ccc_low"] > 0.01
    assert [found[key] for key in ("difference", "low", "high", "gain")] == [0, 0, 0, 0]
    assert {name: test["p"] for name, test in found["tests"].items()} == dict.fromkeys(
        found["tests"], 1
    )


def test_fisher_is_on_the_mean_scores_and_all_clips():
    *_, sums = cells(seeds=3, speakers=8, each=6)
    ours, base = (float(row.mean()) for row in mean_ccc(sums)[::-1])
    z, p = fisher_z(ours, base, 48, 48)
    found = one_comparison(sums)["tests"]["fisher z"]
    assert (found["z"], found["p"]) == pytest.approx((z, p))


def test_the_generator_alone_decides():
    *_, sums = cells(speakers=12)
    runs = []
    for seed in (4, 4, 5):
        np.random.default_rng().random()
        runs.append(one_comparison(sums, resamples=400, seed=seed))
    assert runs[0] == runs[1]
    assert runs[0]["tests"]["bootstrap"] != runs[2]["tests"]["bootstrap"]
    assert runs[0]["tests"]["permutation"] != runs[2]["tests"]["permutation"]


def test_holms_family_is_every_pair_of_rows_once():
    *_, sums = cells(rows=3, seeds=3)
    kinds = {"local": [None, 0, None], "global": [None, 0, 0], "ruwl": [None, None, 1]}
    found = comparisons(evidence(sums), kinds)
    assert found[0] == {"local": None, "global": None, "ruwl": None}
    assert found[1]["local"] == found[1]["global"]
    assert found[1]["local"]["family"] == 3
    assert (found[2]["global"]["baseline"], found[2]["ruwl"]["baseline"]) == (0, 1)
    three = [found[1]["local"], found[2]["global"], found[2]["ruwl"]]
    assert [each["p_holm"] for each in three] == pytest.approx(holm([each["p"] for each in three]))


def test_holm_against_a_worked_example():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5, 0.9]) == [1, 1]
    assert holm([]) == []


def test_holms_family_is_what_has_a_p():
    assert holm([None, 0.01, None, 0.04]) == [None, 0.02, None, 0.04]
    assert holm([None]) == [None]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_never_lowers_a_p_keeps_the_order_and_is_bonferroni_at_the_smallest(p):
    adjusted = np.array(holm(p))
    assert (adjusted >= np.array(p)).all()
    assert (adjusted <= 1).all()
    order = np.argsort(p, kind="stable")
    assert (np.diff(adjusted[order]) >= 0).all()
    assert adjusted[order[0]] == min(1, len(p) * min(p))


@pytest.mark.parametrize("seeds", [1, 2, 3, 25])
def test_one_speaker_leaves_what_needs_no_other(seeds):
    *_, sums = cells(seeds=seeds)
    alone = sums[:, :, :1]
    rows = scores(evidence(alone))
    assert [row["ccc"] for row in rows] == pytest.approx(mean_ccc(alone).mean(axis=1).tolist())
    assert [row["ccc_low"] for row in rows] == [None, None]
    found = one_comparison(alone)
    assert found["gain"] == pytest.approx(100 * (rows[1]["ccc"] / rows[0]["ccc"] - 1))
    nothing = ("low", "high", "gain_low", "gain_bootstrap_low", "p", "p_holm", "covers")
    assert {found[key] for key in nothing} == {None}
    told = {name for name, test in found["tests"].items() if test["p"] is not None}
    over_seeds = {1: set(), 2: {"t", "sign flip"}, 3: {"t", "sign flip"}, 25: {"t"}}
    assert told == {"fisher z"} | over_seeds[seeds]


@pytest.mark.parametrize(
    ("speakers", "told"),
    [
        (5, set()),
        (6, {"mrmc", "permutation"}),
        (29, {"mrmc", "permutation"}),
        (30, {"mrmc", "permutation", "bootstrap", "bootstrap BCa"}),
    ],
)
def test_a_test_over_too_few_speakers_tells_no_p_but_keeps_its_interval(speakers, told):
    *_, sums = cells(seeds=3, speakers=speakers, effect=0.9)
    found = one_comparison(sums)
    over = {name: test for name, test in found["tests"].items() if "speakers" in test["covers"]}
    assert {name for name, test in over.items() if test["p"] is not None} == told
    for name, test in over.items():
        assert name == "permutation" or test["low"] < test["high"]
        assert test["p"] is None or test["p"] >= max(test["smallest_p"], 2 / 2**speakers)
    assert found["p"] == over["mrmc"]["p"]


def test_a_row_that_gains_in_two_seeds_alike_has_no_p_that_a_third_would_take_away():
    """Two seeds agree by chance; the third does not. With 2 there was a star, with 3 there is p."""
    *_, sums = cells(seeds=3, speakers=6, spread=0.1)
    sums[1, :2] = cells(seeds=3, speakers=6, spread=0.8)[-1][1, :2]
    two, three = one_comparison(sums[:, :2]), one_comparison(sums)
    assert two["high"] < 0
    assert (two["p"], two["p_holm"]) == (None, None)
    assert three["p"] > 0.05


def test_a_nan_never_reaches_a_test():
    labels, predictions, speaker, _ = cells()
    predictions[0, 0, 3, 1] = np.nan
    with pytest.raises(RunError, match="prediction of 'b' is nan in clip number 4"):
        moments(labels, predictions[0, 0], speaker, ["a", "b", "c"])


few = st.integers(0, 2).map(lambda n: n / 2)  # few values: ties, and often all the same


@settings(max_examples=60, deadline=None)
@given(st.data(), st.integers(1, 4), st.integers(1, 7))
def test_ties_and_constant_predictions_give_numbers_in_range(data, seeds, speakers):
    size = 2 * speakers
    draw = st.lists(few, min_size=size, max_size=size)
    columns = [np.array(data.draw(draw))[:, np.newaxis] for _ in range(1 + 2 * seeds)]
    speaker = np.arange(size) % speakers
    sums = np.array([moments(columns[0], y, speaker) for y in columns[1:]])
    found = one_comparison(sums.reshape(2, seeds, *sums.shape[1:]), resamples=40)
    for test in found["tests"].values():
        assert test["p"] is None or 0 <= test["p"] <= 1
        assert test["low"] is None or test["low"] <= test["high"]
    assert -2 <= found["difference"] <= 2  # a number, not NaN
    assert found["p"] is None or 0 < found["p"] <= found["p_holm"] <= 1


@pytest.mark.parametrize("seeds", [3, 6])
def test_the_headline_tells_no_p_in_the_tail_that_few_seeds_cannot_calibrate(seeds):
    """A difference far from 0 that all seeds share; its interval leaves 0 out all the same."""
    rng = np.random.default_rng(0)
    labels = rng.random((600, 3))
    speakers = np.repeat(np.arange(30), 20)
    near, far = (labels + sd * rng.normal(size=(seeds, 600, 3)) for sd in (0.05, 0.5))
    row, baseline = (np.array([moments(labels, p, speakers) for p in side]) for side in (near, far))
    found = headline(row, baseline, 0.95)
    assert found.p == found.smallest_p == pytest.approx(0.03 / seeds)
    assert found.low > 0


@pytest.mark.parametrize("seeds", [3, 8])
def test_few_speakers_are_a_floor_of_their_own(seeds):
    *_, sums = cells(seeds=seeds, speakers=6, spread=0.1)
    sums[1] = cells(seeds=seeds, speakers=6, spread=0.8)[-1][1]
    found = headline(sums[1], sums[0], 0.95)
    assert mrmc(sums[1], sums[0], 0.95).p < 2 / 2**6
    assert found.p == found.smallest_p == 2 / 2**6
