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

from harness.evaluation.measures.sums import Array, Speakers, checked, per_speaker

__all__ = ["finish", "sums"]

PARTS = 10
SIDES: tuple[Literal["left"], Literal["right"]] = ("left", "right")


def sums(labels: Array, mean: Array, variance: Array, speakers: Speakers) -> Array:
    """Of each speaker the clips and their squared errors in each tenth, by variance and by error:
    [clips, targets] → [speakers, targets, 1 + 4 · 10].
    """
    squares = np.square(checked(labels) - checked(mean))
    found = []
    for order in (checked(variance), squares):
        inside = _shares(order)
        found += [inside, inside * squares[..., np.newaxis]]
    return per_speaker(np.concatenate(found, axis=-1), speakers)


def _shares(values: Array) -> Array:
    """How much of each value is in each tenth of its column, the smallest first: [clips, targets]
    → [clips, targets, 10]. Ties share the places that they have together.
    """
    clips = len(values)
    edges = np.arange(PARTS + 1) * clips / PARTS
    found = np.empty((*values.shape, PARTS))
    for column in range(values.shape[1]):
        ordered = np.sort(values[:, column])
        low, high = (
            np.searchsorted(ordered, values[:, column], side)[:, np.newaxis] for side in SIDES
        )
        inside = np.minimum(high, edges[1:]) - np.maximum(low, edges[:-1])
        found[:, column] = np.maximum(inside, 0) / (high - low)
    return found


def finish(sums: Array) -> Array:
    """[..., 41] → [...]."""
    by_variance, by_error = (_curve(*each) for each in _halves(sums))
    gap = (by_variance - by_error) / by_variance[..., -1:]
    return np.asarray(np.trapezoid(gap, dx=1 / PARTS, axis=-1))


def _halves(sums: Array) -> list[tuple[Array, Array]]:
    parts = [sums[..., 1 + i * PARTS : 1 + (i + 1) * PARTS] for i in range(4)]
    return [(parts[0], parts[1]), (parts[2], parts[3])]


def _curve(clips: Array, squares: Array) -> Array:
    """RMSE of the surest tenth, the surest two, …, of all clips."""
    kept = np.cumsum(clips, axis=-1)
    return np.sqrt(np.cumsum(squares, axis=-1) / np.maximum(kept, 1e-9))
