"""harness.corpora.sound: every sample is the one that soundfile reads as float32, to the bit."""

import io

import numpy as np
import pytest
import soundfile

from harness.corpora.sound import decode

KINDS = [
    ("WAV", "PCM_16"),
    ("WAV", "PCM_U8"),
    ("WAV", "PCM_24"),
    ("WAV", "PCM_32"),
    ("WAV", "FLOAT"),
    ("WAV", "DOUBLE"),
    ("WAV", "ULAW"),
    ("AIFF", "PCM_16"),
    ("FLAC", "PCM_16"),
    ("FLAC", "PCM_24"),
    ("OGG", "VORBIS"),
]
SAMPLES = 70_000  # more than are decoded at once


def encoded(kind, subtype, channels):
    """Noise with both ends of the range in it."""
    noise = np.random.default_rng(channels).uniform(-1, 1, (SAMPLES, channels))
    noise[0], noise[-1] = -1, 1
    out = io.BytesIO()
    soundfile.write(out, noise, 16000, subtype, format=kind)
    return out.getvalue()


def bits(samples):
    assert samples.dtype == np.float32
    return np.ascontiguousarray(samples).view(np.uint32)


@pytest.mark.parametrize(("kind", "subtype"), KINDS)
@pytest.mark.parametrize("channels", [1, 2])
def test_samples_are_those_of_soundfile_to_the_bit(kind, subtype, channels):
    raw = encoded(kind, subtype, channels)
    expected, rate = soundfile.read(io.BytesIO(raw), dtype="float32", always_2d=True)
    samples, found = decode(raw)
    assert found == rate
    assert len(expected) >= SAMPLES
    assert np.array_equal(bits(samples), bits(expected.mean(axis=1)))


def test_every_16_bit_integer_is_its_own_float():
    every = np.arange(-(2**15), 2**15).astype(np.int16)
    out = io.BytesIO()
    soundfile.write(out, every, 16000, "PCM_16", format="WAV")
    assert [int(sample * 2**15) for sample in decode(out.getvalue())[0]] == every.tolist()


@pytest.mark.parametrize("channels", [3, 6])
def test_many_channels_are_averaged(channels):
    raw = encoded("WAV", "FLOAT", channels)
    expected, _ = soundfile.read(io.BytesIO(raw), dtype="float64")
    np.testing.assert_allclose(decode(raw)[0], expected.mean(axis=1), atol=1e-6)
