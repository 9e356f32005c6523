import csv
import json
from argparse import Namespace

import numpy as np
import pytest

from harness.cli import main
from harness.errors import RunError
from harness.evaluation.bootstrap import bca, leave_one_out, percentile, resampled_scores
from harness.evaluation.ccc import mean_ccc
from harness.evaluation.headline import headline
from harness.extras.simulation import trials
from harness.extras.simulation.command import simulate as command
from harness.extras.simulation.figures import OVER_SPEAKERS
from harness.extras.simulation.report import band, fewest, outside
from harness.extras.simulation.trials import (
    TESTS,
    Plan,
    deep_significance,
    outcomes,
    parts,
    rliable,
    run,
    settings,
    simulate,
    worlds,
)
from harness.extras.simulation.truth import World, draw

SMALL = World(30, 1024, 0.01, 0.0)


def test_the_headline_is_the_one_that_is_reported():
    plan = Plan(1, seed=3)
    found = outcomes(SMALL, plan, 5)
    moments = draw(SMALL, 8, np.random.default_rng([3, *trials.worlds_key(SMALL), 5]))
    for n in (3, 5, 8):
        ours = headline(moments[0, :n], moments[1, :n], 0.95)
        assert found[n, "headline"][1:] == pytest.approx((ours.low, ours.high))
        assert found[n, "headline"][0] == (ours.p <= 0.05)


def test_bca_from_pseudo_values_is_bca_from_the_jackknife():
    moments = draw(SMALL, 2, np.random.default_rng(0))
    weights = trials.bootstrap.speaker_weights(30, 199, np.random.default_rng(1))
    scores = resampled_scores(moments, weights)
    drawn = scores[:, 0] - scores[:, 1]
    values = trials.mrmc.pseudo_values(moments[0], moments[1])
    found = trials._over_speakers(values, drawn, drawn, False)
    without = np.subtract(*leave_one_out(moments)).mean(axis=0)
    observed = float(np.mean(np.subtract(*mean_ccc(moments))))
    assert found["bootstrap BCa"][1:] == pytest.approx(
        bca(observed, drawn.mean(axis=1), without, 0.95)
    )
    assert found["bootstrap"][1:] == percentile(drawn.mean(axis=1), 0.95)


@pytest.mark.parametrize("speakers", [2, 30])
def test_every_test_appears_from_three_seeds_on_and_few_below(speakers):
    found = outcomes(World(speakers, 34 * speakers, 0.01, 0.0), Plan(1), 0)
    one = {"bootstrap", "bootstrap BCa", "permutation", "fisher z"}
    two = {*one, "sign flip", "t", "deep-significance", "rliable"}
    for n, tests in {1: one, 2: two, 3: set(TESTS)}.items():
        assert {test for seeds, test in found if seeds == n} == tests


def test_draws_are_the_same_again_and_add_up():
    plan = Plan(6)
    whole = simulate(SMALL, plan, 0, 6)
    assert whole == simulate(SMALL, plan, 0, 6)
    split = [simulate(SMALL, plan, 0, 2), simulate(SMALL, plan, 2, 6)]
    for one, other in zip(settings(SMALL, [whole]), settings(SMALL, split), strict=True):
        assert one["rejected"] == other["rejected"]
        assert one["width"] == pytest.approx(other["width"])
    assert simulate(SMALL, Plan(6, seed=1), 0, 6) != whole


def test_no_effect_is_seldom_seen_and_a_gross_one_always():
    """Few draws, so loose bounds: the report has the exact ones."""
    rates = settings(SMALL, [simulate(SMALL, Plan(40), 0, 40)])
    none = next(s for s in rates if (s["seeds"], s["test"]) == (8, "headline"))
    assert none["rejected"] < 0.2
    assert none["covered"] == 1 - none["rejected"]
    gross = World(568, 19396, 0.002, 0.1)  # more than ten standard errors
    rates = settings(gross, [simulate(gross, Plan(4), 0, 4)])
    assert all(s["rejected"] == 1 for s in rates if (s["seeds"], s["test"]) == (8, "headline"))


def test_what_was_done_is_not_done_again(tmp_path, monkeypatch):
    monkeypatch.setattr(trials, "CHUNK", 2)
    some, plan = [SMALL], Plan(2)
    pieces = parts(plan, some)
    assert [piece[1:] for piece in pieces] == [(0, 2), (2, 4)]  # twice the draws where gain is 0
    folder = tmp_path / trials.fingerprint(plan)
    folder.mkdir()
    trials._keep(folder, plan, pieces[0])
    before = trials._kept(folder, pieces[0]).stat().st_mtime_ns
    first = dict(run(plan, tmp_path, 1, some))
    assert set(first) == set(pieces)
    assert trials._kept(folder, pieces[0]).stat().st_mtime_ns == before
    monkeypatch.setattr(trials, "ProcessPoolExecutor", None)  # nothing is left to start
    assert dict(run(plan, tmp_path, 1, some)) == first


def test_other_code_or_another_seed_is_another_simulation(tmp_path, monkeypatch):
    plan = Plan(2)
    name = trials.fingerprint(plan)
    assert trials.fingerprint(Plan(3)) == name  # more draws go on from fewer
    assert trials.fingerprint(Plan(2, seed=1)) != name
    edited = tmp_path / "ccc.py"
    edited.write_text("# other code\n")
    monkeypatch.setattr(trials, "CODE", (*trials.CODE[1:], Namespace(__file__=edited)))
    assert trials.fingerprint(plan) != name


