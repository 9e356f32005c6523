"""Verdicts: each can occur, missing and stale never pass, and edges lie where they are said to."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ttest_ind

from harness.config.tolerances import Spread, Tolerance, read_tolerances
from harness.paper import read_paper
from harness.verdict.judgement import (
    Verdict,
    allowance,
    committed,
    compare,
    judge,
    passes,
    pool,
    printed,
    tolerance,
    unexpected,
    unmoved,
    verdict,
)
from harness.verdict.results import Sample
from tests.verdict import small

SPREAD = Spread(level=0.95, seeds=3)
NARROW = Tolerance(absolute=0.01, relative=0)
SEEDS = Sample(0.6, 0.02, 3)


def judged(observed, expected=0.6, stale=None, sd=0.02):
    sample = Sample(observed, sd, 3)
    return judge("cnn10", "ccc", sample, Sample(expected, sd, 3), NARROW, SPREAD, stale)


@pytest.mark.parametrize(
    ("observed", "expected", "stale", "found"),
    [
        (0.605, 0.6, None, "OK"),
        (0.63, 0.6, None, "OKish"),
        (0.57, 0.6, None, "OKish"),
        (0.5, 0.6, None, "LOW"),
        (0.7, 0.6, None, "HIGH"),
        (None, 0.6, None, "MISSING"),
        (0.6, None, None, "MISSING"),
        (math.nan, 0.6, None, "MISSING"),
        (math.inf, 0.6, None, "MISSING"),
        (0.6, math.nan, None, "MISSING"),
        (0.6, 0.6, "code changed", "STALE"),
        (None, 0.6, "code changed", "MISSING"),
    ],
)
def test_every_verdict_can_occur(observed, expected, stale, found):
    assert judged(observed, expected, stale).verdict == found


def test_only_ok_okish_and_changed_pass():
    passing = {Verdict.OK, Verdict.OKISH, Verdict.CHANGED}
    assert {one for one in Verdict if one.passes} == passing


def test_one_cell_that_does_not_pass_fails_all_and_nothing_is_no_pass():
    good = judged(0.6)
    assert passes([good, judged(0.63)])
    for bad in (judged(0.1), judged(0.9), judged(None), judged(0.6, stale="code changed")):
        assert not passes([good, bad])
    assert not passes([])


numbers = st.floats(-100, 100, allow_nan=False)
widths = st.floats(0, 50)


@given(numbers, numbers, widths, widths)
def test_missing_or_stale_never_passes_whatever_the_tolerance(value, expected, within, sd):
    wide, sample = Tolerance(absolute=within, relative=1), Sample(expected, sd, 3)
    for observed, stale in ((None, None), (math.nan, None), (value, "changed"), (None, "changed")):
        one = judge("r", "ccc", Sample(observed, sd, 3), sample, wide, SPREAD, stale)
        assert not one.verdict.passes
        assert one.note


@given(st.floats(0, 10), st.floats(0, 10), st.sampled_from([-1, 1]))
def test_the_edges_belong_inside(within, more, sign):
    widened = within + more
    beyond = Verdict.LOW if sign < 0 else Verdict.HIGH
    assert verdict(sign * within, within, widened) is Verdict.OK
    assert verdict(sign * widened, within, widened).passes
    assert verdict(sign * (widened + 1e-6), within, widened) is beyond
    assert verdict(sign * (within + 1e-6), within, within + 1e-3) is Verdict.OKISH


@given(numbers, numbers, st.floats(0, 1), st.floats(0, 1), widths)
def test_a_wider_tolerance_never_turns_a_pass_into_a_failure(value, expected, narrow, more, sd):
    order = [Verdict.OK, Verdict.OKISH]
    sample, target = Sample(value, sd, 3), Sample(expected, sd, 3)
    one, other = (
        judge("r", "ccc", sample, target, Tolerance(absolute=a, relative=0), SPREAD).verdict
        for a in (narrow, narrow + more)
    )
    if one.passes:
        assert other.passes
        assert order.index(other) <= order.index(one)


def test_the_larger_of_absolute_and_relative_counts_and_rounding_is_added():
    both = Tolerance(absolute=0.5, relative=0.1)
    assert tolerance(Sample(2.0), both) == pytest.approx(0.5)
    assert tolerance(Sample(-20.0), both) == pytest.approx(2.0)
    assert tolerance(Sample(2.0, rounding=0.05), both) == pytest.approx(0.55)


def test_the_allowance_is_scipys_two_sample_t_interval():
    ours, theirs = np.array([0.61, 0.64, 0.62]), np.array([0.58, 0.6, 0.63, 0.61])
    samples = [Sample(x.mean(), x.std(ddof=1), len(x)) for x in (ours, theirs)]
    interval = ttest_ind(ours, theirs).confidence_interval(0.95)
    assert allowance(*samples, SPREAD) == pytest.approx((interval.high - interval.low) / 2)


def test_against_one_printed_number_it_is_the_prediction_interval_of_one_run():
    """t(.975, 2) = 4.303 from tables; s·√(1/3 + 1)."""
    expected = 4.303 * 0.02 * math.sqrt(4 / 3)
    assert allowance(SEEDS, Sample(0.6, rounding=0.0005), SPREAD) == pytest.approx(
        expected, rel=1e-4
    )


def test_too_few_seeds_widen_nothing():
    for few in (Sample(0.6, 0.02, 2), Sample(0.6, None, 1), Sample(0.6, None, 3)):
        assert allowance(few, Sample(0.6), SPREAD) == 0
        assert allowance(few, few, SPREAD) == 0
        assert allowance(few, SEEDS, SPREAD) == allowance(Sample(0.6), SEEDS, SPREAD) > 0


@pytest.mark.parametrize("runs", [1, 3])
def test_of_honest_repetitions_the_level_passes(runs):
    """Both sides drawn from one distribution, no other tolerance: 95 % are OKish or better."""
    rng, draws, passed = np.random.default_rng(0), 4000, 0
    for ours, theirs in zip(
        rng.normal(size=(draws, 4)), rng.normal(size=(draws, runs)), strict=True
    ):
        mine = Sample(ours.mean(), ours.std(ddof=1), 4)
        other = Sample(theirs.mean(), theirs.std(ddof=1) if runs > 1 else None, runs)
        none = Tolerance(absolute=0, relative=0)
        passed += judge("r", "ccc", mine, other, none, SPREAD).verdict.passes
    assert passed / draws == pytest.approx(0.95, abs=0.015)


@pytest.mark.parametrize(
    ("spreads", "share"), [([1] * 9, 0.95), ([1] * 8 + [3], 0.81)], ids=["alike", "one wider"]
)
def test_of_honest_repetitions_of_a_table_the_level_passes_whole(spreads, share):
    """Nine rows of three seeds on both sides, some of which agree by chance."""
    rng, tables, passed = np.random.default_rng(1), 1500, 0
    none = Tolerance(absolute=0, relative=0)
    for _ in range(tables):
        pairs = [
            tuple(Sample(x.mean(), x.std(ddof=1), 3) for x in row)
            for row in rng.normal(size=(9, 2, 3)) * np.reshape(spreads, (9, 1, 1))
        ]
        pooled = pool(pairs, SPREAD)
        judged = [judge("r", "ccc", *pair, none, SPREAD, pooled=pooled) for pair in pairs]
        passed += all(one.verdict.passes for one in judged)
    assert passed / tables == pytest.approx(share, abs=0.02)


# Whole tables.


read = small.read


LIMITS = read_tolerances(small.ROOT / "tolerances.yaml")


def verdicts(ours, expected, stale=None, moved=unmoved):
    judged = compare(ours, expected, LIMITS.reference, LIMITS.spread, stale or {}, moved)
    return {(one.row, one.metric): one.verdict.value for one in judged}


def test_a_run_compared_with_itself_is_ok_in_every_cell():
    ours = read(small.results())
    found = verdicts(ours, committed(ours))
    assert set(found.values()) == {"OK"}
    assert set(found) == {
        ("cnn10", "ccc"),
        ("cnn10", "params"),
        *(("cnn10-rrtn", metric) for metric in small.METRICS),
    }


def test_a_gain_is_stale_with_its_baseline_and_a_baseline_not_with_the_row():
    ours = read(small.results())
    found = verdicts(ours, committed(ours), {"cnn10": "changed"})
    stale = {cell for cell, one in found.items() if one == "STALE"}
    assert stale == {
        ("cnn10", "ccc"),
        ("cnn10", "params"),
        ("cnn10-rrtn", "local_gain"),
        ("cnn10-rrtn", "global_gain"),
    }
    found = verdicts(ours, committed(ours), {"cnn10-rrtn": "changed"})
    assert {row for (row, _), one in found.items() if one == "STALE"} == {"cnn10-rrtn"}


def test_a_row_that_was_not_run_is_missing_and_a_row_nobody_expects_is_named():
    one, both = read(small.results({"cnn10": 0.5})), read(small.results())
    found = verdicts(one, committed(both))
    assert {row for (row, _), verdict in found.items() if verdict == "MISSING"} == {"cnn10-rrtn"}
    assert {row for row, _ in verdicts(both, committed(one))} == {"cnn10"}
    judged, others = unexpected(both, committed(one), {})
    assert judged == []
    assert "cnn10-rrtn ccc" in others


def moved_rows(*names):
    return lambda rows: "code differs" if set(rows) & set(names) else None


def test_what_was_made_from_something_else_is_changed_wherever_it_does_not_pass():
    ours, theirs = read(small.results({"cnn10": 0.5, "cnn10-rrtn": 0.3})), read(small.results())
    assert verdicts(ours, committed(theirs))["cnn10-rrtn", "ccc"] == "LOW"
    found = verdicts(ours, committed(theirs), moved=moved_rows("cnn10-rrtn"))
    assert found["cnn10-rrtn", "ccc"] == found["cnn10-rrtn", "local_gain"] == "CHANGED"
    assert found["cnn10-rrtn", "params"] == found["cnn10", "ccc"] == "OK"
    found = verdicts(
        ours, committed(theirs), moved=moved_rows("cnn10")
    )  # the baseline of the gains
    assert found["cnn10-rrtn", "local_gain"] == "CHANGED"
    assert found["cnn10-rrtn", "ccc"] == "LOW"
    stale = {"cnn10-rrtn": "code changed"}
    found = verdicts(ours, committed(theirs), stale, moved_rows("cnn10-rrtn"))
    assert found["cnn10-rrtn", "ccc"] == "STALE"


def test_rows_that_are_new_or_gone_are_changed_with_what_they_are_made_from():
    one, both = read(small.results({"cnn10": 0.5})), read(small.results())
    moved = moved_rows("cnn10-rrtn")
    gone = verdicts(one, committed(both), moved=moved)
    assert {row for (row, _), verdict in gone.items() if verdict == "CHANGED"} == {"cnn10-rrtn"}
    new, others = unexpected(both, committed(one), {}, moved)
    assert {(cell.metric, cell.verdict, cell.expected) for cell in new} == {
        (metric, "CHANGED", None) for metric in small.METRICS
    }
    assert others == []
    stale, _ = unexpected(both, committed(one), {"cnn10-rrtn": "code changed"}, moved)
    assert {cell.verdict for cell in stale} == {"STALE"}


def test_no_change_excuses_a_row_that_diverged():
    files = small.results() | {
        "table2/metrics.json": json.dumps(small.CCC | {"cnn10-rrtn": math.nan})
    }
    found = verdicts(read(files), committed(read(small.results())), moved=moved_rows("cnn10-rrtn"))
    assert found["cnn10-rrtn", "ccc"] == "MISSING"


def test_no_results_at_all_are_missing_in_every_cell():
    assert set(verdicts(None, printed(read_paper(small.ROOT / "paper.yaml"))).values()) == {
        "MISSING"
    }


def test_of_the_paper_every_number_that_it_prints_is_expected():
    expected = printed(read_paper(small.ROOT / "paper.yaml"))
    assert len(expected) == 9
    assert sum(map(len, expected.values())) == 9 + 9 + 6 + 8  # Ĉ, params, local, global
    assert expected["cnn14-rrtn-ruwl"]["ccc"] == Sample(0.678, None, 1, 0.0005)
    params = expected["cnn14-rrtn-ruwl"]["params"]
    assert (params.value, params.rounding) == pytest.approx((83.95e6, 5000))


@pytest.mark.parametrize("file", ["table2.json", "table2/scores.csv"])
def test_files_of_different_runs_are_stale_without_any_lock(file):
    mixed = small.results() | {file: small.results({"cnn10": 0.5, "cnn10-rrtn": 0.61})[file]}
    ours, expected = read(mixed), committed(read(small.results()))
    found = verdicts(ours, expected)
    assert {row for (row, _), one in found.items() if one == "STALE"} == {"cnn10-rrtn"}
