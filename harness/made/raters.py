"""What other raters would have said of each dev clip: the oracle of uncertainty, on synthetic.

It knows what the raters perceive, and so the label's mean and variance over raters, from fresh
draws; it has not seen the labels. No prediction from the sound can be expected to do better.
"""

import numpy as np
from pydantic import Field

from harness.config.strict import Strict, parse
from harness.corpora import synthetic
from harness.errors import ParamsError, RunError
from harness.evaluation.scale import LEAST_SD
from harness.made import Given, Made, arithmetic
from harness.packed import read_split

CORPUS = "synthetic"


class Params(Strict):
    """How many labels are drawn for each clip."""

    draws: int = Field(default=400, ge=2, le=100_000)


def check(params: Params, given: Given) -> None:
    """Raise ParamsError where nobody knows the raters."""
    name = given.corpus.get("name")
    if name != CORPUS:
        raise ParamsError(
            f"the corpus {name} has no known raters, only {CORPUS} has; remove the row's family "
            "from params.yaml"
        )


def make(params: Params, given: Given) -> Made:
    """Mean and variance of the draws; a variance no smaller than that of other rows can be."""
    check(params, given)
    dev = read_split(given.features, "dev")
    corpus = parse(synthetic.Params, given.corpus, "corpus")
    draws = synthetic.label_draws(corpus, "dev", params.draws)
    if draws.keys() != set(dev.clips):
        raise RunError(
            f"{given.label}: {given.features}/dev.csv is not of this corpus; run `dvc repro "
            "features`"
        )
    each = np.array([draws[clip] for clip in dev.clips])
    mean, variance = each.mean(axis=1), np.maximum(each.var(axis=1, ddof=1), LEAST_SD**2)
    found = {
        "dev_clips": np.array(dev.clips),
        "dev_mean": mean,
        "dev_variance": variance,
        "dev_epistemic": np.zeros_like(mean),
        "dev_labels": dev.labels,
    }
    return Made(dev.clips, dev.targets, mean, arithmetic(), files={"distribution": found})
