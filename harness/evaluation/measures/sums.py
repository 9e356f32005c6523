"""What all measures share: sums over the clips of each speaker, and what is made of them."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import RunError
from harness.evaluation.ccc import Array, by_speaker

Finish = Callable[[Array], Array]  # sums [..., k] → the measure [...]
Speakers = Sequence[str] | NDArray[Any]  # one name a clip


def mean_score(sums: Array, finish: Finish) -> Array:
    """The measure over all speakers, its mean over targets: [..., speakers, targets, k] → [...]."""
    return finish(sums.sum(axis=-3)).mean(axis=-1)


def counted(values: Array, speakers: Speakers) -> Array:
    """The sums of a measure that is a mean over clips: values [clips, targets] → [speakers,
    targets, 2], number and sum. Raises RunError for a value that is not finite.
    """
    return per_speaker(checked(values)[..., np.newaxis], speakers)


def per_speaker(each: Array, speakers: Speakers) -> Array:
    """The number of clips, then sums of each: [clips, targets, k] → [speakers, targets, 1 + k]."""
    return by_speaker(np.concatenate([np.ones_like(each[..., :1]), each], axis=-1), speakers)


def checked(values: Array) -> Array:
    """float64 [clips, ...]; RunError for a value that is not finite."""
    values = np.asarray(values, dtype=np.float64)
    bad = np.argwhere(~np.isfinite(values))
    if len(bad):
        clip, *target = bad[0]
        column = f" for target number {target[0] + 1}" if target else ""
        raise RunError(
            f"clip number {clip + 1} has {values[tuple(bad[0])]}{column} "
            f"({len(bad)} such values); give finite labels and predictions"
        )
    return values


def mean(sums: Array) -> Array:
    """The mean over clips from `counted`: [..., 2] → [...]."""
    return sums[..., 1] / sums[..., 0]
