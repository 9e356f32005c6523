"""A cell's uncertainty scaled on held-out train speakers: temperature scaling for regression.

Normals: of every target σ² · s², with s² the mean of ((y − μ)/σ)² over the clips of speakers that
the network did not learn from (Levi et al. 2022). Means alone: the mean squared error of these
clips is their variance. Bins: probabilities to the power 1/T, with the T whose likelihood is
highest (Guo et al. 2017). Dev is not looked at.
"""

from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize_scalar

from harness.config.strict import Strict
from harness.errors import RunError
from harness.evaluation import distributions
from harness.evaluation.distributions import Array, Distribution, of_bins
from harness.made import Given, Made
from harness.made._one import check_one, made_of, split_names

LEAST = 1e-12  # a scale or a spread below it is none
HELD_OUT = "held_out"


class Fitted(NamedTuple):
    """Factors of the variance [targets], or the temperature of bins."""

    factors: Array
    temperature: float = 1.0


def check(params: Strict, given: Given) -> None:
    """Raise ParamsError where there is not one cell."""
    check_one(given)


def make(params: Strict, given: Given) -> Made:
    """The cell with the same means, but for bins, and another variance."""
    check(params, given)
    (folder,) = given.cells.values()
    content = distributions.read(folder)
    if f"{HELD_OUT}_mean" not in content:
        raise RunError(
            f"{given.label}: {folder} has no held-out speakers; give its row `readings: "
            "{selection: held_out}`"
        )
    fitted = fit(distributions.from_arrays(content, HELD_OUT), content[f"{HELD_OUT}_labels"])
    for split in split_names(content):
        found = scaled(distributions.from_arrays(content, split), fitted)
        content |= distributions.arrays(found, split)
    return made_of(folder, content)


def fit(found: Distribution, labels: Array) -> Fitted:
    """On clips [clips, targets]; RunError where labels or errors have no spread to fit."""
    labels = labels.astype(np.float64)
    if (labels.std(axis=0) < LEAST).any():
        target = int(np.argmin(labels.std(axis=0))) + 1
        raise RunError(
            f"target number {target} is constant over the held-out speakers; a variance fitted on "
            "it means nothing: use a corpus with more speakers"
        )
    if found.probabilities is not None:
        if np.ptp(found.probabilities, axis=-1).max() < LEAST:
            raise RunError(
                "every bin of every held-out clip is as likely as another, so no temperature "
                "changes anything; train the row for more epochs"
            )
        return Fitted(np.ones(labels.shape[1]), _temperature(found.probabilities, labels))
    squares = np.square(labels - found.mean)
    if found.variance is not None:
        squares = squares / found.variance
    factors = squares.mean(axis=0)
    if (factors < LEAST).any():
        raise RunError(
            "the held-out clips are predicted without error; a variance cannot be fitted on them"
        )
    return Fitted(factors)


def scaled(found: Distribution, fitted: Fitted) -> Distribution:
    """The distribution with the fitted variance or temperature."""
    if found.probabilities is not None:
        return of_bins(_tempered(found.probabilities, fitted.temperature))
    variance = np.ones_like(found.mean) if found.variance is None else found.variance
    own = np.zeros_like(variance) if found.epistemic is None else found.epistemic
    return Distribution(found.mean, variance * fitted.factors, own * fitted.factors, found.df)


def _temperature(probabilities: Array, labels: Array) -> float:
    def loss(log_t: float) -> float:
        own = of_bins(_tempered(probabilities, float(np.exp(log_t))))
        return float(-own.log_density(labels).mean())

    return float(np.exp(minimize_scalar(loss, bounds=(-3, 3), method="bounded").x))


def _tempered(probabilities: Array, temperature: float) -> Array:
    logits = np.log(np.maximum(probabilities, 1e-12)) / temperature
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))
