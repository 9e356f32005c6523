"""Coverage: the share of labels inside the central interval of a level; best is the level itself.

`finish(level)` is the share; `miss(level)` how far it is from the level, lower is better.
"""

from collections.abc import Callable

import numpy as np

from harness.evaluation.measures.sums import Array, Speakers, checked, per_speaker

__all__ = ["LEVELS", "finish", "miss", "sums"]

LEVELS = (0.5, 0.8, 0.9, 0.95)


def sums(cdf: Array, speakers: Speakers) -> Array:
    """Clips of each speaker and how many are inside the interval of each level: predicted
    probabilities of a label as low [clips, targets] → [speakers, targets, 5].
    """
    off = np.abs(checked(cdf) - 0.5)[..., np.newaxis]
    return per_speaker((off <= np.array(LEVELS) / 2).astype(np.float64), speakers)


def finish(level: float) -> Callable[[Array], Array]:
    """Sums [..., 5] → the share inside [...]."""
    place = 1 + LEVELS.index(level)
    return lambda sums: sums[..., place] / sums[..., 0]


def miss(level: float) -> Callable[[Array], Array]:
    """Sums [..., 5] → the distance of the share from its level [...]."""
    share = finish(level)
    return lambda sums: np.abs(share(sums) - level)
