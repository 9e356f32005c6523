"""What single clips do to Ĉ, and how far two rows are apart on them."""

import numpy as np

from harness.evaluation.ccc import Array


def added(labels: Array, predictions: Array) -> Array:
    """What each clip adds to 1 − Ĉ: labels [clips, targets], predictions [runs, clips, targets]
    → [clips], which sum to 1 − Ĉ, the mean over runs and targets.

    1 − CCC is the mean square of prediction − label over var x + var y + (mean x − mean y)²
    (Eq. 1), so that every clip has its own share of it. A target whose labels and predictions are
    one constant adds nothing.
    """
    apart = np.square(predictions - labels)
    between = np.square(predictions.mean(axis=1) - labels.mean(axis=0))
    spread = labels.var(axis=0) + predictions.var(axis=1) + between  # [runs, targets]
    shares = apart / np.where(spread > 0, spread, 1.0)[:, np.newaxis]
    found: Array = shares.mean(axis=(0, 2)) / len(labels)
    return found


def apart(one: Array, other: Array) -> Array:
    """The mean distance over targets between two rows' predictions, of each the mean over runs:
    [runs, clips, targets] twice → [clips], in the labels' unit."""
    found: Array = np.abs(one.mean(axis=0) - other.mean(axis=0)).mean(axis=1)
    return found


def highest(values: Array, count: int) -> list[int]:
    """Places of the highest values, the highest first; of equal ones the first."""
    return [int(place) for place in np.argsort(-values, kind="stable")[:count]]
