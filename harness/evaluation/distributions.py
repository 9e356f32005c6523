"""What a head says of a label: a normal, a Student's t, or a probability for each bin.

Every distribution has a mean and a variance; the variance is the sum of an aleatoric part, which
more data would not lower, and an epistemic one, on which the members of an ensemble, the passes of
MC dropout, or the evidence disagree. A mixture of normals is told by its mean and variance, as one
normal (Lakshminarayanan et al. 2017); a mixture of bins is again one of bins.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaln, gammaln, log_softmax, ndtr, ndtri, stdtr, stdtrit

from harness.errors import RunError
from harness.evaluation.measures.crps import gaussian
from harness.evaluation.scale import BINS, LEAST_SD, MOST_SD

Array = NDArray[np.float64]
Arrays = dict[str, NDArray[Any]]
FILE = "distribution.npz"
PARTS = ("mean", "variance", "epistemic", "df", "probabilities")


@dataclass(frozen=True)
class Distribution:
    """Of every clip and target [clips, targets]; `variance` is the total, `epistemic` its share.

    `df`: degrees of freedom of a Student's t with this variance, above 2; `probabilities`
    [clips, targets, bins] of equal bins of [0, 1], level within. Without either it is normal.
    `variance` is None where a head gives a mean alone.
    """

    mean: Array
    variance: Array | None = None
    epistemic: Array | None = None
    df: Array | None = None
    probabilities: Array | None = None

    @property
    def sd(self) -> Array:
        """Root of the variance; RunError where there is none."""
        if self.variance is None:
            raise RunError(
                "a row of means alone has no likelihood; make a row with `made: variance_scaling` "
                "of it, or give it a head with a variance"
            )
        return np.sqrt(self.variance)

    @property
    def aleatoric(self) -> Array:
        """The variance without its epistemic part."""
        total = np.square(self.sd)
        return total if self.epistemic is None else total - self.epistemic

    def log_density(self, labels: Array) -> Array:
        """Natural logarithm of the density at the labels, per unit of the label."""
        if self.probabilities is not None:
            place = np.clip((labels * BINS).astype(int), 0, BINS - 1)[..., None]
            chosen = np.take_along_axis(self.probabilities, place, axis=-1)[..., 0]
            return np.log(np.maximum(chosen, 1e-12) * BINS)
        z = (labels - self.mean) / self._scale
        if self.df is not None:
            half = self.df / 2
            norm = gammaln(half + 0.5) - gammaln(half) - np.log(self.df * np.pi) / 2
            return norm - np.log(self._scale) - (half + 0.5) * np.log1p(z**2 / self.df)
        return -(z**2) / 2 - np.log(self._scale) - np.log(2 * np.pi) / 2

    def cdf(self, labels: Array) -> Array:
        """Probability that the label is at most this."""
        if self.probabilities is not None:
            inside = np.clip(labels * BINS, 0, BINS)[..., None]
            shares = np.clip(inside - np.arange(BINS), 0, 1)
            return np.asarray((self.probabilities * shares).sum(-1))
        z = (labels - self.mean) / self._scale
        return np.asarray(stdtr(self.df, z) if self.df is not None else ndtr(z))

    def quantile(self, level: float) -> Array:
        """The value [clips, targets] that the label is below with this probability."""
        if self.probabilities is not None:
            below = np.cumsum(self.probabilities, axis=-1)
            place = np.minimum((below < level * (1 - 1e-12)).sum(-1), BINS - 1)[..., None]
            share = np.take_along_axis(self.probabilities, place, axis=-1)
            start = np.take_along_axis(below, place, axis=-1) - share
            within = np.clip((level - start) / np.maximum(share, 1e-300), 0, 1)
            return np.asarray((place + within) / BINS)[..., 0]
        z = stdtrit(self.df, level) if self.df is not None else ndtri(level)
        return np.asarray(self.mean + self._scale * z)

    def crps(self, labels: Array) -> Array:
        """Continuous ranked probability score, in the label's unit (see measures.crps)."""
        if self.probabilities is not None:
            return self._crps_of_bins(np.asarray(labels)[..., None])
        if self.df is None:
            return gaussian(labels, self.mean, self.sd)
        z, df = (labels - self.mean) / self._scale, self.df  # Jordan et al. 2019, appendix A
        density = np.exp(self.log_density(labels)) * self._scale
        spread = 2 * np.sqrt(df) / (df - 1) * np.exp(_log_beta(df - 0.5) - 2 * _log_beta(df / 2))
        score = z * (2 * stdtr(df, z) - 1) + 2 * density * (df + z**2) / (df - 1) - spread
        return np.asarray(self._scale * score)

    def _crps_of_bins(self, labels: Array) -> Array:
        """∫ (F − 1[x ≥ y])² of an F that is a straight line in each bin, cut at the label."""
        assert self.probabilities is not None
        above = np.cumsum(self.probabilities, axis=-1)
        start, cut = above - self.probabilities, np.clip(labels * BINS - np.arange(BINS), 0, 1)
        middle = start + cut * self.probabilities
        left = cut * (start**2 + start * middle + middle**2)
        right = (1 - cut) * ((1 - middle) ** 2 + (1 - middle) * (1 - above) + (1 - above) ** 2)
        beyond = np.maximum(-labels, 0) + np.maximum(labels - 1, 0)
        return np.asarray((left + right).sum(-1) / (3 * BINS) + beyond[..., 0])

    @property
    def _scale(self) -> Array:
        """The sd of a normal; a Student's t with that variance is narrower."""
        return self.sd if self.df is None else self.sd * np.sqrt((self.df - 2) / self.df)