def test_sizes_go_from_two_speakers_to_hume_vbs_with_as_many_clips_each():
    sizes = {w.speakers: w.clips for w in worlds()}
    assert set(sizes) == {2, 3, 4, 5, 6, 8, 12, 20, 30, 60, 568}
    assert sizes[568] == 19396
    assert all(clips / n == pytest.approx(34, abs=0.2) for n, clips in sizes.items())
    assert 0.0 in {w.gain for w in worlds()}


def test_deep_significances_test_is_one_sided_and_can_be_zero():
    rng = np.random.default_rng(0)
    low, high = np.array([0.1, 0.11, 0.12]), np.array([0.5, 0.51, 0.52])
    assert deep_significance(high, low, rng) == 0
    assert deep_significance(low, high, rng) == 1


def test_rliables_interval_is_as_wide_as_independent_runs_and_tasks_make_it():
    rng = np.random.default_rng(0)
    ours, theirs = rng.normal(size=(2, 50, 10))
    low, high = rliable(ours, theirs, 4000, rng)
    sd = np.sqrt((ours.var(axis=0) + theirs.var(axis=0)).sum() / 50) / 10
    assert high - low == pytest.approx(2 * 1.96 * sd, rel=0.06)
    assert (high + low) / 2 == pytest.approx(ours.mean() - theirs.mean(), abs=0.1 * sd)


def test_the_band_holds_the_level_and_narrows():
    assert band(2000)[0] < 0.05 < band(2000)[1]
    assert np.diff(band(8000)) == pytest.approx(np.diff(band(2000)) / 2, rel=0.02)


def rates(**changes):
    about = {"speakers": 30, "clips": 1024, "seed_sd": 0.01, "gain": 0.0, "seeds": 3, "draws": 9}
    plain = {"test": "headline", "covers": "seeds", "rejected": 0.05, "covered": 0.95, "width": 1.0}
    return about | plain | changes


@pytest.mark.parametrize(
    ("changes", "missed"),
    [
        ({}, False),
        ({"rejected": 0.061}, True),
        ({"rejected": 0.039}, True),
        ({"rejected": 0.8, "gain": 0.02}, False),  # power
        ({"covered": 0.92, "gain": 0.02}, True),
        ({"covered": 0.98}, True),
        ({"rejected": 0.2, "seeds": 1}, False),
        ({"rejected": 0.02, "speakers": 20}, False),
        ({"rejected": 0.2, "test": "t"}, False),
    ],
)
def test_a_headline_off_target_is_named(changes, missed):
    assert bool(outside([rates(**changes)])) == missed


@pytest.mark.parametrize(
    ("changes", "enough"),
    [
        ({}, 6),  # with 5 speakers no exact p reaches 5 %
        ({6: 0.076}, 8),
        ({12: 0.2}, 30),  # what is right by chance below a size that is wrong does not count
        ({30: 0.2}, 0),
    ],
)
def test_a_p_is_told_from_the_speakers_on_where_it_means_something(changes, enough):
    sizes = dict.fromkeys((2, 3, 5, 6, 8, 12, 30), 0.05) | changes
    found = [
        rates(speakers=n, rejected=rate, test=test, covers=TESTS[test], seeds=seeds)
        for test in OVER_SPEAKERS
        for n, rate in sizes.items()
        for seeds in (3, 8)
    ]
    found += [
        each | {"seed_sd": 0.5, "rejected": 0.9} for each in found if "and" not in each["covers"]
    ]
    assert fewest(found) == dict.fromkeys(OVER_SPEAKERS, enough)


def test_few_speakers_alone_can_be_simulated(tmp_path):
    options = ["simulate", "--draws", "1", "--jobs", "1", "--speakers", "2", "6"]
    main([*options, "--out", str(tmp_path / "out"), "--scratch", str(tmp_path / "scratch")])
    files = {path.name for path in (tmp_path / "out").iterdir()}
    assert files == {"few-speakers.svg", *(f"simulation.{kind}" for kind in ("csv", "json", "md"))}
    text = (tmp_path / "out" / "simulation.md").read_text(encoding="utf-8")
    assert "keeps to its target" not in text  # none of these sizes can tell


def test_the_command_writes_the_report_and_the_same_again(tmp_path, monkeypatch):
    tiny = [World(30, 1024, 0.01, 0.0), World(30, 1024, 0.01, 0.02)]
    monkeypatch.setattr("harness.extras.simulation.command.worlds", lambda: tiny)
    options = ["simulate", "--draws", "2", "--jobs", "1"]
    for name in ("one", "two"):
        main([*options, "--out", str(tmp_path / name), "--scratch", str(tmp_path / "scratch")])
    files = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert files == [
        *("coverage.svg", "false-positives.svg", "few-speakers.svg", "power.svg"),
        *("simulation.csv", "simulation.json", "simulation.md"),
    ]
    for name in files:
        content = (tmp_path / "one" / name).read_bytes()
        assert content == (tmp_path / "two" / name).read_bytes()
        assert len(content) < 100_000 or name == "simulation.json"
    found = json.loads((tmp_path / "one" / "simulation.json").read_text(encoding="utf-8"))
    with (tmp_path / "one" / "simulation.csv").open(encoding="utf-8") as file:
        assert len(list(csv.DictReader(file))) == len(found["settings"])
    text = (tmp_path / "one" / "simulation.md").read_text(encoding="utf-8")
    assert all(test in text for test in TESTS)


def test_impossible_options_are_named():
    options = Namespace(draws=1, jobs=1, speakers=[7], seed=0, out="", scratch="")
    with pytest.raises(RunError, match=r"--speakers \[7\]: choose from"):
        command(options)
