"""What clips mean and what raters make of it: ten intensities in [0, 1] with a known ceiling.

Meaning: one dominant emotion in a blend (Cowen et al. 2019). Label: the mean over K raters, divided
by the clip's largest, as Hume-VB's labels are, so that one emotion of every clip is exactly 1.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

Array = NDArray[np.float64]

EMOTIONS = (
    *("Awe", "Excitement", "Amusement", "Awkwardness", "Fear"),
    *("Horror", "Distress", "Triumph", "Sadness", "Surprise"),
)  # Hume-VB's columns, in their order
POSITIVE = np.isin(EMOTIONS, ["Awe", "Excitement", "Amusement", "Triumph", "Surprise"])
BIAS = 0.10  # sd of a rater's leaning, the same for all ten answers on a clip
NOISE = 0.25  # sd of one answer
UNTICKED = 0.35  # chance that an emotion of intensity 0 is not ticked; 0 at intensity 1
DECIMALS = 4  # of published labels; absorbs last-bit differences between machines


def meaning(rng: np.random.Generator) -> Array:
    """What a clip expresses, (10,): a peak on a sparse blend, the largest in [0.35, 0.95]."""
    blend = 0.6 * rng.dirichlet(np.full(len(EMOTIONS), 0.25))
    blend[rng.integers(len(EMOTIONS))] += 1.0
    return np.asarray(blend / blend.max() * rng.uniform(0.35, 0.95))


def confusion(rng: np.random.Generator, countries: int) -> Array:
    """What else each country's raters read into each emotion, (countries, 10, 10), diagonal 1.

    Positive emotions of others are confused more (Sauter et al. 2010, PNAS).
    """
    size = len(EMOTIONS)
    share = np.where(POSITIVE, 0.2, 0.1)[None, :, None]
    other = share * rng.dirichlet(np.full(size, 0.5), size=(countries, size))
    return np.asarray(np.where(np.eye(size) > 0, 1.0, other))


def mean_rating(perceived: Array, raters: int, rng: np.random.Generator) -> Array:
    """The mean answer of `raters` fresh raters, shape of `perceived` (..., 10), not normalised."""
    shape = (raters, *perceived.shape)
    answers = perceived + NOISE * rng.standard_normal(shape)
    answers += BIAS * rng.standard_normal((*shape[:-1], 1))
    ticked = rng.random(shape) >= UNTICKED * (1 - perceived)
    return np.asarray((np.clip(answers, 0, 1) * ticked).mean(axis=0))


def expected_rating(perceived: Array) -> Array:
    """The mean answer of infinitely many raters: that of a clipped normal, times its ticks."""
    spread = np.hypot(BIAS, NOISE)
    low, high = -perceived / spread, (1 - perceived) / spread
    density = np.exp(-(low**2) / 2) - np.exp(-(high**2) / 2)
    inside = perceived * (ndtr(high) - ndtr(low)) + spread * density / np.sqrt(2 * np.pi)
    return np.asarray((inside + 1 - ndtr(high)) * (1 - UNTICKED * (1 - perceived)))


def normalised(ratings: Array) -> Array:
    """Ratings (..., 10) divided by the largest of each clip; a clip of zeros stays zero."""
    largest = ratings.max(axis=-1, keepdims=True)
    return np.asarray(ratings / np.where(largest > 0, largest, 1.0))


def label(perceived: Array, raters: int, rng: np.random.Generator) -> Array:
    """The published label of one clip, (10,), its largest exactly 1."""
    while True:  # a clip that nobody ticked goes to fresh raters
        ratings = mean_rating(perceived, raters, rng)
        if ratings.max() > 0:
            return np.round(normalised(ratings), DECIMALS)
