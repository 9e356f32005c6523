"""One clip's sound: decoded to mono float32, or refused with the reason in a few words."""

import io
import struct

import numpy as np
import soundfile
from numpy.typing import NDArray

LONGEST = 300.0  # s; a burst takes seconds, and its log-mel is held in memory
LOWEST = 4000  # Hz; below it there is no voice left to hear
LOUDEST = 16.0  # floats lie in [-1, 1], decoders overshoot a little, unscaled integers do not
POINTER = b"version https://git-lfs.github.com/spec/"
UNKNOWN = 0x7FFFF000  # sizes from here on are what encoders write into a pipe

Samples = NDArray[np.float32]


class Unheard(Exception):
    """Why a clip cannot be used, to stand after its name."""


def decode(raw: bytes) -> tuple[Samples, int]:
    """Samples [n], nominally in [-1, 1], channels averaged, and their rate in Hz.

    The content decides, not the name: wav, flac, ogg, mp3 and what else libsndfile knows, of any
    width, rate and number of channels. Raises Unheard for what is no whole, finite sound of
    at most 5 min. Silence is a sound.
    """
    if not raw:
        raise Unheard("is empty")
    if raw.startswith(POINTER):
        raise Unheard("is a Git LFS pointer, not the sound; run `git lfs pull` where it lies")
    if _cut_off(raw):
        raise Unheard("ends before its header says it does")
    try:
        with soundfile.SoundFile(io.BytesIO(raw)) as file:
            rate, announced = file.samplerate, file.frames
            _check_length(announced, rate)
            samples = file.read(dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as error:
        raise Unheard(f"is not readable audio ({error.error_string.strip()})") from None
    if len(samples) < announced:
        raise Unheard(f"ends after {len(samples):,} of {announced:,} samples")
    mono = samples[:, 0] if samples.shape[1] == 1 else samples.mean(axis=1)
    _check_values(mono, samples)
    return mono, rate


def _check_length(samples: int, rate: int) -> None:
    if not samples:
        raise Unheard("holds no samples")
    if rate < LOWEST:
        raise Unheard(f"has {rate} samples a second, too few for a voice")
    if samples / rate > LONGEST:
        raise Unheard(f"is {samples / rate:,.0f} s long, more than {LONGEST:g} s")


def _check_values(mono: Samples, samples: Samples) -> None:
    if not np.isfinite(mono).all():
        raise Unheard("holds NaN or infinite samples")
    peak = float(np.abs(samples).max())
    if peak > LOUDEST:
        raise Unheard(f"holds samples up to {peak:g}, but floats lie in [-1, 1]")


def _cut_off(raw: bytes) -> bool:
    """Whether a wav declares more bytes of samples than follow, which libsndfile lets pass."""
    if raw[:4] != b"RIFF" or raw[8:12] != b"WAVE":
        return False
    place = 12
    while place + 8 <= len(raw):
        name, size = struct.unpack_from("<4sI", raw, place)
        place += 8
        if name == b"data":
            return place + size > len(raw) and size < UNKNOWN
        place += size + size % 2
    return True  # no samples at all
