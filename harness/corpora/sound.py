"""One clip's sound: decoded to mono float32, or refused with the reason in a few words."""

from functools import reduce

import numpy as np
import soundfile
from numpy.typing import NDArray

from harness.corpora.containers import Unheard, opened

LONGEST = 300.0  # s; a burst takes seconds, and its log-mel is held in memory
LOWEST = 4000  # Hz; below it there is no voice left to hear
LOUDEST = 16.0  # floats lie in [-1, 1], decoders overshoot a little, unscaled integers do not
POINTER = b"version https://git-lfs.github.com/spec/"
ESTIMATING = ("MP3", "OGG")  # formats whose length no header states
OPEN = 2**63 - 1  # the length of a FLAC that was written into a pipe, as libsndfile gives it
BLOCK = 1 << 16  # samples decoded at once
FULL_SCALE = np.float32(2**15)  # of 16 bits; a power of two, so that the division is exact

Samples = NDArray[np.float32]


class _Stream(soundfile.SoundFile):
    """Read on without a seek after each block, at which a FLAC of open length fails."""

    def seekable(self) -> bool:
        return False


def decode(raw: bytes) -> tuple[Samples, int]:
    """Samples [n], nominally in [-1, 1], channels averaged, and their rate in Hz.

    The content decides, not the name: wav, flac, ogg, mp3 and what else libsndfile knows, of any
    width, rate and number of channels. A stated length is held against what decodes; where none
    binds (mp3, ogg, a FLAC or wav written into a pipe) what decodes is the clip. Raises Unheard
    for what is no whole, finite sound of at most 5 min. Silence is a sound.
    """
    if not raw:
        raise Unheard("is empty")
    if raw.startswith(POINTER):
        raise Unheard("is a Git LFS pointer, not the sound; run `git lfs pull` where it lies")
    try:
        with _Stream(opened(raw)) as file:
            samples, rate = _read(file), file.samplerate
    except soundfile.LibsndfileError as error:
        why = error.error_string.removeprefix("Error : ").strip(" .")
        raise Unheard(f"is not readable audio ({why})") from None
    mono = _mono(samples)
    _check_values(mono, samples)
    return mono, rate


def _read(file: _Stream) -> Samples:
    """All samples [n, channels]; no more is decoded than a clip may be long."""
    rate, stated = file.samplerate, file.frames
    if rate < LOWEST:
        raise Unheard(f"has {rate} samples a second, too few for a voice")
    binding = file.format not in ESTIMATING and stated < OPEN
    if binding and stated / rate > LONGEST:
        raise Unheard(f"is {stated / rate:,.0f} s long, more than {LONGEST:g} s")
    kind = "int16" if file.subtype == "PCM_16" else "float32"  # numpy makes floats of them faster
    blocks, heard = [], 0
    while heard < stated:  # asked for more, libFLAC takes a tag behind the sound for sound
        block = file.read(min(BLOCK, stated - heard), kind, always_2d=True)
        if not len(block):
            break
        blocks.append(block)
        heard += len(block)
        if heard / rate > LONGEST:
            raise Unheard(f"is more than {LONGEST:g} s long")
    if binding and heard < stated:
        raise Unheard(f"ends after {heard:,} of {stated:,} samples")
    if not heard:
        raise Unheard("holds no samples")
    samples = np.concatenate(blocks)
    return np.divide(samples, FULL_SCALE, dtype=np.float32) if kind == "int16" else samples


def _mono(samples: Samples) -> Samples:
    """The mean over channels [n]; np.mean takes ten times as long over an axis this short."""
    channels = samples.shape[1]
    return reduce(np.add, samples.T) / np.float32(channels) if channels > 1 else samples[:, 0]


def _check_values(mono: Samples, samples: Samples) -> None:
    if not np.isfinite(mono).all():
        raise Unheard("holds NaN or infinite samples")
    peak = float(np.abs(samples).max())
    if peak > LOUDEST:
        raise Unheard(f"holds samples up to {peak:g}, but floats lie in [-1, 1]")
