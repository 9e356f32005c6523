"""Area under the sparsification error (Ilg et al. 2018), lower is better.

The clips that a row is least sure of are left out, a tenth after the other, and likewise those with
the largest error, which nobody could do better. The area between the two curves of the root mean
squared error that is left, over that of all clips. 0: the order by predicted variance is that by
error.

The tenths are of all clips, each target apart. Where speakers are resampled, the clips stay in
their tenths, which may then be larger or smaller: so the sums of speakers add up.
"""

from typing import Literal

import numpy as np

from harness.evaluation.ccc import by_speaker
from harness.evaluation.measures.sums import Array, Speakers, checked

__all__ = ["finish", "sums"]

PARTS = 10
SIDES: tuple[Literal["left"], Literal["right"]] = ("left", "right")


def sums(labels: Array, mean: Array, variance: Array, speakers: Speakers) -> Array:
    """Of each speaker the clips and their squared errors in the first tenth, the first two, … all,
    in the order of the variance and in that of the error: [clips, targets] → [speakers, targets,
    4 · 10].
    """
    squares = np.square(checked(labels) - checked(mean))
    found = []
    for order in (checked(variance), squares):
        kept = _kept(order)
        found += [kept, kept * squares[..., np.newaxis]]
    return by_speaker(np.concatenate(found, axis=-1), speakers)


def _kept(values: Array) -> Array:
    """How much of each value is in the first tenths of its column, the smallest first: [clips,
    targets] → [clips, targets, 10]. Ties share the places that they have together.
    """
    clips = len(values)
    ends = np.arange(1, PARTS + 1) * clips / PARTS
    found = np.empty((*values.shape, PARTS))
    for column in range(values.shape[1]):
        ordered = np.sort(values[:, column])
        low, high = (
            np.searchsorted(ordered, values[:, column], side)[:, np.newaxis] for side in SIDES
        )
        np.clip((ends - low) / (high - low), 0, 1, out=found[:, column])
    return found


def finish(sums: Array) -> Array:
    """[..., 40] → [...]."""
    parts = np.split(sums, 4, axis=-1)
    by_variance, by_error = _curve(*parts[:2]), _curve(*parts[2:])
    gap = (by_variance - by_error) / by_variance[..., -1:]
    return np.asarray(np.trapezoid(gap, dx=1 / PARTS, axis=-1))


def _curve(clips: Array, squares: Array) -> Array:
    """RMSE of the surest tenth, the surest two, …, of all clips."""
    return np.sqrt(squares / np.maximum(clips, 1e-9))
