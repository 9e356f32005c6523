"""Predictions for train speakers that a model has not seen, and what they tell of it."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import PredefinedSplit, cross_val_predict

from harness.errors import RunError
from harness.packed import Split

FOLDS = 5

Array = NDArray[np.float64]


def left_out(model: Any, x: Array, train: Split, label: str) -> Array:
    """Of the train clips [clips, targets], each by the model fitted without a fifth of the
    speakers.

    The folds follow the speakers' names. `label`: of the cell, for the message of RunError where
    there is one speaker only.
    """
    speakers, number = np.unique(train.speakers, return_inverse=True)
    if len(speakers) < 2:
        raise RunError(
            f"{label} is judged on train speakers left out, and there is only {speakers[0]}; "
            "remove the row's family from params.yaml"
        )
    folds = PredefinedSplit(number % FOLDS)
    return np.asarray(cross_val_predict(model, x, train.labels, cv=folds))


def stretched(predictions: Array, left_out: Array, labels: Array) -> Array:
    """Predictions with the labels' mean and spread, as `left_out` of the train clips gets them.

    A squared error shrinks what is uncertain towards the mean, for which CCC takes points off; a
    network that is trained for CCC does not shrink.
    """
    spread = left_out.std(axis=0)
    scale = labels.std(axis=0) / np.where(spread > 0, spread, 1.0)
    return np.asarray((predictions - left_out.mean(axis=0)) * scale + labels.mean(axis=0))