def _log_beta(b: Array) -> Array:
    """ln B(1/2, b)."""
    return np.asarray(betaln(0.5, b))


def of_head(head: str, raw: Array) -> Distribution:
    """Raw outputs [clips, outputs] of a head, by its name → what they say of each target.

    Raises RunError for a head that is none of these.
    """
    head, raw = head.rpartition(".")[2], np.asarray(raw, dtype=np.float64)
    if head not in _HEADS:
        raise RunError(
            f"head '{head}' has no distribution here; keep its outputs, or use one of "
            f"{', '.join(_HEADS)}"
        )
    return _HEADS[head](raw)


def _gauss(raw: Array) -> Distribution:
    mean, log_variance = np.split(raw, 2, axis=-1)
    bounds = 2 * np.log([LEAST_SD, MOST_SD])
    variance = np.exp(np.clip(log_variance, *bounds))
    return Distribution(mean, variance, np.zeros_like(mean))


def _bins(raw: Array) -> Distribution:
    logits = raw.reshape(*raw.shape[:-1], -1, BINS)
    return of_bins(np.exp(log_softmax(logits, axis=-1)))


def of_bins(probabilities: Array) -> Distribution:
    """Of probabilities [clips, targets, bins]; the variance has that within a bin, too."""
    centres = (np.arange(BINS) + 0.5) / BINS
    mean = probabilities @ centres
    squares = probabilities @ centres**2 + 1 / (12 * BINS**2)
    return Distribution(mean, squares - mean**2, np.zeros_like(mean), probabilities=probabilities)


def _der(raw: Array) -> Distribution:
    gamma, nu, alpha, beta = np.split(raw, 4, axis=-1)
    least = LEAST_SD**2
    nu, alpha, beta = (np.logaddexp(0, each) + least for each in (nu, alpha, beta))
    aleatoric = beta / alpha  # β/(α − 1) of an α that is 1 more
    return Distribution(gamma, aleatoric * (1 + 1 / nu), aleatoric / nu, df=2 * (alpha + 1))


_HEADS: dict[str, Callable[[Array], Distribution]] = {
    "point": Distribution,
    "gauss": _gauss,
    "bins": _bins,
    "der": _der,
}


def mixture(members: Sequence[Distribution]) -> Distribution:
    """All members alike: the variance of their means is epistemic.

    Raises RunError for members of different kinds or shapes.
    """
    first = members[0]
    for each in members:
        if each.mean.shape != first.mean.shape or _kind(each) != _kind(first):
            raise RunError(
                f"an ensemble has unequal members ({_kind(first)} of {first.mean.shape}, "
                f"{_kind(each)} of {each.mean.shape}); name rows that are alike"
            )
    means = np.array([each.mean for each in members])
    spread = means.var(axis=0)
    variance, epistemic, probabilities = spread, spread, None
    if first.variance is not None:
        variance = spread + _mean([each.variance for each in members])
        own = [np.zeros_like(spread) if m.epistemic is None else m.epistemic for m in members]
        epistemic = spread + _mean(own)
    if first.probabilities is not None:
        probabilities = _mean([each.probabilities for each in members])
    return Distribution(means.mean(axis=0), variance, epistemic, probabilities=probabilities)


def _mean(each: Sequence[Array | None]) -> Array:
    return np.asarray(np.mean(np.array(each, dtype=np.float64), axis=0))


def _kind(each: Distribution) -> str:
    if each.probabilities is not None:
        return f"{each.probabilities.shape[-1]} bins"
    return "means" if each.variance is None else "normals" if each.df is None else "Student's t"


def arrays(found: Distribution, split: str) -> Arrays:
    """The parts that it has, as distribution.npz names them: "dev_mean"."""
    parts = {part: getattr(found, part) for part in PARTS}
    return {f"{split}_{part}": each for part, each in parts.items() if each is not None}


def from_arrays(content: Arrays, split: str) -> Distribution:
    """The distribution of a split; RunError where the file has none of it."""
    parts = {part: content.get(f"{split}_{part}") for part in PARTS}
    if parts["mean"] is None:
        raise RunError(f"{FILE} has no split '{split}'; give the row `keep: [distribution]`")
    found = {part: each.astype(np.float64) for part, each in parts.items() if each is not None}
    return Distribution(**found)


def read(folder: Path) -> Arrays:
    """All arrays of a cell's distribution.npz; RunError where there is none."""
    file = folder / FILE
    if not file.is_file():
        raise RunError(f"{file} is missing; give the row `keep: [distribution]` and train it")
    with np.load(file, allow_pickle=False) as content:
        return {name: content[name] for name in content.files}


def of_split(content: Arrays, split: str, clips: Sequence[str]) -> Distribution:
    """The distribution of a split in the order of `clips`, joined by clip id.

    Raises RunError where it is about other clips.
    """
    found, own = from_arrays(content, split), content[f"{split}_clips"].astype(str).tolist()
    place = {clip: number for number, clip in enumerate(own)}
    if len(place) != len(own) or place.keys() != set(clips) or len(clips) != len(own):
        raise RunError(f"{FILE}: '{split}' is about other clips; make what it is made of anew")
    rows = [place[clip] for clip in clips]
    parts = {part: getattr(found, part) for part in PARTS}
    return Distribution(**{p: each[rows] for p, each in parts.items() if each is not None})
