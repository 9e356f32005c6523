import numpy as np
import pytest
import scipy.stats

from harness.errors import RunError
from harness.evaluation.fisher import fisher_z


def test_the_papers_claims_under_the_paper_style_test():
    """Values worked out by hand for 19,396 clips: z of Table 2's CNN14 and ResNet 18 rows."""
    z, p = fisher_z([0.678, 0.628, 0.678], [0.647, 0.613, 0.674], 19396, 19396)
    assert z == pytest.approx([5.44, 2.40, 0.73], abs=0.01)
    assert p[0] == pytest.approx(5e-8, rel=0.1)
    assert p[1:] == pytest.approx([0.016, 0.47], abs=0.005)


def test_with_speakers_as_units_nothing_is_left():
    z, p = fisher_z(0.678, 0.647, 568, 568)
    assert z == pytest.approx(0.93, abs=0.005)
    assert p == pytest.approx(2 * scipy.stats.norm.sf(z))


def test_false_positives_are_five_percent_for_what_it_is_made_for():
    """Pearson's r of independent samples: there the test is right."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, 4000, 60))
    y = 0.5 * x + rng.normal(size=x.shape)
    r = scipy.stats.pearsonr(x, y, axis=-1).statistic
    _, p = fisher_z(r[0], r[1], 60, 60)
    assert np.mean(p <= 0.05) == pytest.approx(0.05, abs=0.011)


def test_equal_correlations_have_p_of_one_and_perfect_ones_no_nan():
    assert fisher_z(1.0, 1.0, 10, 10) == (0, 1)
    assert fisher_z(0.3, 0.3, 10, 20) == (0, 1)
    assert fisher_z(1.0, 0.9, 10, 10)[1] == 0


def test_impossible_samples_are_refused():
    with pytest.raises(RunError, match="more than three"):
        fisher_z(0.1, 0.2, 3, 10)
    with pytest.raises(RunError, match="from -1 to 1"):
        fisher_z(1.1, 0.2, 10, 10)
