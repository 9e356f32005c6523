import numpy as np
import pytest
import scipy.stats

from harness.evaluation import floors
from harness.evaluation.mrmc import SEEDS
from harness.evaluation.significance import compare, gather
from harness.extras.simulation import truth


@pytest.mark.parametrize("units", [1, 2, 3, 6, 10, 20])
def test_the_exact_floor_is_scipys_smallest_p_of_a_two_sided_test(units):
    """All signs alike: the exact sign test, and with all signs flipped the permutation test."""
    assert floors.exact(units) == pytest.approx(scipy.stats.binomtest(units, units).pvalue)


def test_thousands_of_units_have_no_floor_to_speak_of():
    assert floors.exact(5000) == 0


@pytest.mark.parametrize("test", floors.FEWEST)
def test_from_the_fewest_speakers_on_five_percent_can_be_reached_and_no_less_than_is_exact(test):
    fewest = floors.FEWEST[test]
    assert floors.over_speakers(test, fewest - 1, 0.0) is None
    assert floors.over_speakers(test, fewest, 0.0) == 2 / 2**fewest <= 0.05
    assert floors.over_speakers(test, fewest, 0.2) == 0.2


def test_what_is_told_is_never_below_the_floor():
    assert [floors.told(p, 0.01) for p in (0.0, 0.01, 0.3)] == [0.01, 0.01, 0.3]
    assert floors.told(0.3, None) is None


@pytest.mark.parametrize("speakers", [2, 3, 4, 5, 8, 12])
@pytest.mark.parametrize("seeds", [1, 2, 3])
def test_where_nothing_differs_few_speakers_make_no_false_findings(seeds, speakers):
    """Corpora whose truth is known: of what is told, p < .05 is about as rare as it says.

    300 draws: five true percent show more than 9 % once in a thousand times. Seeds hardly vary, so
    that tests over speakers are judged by speakers alone.
    """
    world = truth.World(speakers, 34 * speakers, 0.002, 0.0)
    tests = ("headline", *floors.FEWEST)
    found = dict.fromkeys(tests, 0)
    for draw in range(300):
        rng = np.random.default_rng([7, seeds, speakers, draw])
        evidence = gather(truth.draw(world, seeds, rng), 199, 0.95, rng)
        compared = compare(evidence, 0, 1)
        told = {"headline": compared, **compared["tests"]}
        for test in tests:
            found[test] += told[test]["p"] is not None and told[test]["p"] < 0.05
    assert max(found.values()) <= 27, found


def test_the_floor_of_seeds_is_that_of_the_protocol():
    assert floors.TAIL / SEEDS == 0.01
