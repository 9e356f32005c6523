"""The same recording under two speakers or in two splits: a leak that no checksum shows.

Copies may be louder, shifted, resampled or compressed. Clips whose mean spectra agree are compared
by the peak of their normalised cross-correlation over all lags.
"""

import heapq
import itertools
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import soxr
from numpy.typing import NDArray
from scipy.signal import stft

from harness.corpora.sound import decode

Array = NDArray[np.float32]
RATE = 8000  # Hz; what every copy still holds
BANDS = 32  # equal bands of 0 to 4 kHz
FLOOR = -40.0  # dB under the strongest band, below which codecs differ
NEAR = 2.0  # dB rms between the mean spectra of a pair that is compared
SAME = 0.9  # correlation from which on two waveforms are one recording
BLOCK = 1024  # clips against all others at once: bounds the memory


class Pair(NamedTuple):
    """Two clips that sound the same, and how much (0.9 to 1)."""

    one: str
    other: str
    correlation: float


def signature(samples: Array, rate: int) -> Array:
    """Mean spectrum in dB without its level, [BANDS]; alike for copies, whatever their shift."""
    sound = at_low_rate(samples, rate)
    length = min(256, len(sound))
    _, _, bins = stft(sound, nperseg=length, noverlap=length // 2, padded=True)
    power = (np.abs(bins) ** 2).mean(axis=1)
    edges = np.linspace(0, len(power), BANDS + 1).astype(int)
    band = np.array([power[a : max(b, a + 1)].sum() for a, b in itertools.pairwise(edges)])
    level = 10 * np.log10(np.maximum(band, 1e-12))
    level = np.maximum(level, level.max() + FLOOR)
    return np.asarray(level - level.mean(), dtype=np.float32)


def at_low_rate(samples: Array, rate: int) -> Array:
    return samples if rate == RATE else np.asarray(soxr.resample(samples, rate, RATE), np.float32)


def pairs(clips: pd.DataFrame, signatures: Array, root: Path, most: int = 100_000) -> list[Pair]:
    """Pairs of clips of different speakers or splits with the same waveform, sorted by clip.

    `clips`: rows with clip, path, split, speaker; `signatures` [clips, BANDS]. At most `most` pairs
    with the nearest spectra are compared.
    """
    found = []
    near = _near(clips, signatures, most)

    @lru_cache(maxsize=256)
    def sound(row: int) -> Array:
        return at_low_rate(*decode((root / clips["path"].iloc[row]).read_bytes()))

    for one, other in sorted((int(a), int(b)) for _, a, b in near):
        how = correlation(sound(one), sound(other))
        if how >= SAME:
            names = clips["clip"].iloc[one], clips["clip"].iloc[other]
            found.append(Pair(*names, round(how, 3)))
    return sorted(found)


def correlation(one: Array, other: Array) -> float:
    """Largest |normalised cross-correlation| over all lags, 0 to 1; 0 where one is silent."""
    energy = float(np.sqrt((one.astype(float) ** 2).sum() * (other.astype(float) ** 2).sum()))
    if energy == 0:
        return 0.0
    size = 1 << (len(one) + len(other) - 1).bit_length()
    spectrum = np.fft.rfft(one, size) * np.conj(np.fft.rfft(other, size))
    return float(np.abs(np.fft.irfft(spectrum, size)).max() / energy)


def _near(clips: pd.DataFrame, signatures: Array, most: int) -> list[tuple[float, Any, Any]]:
    """(distance, row, later row), the `most` nearest, of different speakers or splits."""
    speakers = pd.factorize(clips["speaker"])[0]
    splits = pd.factorize(clips["split"])[0]
    squares = (signatures**2).sum(axis=1)
    found: list[tuple[float, Any, Any]] = []
    for start in range(0, len(clips), BLOCK):
        block = slice(start, start + BLOCK)
        squared = squares[block, None] + squares - 2 * signatures[block] @ signatures.T
        close = squared < BANDS * NEAR**2
        close &= (speakers[block, None] != speakers) | (splits[block, None] != splits)
        rows, others = np.nonzero(close)
        later = rows + start < others
        rows, others = rows[later], others[later]
        distance = squared[rows, others]
        found += zip(distance.tolist(), (rows + start).tolist(), others.tolist(), strict=True)
        found = heapq.nsmallest(most, found)
    return found
