"""Rows that are made of one cell's distribution, against loops and scipy."""

import json

import numpy as np
import pytest
import scipy.optimize

from harness.errors import ParamsError, RunError
from harness.evaluation import distributions
from harness.evaluation.distributions import Distribution, of_bins
from harness.made import Given, check, make
from harness.made.variance_scaling import fit, scaled

CLIPS, TARGETS = 30, ["Awe", "Fear"]
RNG = np.random.default_rng(0)
LABELS = RNG.random((CLIPS, 2))


def write(folder, found, held_out=True, **more):
    """A finished cell with a distribution of dev, and of held-out clips."""
    folder.mkdir(exist_ok=True)
    clips = np.array([f"d{i}" for i in range(CLIPS)])
    np.savez(folder / "predictions.npz", clips=clips[::-1], targets=TARGETS, last=LABELS[::-1])
    facts = {"params": 9, "params_trained": 3, "width": 0.5, "epochs": 4, "arithmetic": "float32"}
    (folder / "metrics.json").write_text(json.dumps(facts))
    content = {"dev_clips": clips, "dev_labels": LABELS, **distributions.arrays(found, "dev")}
    if held_out:
        content |= {"held_out_labels": LABELS, **distributions.arrays(found, "held_out")}
    np.savez(folder / "distribution.npz", **content | more)
    return Given("uncertainty/own-1", 1, None, {}, {"uncertainty/single-1": folder})


NORMAL = Distribution(
    LABELS + RNG.normal(0, 0.2, LABELS.shape), RNG.uniform(0.1, 0.5, LABELS.shape)
)


def test_a_scaled_variance_is_the_mean_square_of_held_out_residuals_over_their_sd(tmp_path):
    made = make("variance_scaling", {}, write(tmp_path / "a", NORMAL))
    for t in range(2):
        residuals = [
            (LABELS[c, t] - NORMAL.mean[c, t]) ** 2 / NORMAL.variance[c, t] for c in range(CLIPS)
        ]
        found = made.files["distribution"]["dev_variance"][:, t]
        assert found == pytest.approx(NORMAL.variance[:, t] * sum(residuals) / CLIPS)
    assert made.clips == [f"d{i}" for i in range(CLIPS)][::-1]
    assert made.predictions.tolist() == NORMAL.mean[::-1].tolist()


def test_no_other_factor_has_a_higher_likelihood_on_the_held_out_clips():
    best = scaled(NORMAL, fit(NORMAL, LABELS)).log_density(LABELS).mean(0)
    for factor in (0.9, 1.1):
        other = fit(NORMAL, LABELS)._replace(factors=fit(NORMAL, LABELS).factors * factor)
        assert (scaled(NORMAL, other).log_density(LABELS).mean(0) < best).all()


def test_means_alone_get_their_held_out_squared_error(tmp_path):
    made = make("variance_scaling", {}, write(tmp_path / "a", Distribution(NORMAL.mean)))
    expected = np.square(LABELS - NORMAL.mean).mean(0)
    assert made.files["distribution"]["dev_variance"][5] == pytest.approx(expected)


def test_a_temperature_of_bins_is_where_scipy_finds_the_highest_likelihood():
    distance = (LABELS + RNG.normal(0, 0.1, LABELS.shape))[..., None] - (np.arange(20) + 0.5) / 20
    p = np.exp(-((distance / 0.07) ** 2) / 2) + 1e-6  # too sure of itself
    p /= p.sum(-1, keepdims=True)

    def loss(t):
        powers = p ** (1 / t[0])
        return -of_bins(powers / powers.sum(-1, keepdims=True)).log_density(LABELS).mean()

    found = fit(of_bins(p), LABELS)
    there = scipy.optimize.minimize(loss, [1.5], method="Nelder-Mead", bounds=[(0.06, 18)])
    assert loss([found.temperature]) == pytest.approx(there.fun, abs=1e-5)
    assert found.temperature > 1.2


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.column_stack([LABELS[:, 0], np.ones(CLIPS)]), "target number 2 is constant over the"),
        (NORMAL.mean, "predicted without error; a variance cannot be fitted"),
    ],
)
def test_what_cannot_be_fitted_is_one_line(labels, message):
    with pytest.raises(RunError, match=message) as caught:
        fit(NORMAL, labels)
    assert "\n" not in str(caught.value)


def test_a_temperature_of_bins_that_are_all_alike_is_one_line():
    level = of_bins(np.full((CLIPS, 2, 20), 0.05))
    with pytest.raises(RunError, match="as likely as another, so no temperature changes anything"):
        fit(level, LABELS)


def test_a_cell_without_held_out_speakers_or_passes_says_what_its_row_needs(tmp_path):
    own = write(tmp_path / "a", NORMAL, held_out=False)
    with pytest.raises(RunError, match=r"no held-out speakers; give its row `readings: \{selec"):
        make("variance_scaling", {}, own)
    with pytest.raises(RunError, match=r"passes\.npz is missing; give its row `keep: \[passes\]`"):
        make("passes", {}, own)
    (tmp_path / "a" / "distribution.npz").unlink()
    with pytest.raises(RunError, match=r"distribution\.npz is missing; give the row"):
        make("member", {}, own)


@pytest.mark.parametrize("name", ["variance_scaling", "passes"])
def test_a_row_of_one_cell_comes_after_one(name):
    with pytest.raises(ParamsError, match="made of one cell and comes after 2; name one row"):
        check(name, {}, Given("a", 1, None, {}, {"b": None, "c": None}))


def test_a_member_is_the_cell_that_is_asked_for(tmp_path):
    one, other = (
        write(tmp_path / n, Distribution(NORMAL.mean + s, NORMAL.variance))
        for n, s in (("a", 0), ("b", 1))
    )
    both = Given(
        "a",
        1,
        None,
        {},
        {"a": one.cells["uncertainty/single-1"], "b": other.cells["uncertainty/single-1"]},
    )
    made = make("member", {"nth": 2}, both)
    assert made.predictions == pytest.approx(NORMAL.mean[::-1] + 1)
    with pytest.raises(ParamsError, match="member 3 is asked for and there are 2 cells"):
        check("member", {"nth": 3}, both)


def test_passes_are_the_distribution_that_was_kept_of_them(tmp_path):
    own = write(tmp_path / "a", NORMAL)
    passes = {"dev_clips": np.array([f"d{i}" for i in range(CLIPS)])}
    passes |= distributions.arrays(Distribution(NORMAL.mean + 1, NORMAL.variance), "dev")
    np.savez(tmp_path / "a" / "passes.npz", **passes)
    made = make("passes", {}, own)
    assert made.predictions == pytest.approx(NORMAL.mean[::-1] + 1)
    assert made.params == (9, 3)
