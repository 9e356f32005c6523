"""Clips as nobody recorded them: named changes of the log-mel, for what a network has not learned.

Each keeps a clip's number of frames, so that labels, ids and crops stay as they are. Noise is as
loud as the clip; what a filter would remove is lowered by 60 dB.
"""

from collections.abc import Callable
from copy import copy

import numpy as np
import torch
from numpy.typing import NDArray

from harness.config.features import Features
from harness.config.readings import SILENCE
from harness.errors import RunError
from harness.features import LogMel, mel_filters
from harness.learning.data import Packed

Levels = NDArray[np.float64]  # [frames, bands] dB of one clip
Shift = Callable[[Levels, Features, np.random.Generator], Levels]
PASSED = (300.0, 3400.0)  # Hz, a telephone's
LOST = 60.0  # dB


def time_reversal(levels: Levels, features: Features, rng: np.random.Generator) -> Levels:
    """Last frame first."""
    return levels[::-1]


def shuffled_frames(levels: Levels, features: Features, rng: np.random.Generator) -> Levels:
    """The same frames in a random order."""
    return levels[rng.permutation(len(levels))]


def silence(levels: Levels, features: Features, rng: np.random.Generator) -> Levels:
    """No sound at all."""
    return np.full_like(levels, SILENCE)


def white_noise(levels: Levels, features: Features, rng: np.random.Generator) -> Levels:
    """As much power at every frequency."""
    return _noise(levels, features, rng, 0.0)


def pink_noise(levels: Levels, features: Features, rng: np.random.Generator) -> Levels:
    """As much power in every octave."""
    return _noise(levels, features, rng, 0.5)


def pitch_doubled(levels: Levels, features: Features, rng: np.random.Generator) -> Levels:
    """Every frequency twice as high, the formants too; as long as before."""
    centres = _centres(features)
    moved = [np.interp(centres / 2, centres, frame, left=SILENCE) for frame in levels]
    return np.array(moved)


def band_pass(levels: Levels, features: Features, rng: np.random.Generator) -> Levels:
    """300 to 3400 Hz, as on the telephone."""
    centres = _centres(features)
    inside = (centres >= PASSED[0]) & (centres <= PASSED[1])
    if not inside.any():
        raise RunError(
            f"the shift band_pass leaves nothing of a clip: features has no band from "
            f"{PASSED[0]:g} to {PASSED[1]:g} Hz; remove `distribution` from the row's `keep`"
        )
    return np.where(inside, levels, np.maximum(levels - LOST, SILENCE))


SHIFTS: dict[str, Shift] = {
    each.__name__: each
    for each in (
        time_reversal,
        shuffled_frames,
        pitch_doubled,
        band_pass,
        white_noise,
        pink_noise,
        silence,
    )
}


def shifted(data: Packed, name: str, features: Features) -> Packed:
    """The same split with every clip changed; the same for every row and seed.

    Raises RunError where nothing is left of a clip.
    """
    found, levels = copy(data), data.levels.cpu().numpy()
    changed = np.empty_like(levels)  # float16, as the features are
    spans = zip(data.start.tolist(), data.frames.tolist(), data.clips, strict=True)
    for number, (start, frames, clip) in enumerate(spans):
        if not frames:
            raise RunError(
                f"clip '{clip}' is empty and cannot be shifted; run `dvc repro features`"
            )
        rng = np.random.default_rng([number, *name.encode()])
        own = levels[start : start + frames].astype(np.float64)
        changed[start : start + frames] = SHIFTS[name](own, features, rng)
    found.levels = torch.from_numpy(changed).to(data.levels.device)
    return found


def loudness(data: Packed) -> NDArray[np.float64]:
    """Mean level of each clip, dB: a detector of the unusual that knows nothing of emotion."""
    levels = data.levels.cpu().numpy()
    spans = zip(data.start.tolist(), data.frames.tolist(), strict=True)
    return np.array([levels[s : s + n].mean(dtype=np.float64) for s, n in spans])


def _centres(features: Features) -> NDArray[np.float64]:
    """Hz at the middle of each band, which its filter weighs most about."""
    filters = mel_filters(features)
    bins = np.fft.rfftfreq(features.window, 1 / features.sample_rate)
    return np.asarray(filters @ bins / np.maximum(filters.sum(axis=1), 1e-12))


def _noise(levels: Levels, features: Features, rng: np.random.Generator, falling: float) -> Levels:
    """Normal noise with an amplitude ∝ frequency^−`falling`, of the clip's mean level."""
    samples = max((len(levels) - 1) * features.hop, features.window)
    spectrum = np.fft.rfft(rng.standard_normal(samples))
    spectrum /= np.maximum(np.arange(len(spectrum)), 1) ** falling
    found = LogMel(features, np.float64)(np.fft.irfft(spectrum, samples))[: len(levels)]
    return np.asarray(found + levels.mean() - found.mean())
