"""The bound that can be reached on the synthetic corpus: trees that are given what made the sound.

They see a clip's true traits, of which its sound is made, and never the sound. A model that hears
the traits without fault would score about as much; the corpus's own `bound` counts the noise of
the raters alone.
"""

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from sklearn.ensemble import ExtraTreesRegressor

from harness.config.strict import Strict, parse
from harness.corpora import synthetic
from harness.errors import ParamsError, RunError
from harness.made import Given, Made, arithmetic
from harness.made._left_out import left_out, stretched
from harness.packed import Split, read_split

CORPUS = "synthetic"


class Params(Strict):
    """Of the forest: how many trees, and how few train clips a leaf may have."""

    trees: int = Field(default=200, gt=0, le=10_000)
    leaf: int = Field(default=2, gt=0, le=1000)


def check(params: Params, given: Given) -> None:
    """Raise ParamsError where nobody knows the traits."""
    name = given.corpus.get("name")
    if name != CORPUS:
        raise ParamsError(
            f"the corpus {name} has no true traits, only {CORPUS} has; remove the row's family "
            "from params.yaml"
        )


def make(params: Params, given: Given) -> Made:
    """Fitted on the train clips; the seed is that of the trees."""
    check(params, given)
    train, dev = (read_split(given.features, split) for split in ("train", "dev"))
    x, new = traits(given, "train", train), traits(given, "dev", dev)
    forest = ExtraTreesRegressor(
        params.trees, min_samples_leaf=params.leaf, random_state=given.seed, n_jobs=1
    )
    unseen = left_out(forest, x, train, given.label)
    predictions = stretched(forest.fit(x, train.labels).predict(new), unseen, train.labels)
    return Made(dev.clips, dev.targets, predictions, arithmetic())


def traits(given: Given, split: str, found: Split) -> NDArray[np.float64]:
    """True traits [clips, traits] of the split, by clip id in its order."""
    corpus = parse(synthetic.Params, given.corpus, "corpus")
    true = synthetic.true_traits(corpus, split)
    unknown = [clip for clip in found.clips if clip not in true]
    if unknown or len(true) != len(found.clips):
        raise RunError(
            f"{given.label}: {given.features}/{split}.csv is not of this corpus "
            f"({len(found.clips)} clips instead of {len(true)}); run `dvc repro features`"
        )
    return np.array([true[clip] for clip in found.clips])
