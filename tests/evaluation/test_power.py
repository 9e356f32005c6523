import numpy as np
import pytest
import scipy.stats

from harness.evaluation.mrmc import mean_squares, of_pseudo_values
from harness.evaluation.power import (
    GAINS,
    LARGEST,
    Components,
    components,
    design,
    detectable,
    plan,
    pooled,
    power,
    seeds_needed,
)

EMOGATOR = Components(0.0237**2, 0.0129**2, 0.0534**2)  # of a local difference, 3 epochs


def drawn(found, seeds, speakers, rng):
    """Normal pseudo-values [seeds, speakers] with these variances and mean 0."""
    sd = np.sqrt(found)
    return (
        sd[0] * rng.normal(size=(seeds, 1))
        + sd[1] * rng.normal(size=(1, speakers))
        + sd[2] * rng.normal(size=(seeds, speakers))
    )


@pytest.mark.parametrize("df", [2, 5.5, 48])
@pytest.mark.parametrize("centre", [0.0, 1.0, 3.0, 8.0])
def test_power_is_the_share_of_drawn_t_beyond_the_critical_value(df, centre):
    rng = np.random.default_rng(0)
    t = (rng.normal(size=200_000) + centre) / np.sqrt(rng.chisquare(df, 200_000) / df)
    share = np.mean(np.abs(t) > scipy.stats.t.ppf(0.975, df))
    assert power(0.1 * centre, 0.1, df, 0.95) == pytest.approx(share, abs=0.005)


@pytest.mark.parametrize("df", [1.2, 2, 7, 567])
@pytest.mark.parametrize("level", [0.9, 0.95])
def test_the_detectable_difference_is_found_in_four_of_five_draws(df, level):
    rng = np.random.default_rng(1)
    found = detectable(0.02, df, level)
    t = (rng.normal(size=200_000) + found / 0.02) / np.sqrt(rng.chisquare(df, 200_000) / df)
    share = np.mean(np.abs(t) > scipy.stats.t.ppf((1 + level) / 2, df))
    assert share == pytest.approx(0.8, abs=0.005)


@pytest.mark.parametrize(
    ("found", "seeds", "speakers"),
    [
        (EMOGATOR, 3, 49),
        (EMOGATOR, 8, 49),
        (Components(1e-5, 0.01, 0.003), 5, 30),
    ],
)
def test_the_headline_finds_what_the_design_says_in_four_of_five_draws(found, seeds, speakers):
    """Degrees of freedom are estimated in each draw, hence the room."""
    rng = np.random.default_rng(2)
    difference = detectable(*design(found, seeds, speakers), 0.95)
    draws = [difference + drawn(found, seeds, speakers, rng) for _ in range(3000)]
    share = np.mean([of_pseudo_values(values, 0.95).p <= 0.05 for values in draws])
    assert share == pytest.approx(0.8, abs=0.04)


def test_components_of_many_draws_are_those_drawn_from():
    rng = np.random.default_rng(3)
    each = [components(mean_squares(drawn(EMOGATOR, 4, 20, rng)), 4, 20) for _ in range(4000)]
    assert pooled(each) == pytest.approx(EMOGATOR, rel=0.05)


def test_variances_below_zero_count_as_none():
    assert pooled([Components(-1.0, 2.0, 1.0), Components(0.5, 0.0, 1.0)]) == (0.0, 1.0, 1.0)


@pytest.mark.parametrize("speakers", [49, 568])
@pytest.mark.parametrize("difference", [0.01, 0.024])
def test_the_seeds_needed_are_the_first_of_all_that_suffice(speakers, difference):
    enough = [
        seeds
        for seeds in range(3, LARGEST + 1)
        if power(difference, *design(EMOGATOR, seeds, speakers), 0.95) >= 0.8
    ]
    found = seeds_needed(EMOGATOR, speakers, difference, 0.95)
    assert found == (enough[0] if enough else None)
    assert not enough or enough == list(range(enough[0], LARGEST + 1))


def test_no_number_of_seeds_makes_up_for_few_speakers():
    assert seeds_needed(Components(1e-4, 0.01, 1e-4), 10, 0.01, 0.95) is None


def test_a_plan_is_by_gain_and_number_of_speakers_with_the_mean_baseline():
    values = drawn(EMOGATOR, 3, 49, np.random.default_rng(4))
    squares = mean_squares(values)._asdict()
    each = {"squares": squares, "gain": 1.0, "base": 0.2}
    found = plan([each, {**each, "base": 0.3}, {**each, "squares": None}], 3, 49, 0.95)
    assert found["baseline"] == pytest.approx(0.25)
    expected = [(gain, size) for gain in GAINS for size in (49, 98, 568)]
    assert [(line["gain"], line["speakers"]) for line in found["needed"]] == expected
    own = pooled([components(mean_squares(values), 3, 49)])
    smallest = detectable(*design(own, 3, 49), 0.95)
    assert found["detects"] == pytest.approx(100 * smallest / 0.25)
    assert found["needed"][-1]["seeds"] == seeds_needed(own, 568, 0.0125, 0.95)
    assert plan([{**each, "gain": None}], 3, 49, 0.95) is None
