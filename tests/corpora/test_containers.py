"""harness.corpora.containers: what a file says wrongly of its own length costs no sample.

The files are soundfile's with a few bytes changed; the reference is what soundfile makes of them
before, or the signal that went in.
"""

import io
import os
import re
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from harness.corpora.sound import Unheard, decode

FAULTS = Path(os.environ.get("FAULTS", "../shared/faults"))
EMOGATOR = Path(os.environ.get("EMOGATOR", "../shared/emogator"))
RATES = (8000, 16000, 44100)
DELAY = 576 + 529  # samples that LAME and a decoder put before the first
LOUD = 0.3 * np.sin(np.arange(32000) * 0.1) * np.random.default_rng(0).uniform(0.5, 1, 32000)
TAG = re.compile(rb"(?:Xing|Info)\0\0\0\x0f")


def encoded(samples: np.ndarray = LOUD, rate: int = 16000, **how: object) -> bytes:
    out = io.BytesIO()
    soundfile.write(out, samples, rate, **{"format": "WAV", "subtype": "PCM_16"} | how)
    return out.getvalue()


def mp3(rate: int, samples: np.ndarray = LOUD, mode: str = "VARIABLE", level: float = 0.5) -> bytes:
    how = {"format": "MP3", "subtype": "MPEG_LAYER_III", "bitrate_mode": mode}
    return encoded(samples, rate, compression_level=level, **how)


def heard(raw: bytes) -> np.ndarray:
    return decode(raw)[0]


def original(raw: bytes) -> np.ndarray:
    with soundfile.SoundFile(io.BytesIO(raw)) as file:
        return file.read(dtype="float32")


# mp3: the frames are the sound, whatever the tag before them says.


def frames(raw: bytes) -> int:
    """As LAME counted them."""
    return struct.unpack_from(">I", raw, TAG.search(raw).end())[0]


def samples_a_frame(rate: int) -> int:
    return 1152 if rate >= 32000 else 576


def counting(raw: bytes, count: int) -> bytes:
    place = TAG.search(raw).end()
    return raw[:place] + struct.pack(">I", count) + raw[place + 4 :]


def untagged(raw: bytes) -> bytes:
    """Without the frame that holds the count."""
    return raw[raw.index(raw[:2], TAG.search(raw).end() + 100) :]


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("mode", ["VARIABLE", "AVERAGE", "CONSTANT"])
def test_an_mp3_without_a_count_is_heard_to_its_end(rate: int, mode: str) -> None:
    raw = mp3(rate, mode=mode)
    whole = heard(untagged(raw))
    assert len(whole) == frames(raw) * samples_a_frame(rate)
    np.testing.assert_allclose(whole[DELAY : DELAY + 32000], original(raw), rtol=0, atol=1e-6)


@pytest.mark.parametrize("rate", RATES)
def test_a_constant_mp3_as_soundfile_writes_it_is_whole(rate: int) -> None:
    raw = mp3(rate, mode="CONSTANT", level=0.99)
    assert not TAG.search(raw)  # LAME writes none where it does not fit
    whole = heard(raw)
    assert 32000 + DELAY <= len(whole) <= 32000 + 3 * 1152
    assert np.corrcoef(whole[DELAY : DELAY + 32000], LOUD)[0, 1] > 0.9


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("less", [1, 10, 27, None])
def test_an_mp3_that_counts_too_few_frames_loses_none(rate: int, less: int | None) -> None:
    raw = mp3(rate)
    stated = 0 if less is None else frames(raw) - less
    np.testing.assert_array_equal(heard(counting(raw, stated)), original(raw))


@pytest.mark.parametrize("stated", [70, 500, 2**31, 2**32 - 1])
def test_an_mp3_that_counts_too_many_frames_is_heard_as_far_as_it_goes(stated: int) -> None:
    raw = mp3(16000)
    whole = heard(counting(raw, stated))
    np.testing.assert_array_equal(whole[:32000], original(raw))
    assert len(whole) - 32000 < 2 * 576  # what LAME adds to fill its last frame


TAGS = {
    "nothing": b"",
    "ID3v1": b"TAG" + bytes(125),
    "ID3v2": b"ID3\x03\0\0\0\0\x20\0" + bytes(4096),
    "other bytes": np.random.default_rng(5).bytes(3000),
}


@pytest.mark.parametrize("between", TAGS)
@pytest.mark.parametrize("tagged", [True, False])
def test_mp3s_one_after_another_are_one(between: str, tagged: bool) -> None:
    one, other = mp3(16000), mp3(16000, LOUD[::-1])
    if not tagged:
        one, other = untagged(one), untagged(other)
    whole = heard(one + TAGS[between] + other)
    parts = heard(one), heard(other)
    np.testing.assert_allclose(whole[:32000], parts[0][:32000], rtol=0, atol=1e-6)
    start = (frames(mp3(16000)) + 1) * 576 if tagged else len(parts[0])
    np.testing.assert_allclose(whole[start + 1152 :][:30000], parts[1][1152:31152], atol=1e-3)


@pytest.mark.parametrize("rate", RATES)
def test_tags_around_an_mp3_are_no_sound(rate: int) -> None:
    picture = b"ID3\x03\0\0\0\x03\0\0" + b"\xff\xfb\x90\x00" * 12288
    bare = untagged(mp3(rate))
    np.testing.assert_array_equal(heard(picture + bare + TAGS["ID3v1"]), heard(bare))


@pytest.mark.parametrize("other", [mp3(44100), mp3(16000, np.stack([LOUD, LOUD], axis=1))])
def test_mp3s_that_cannot_be_one_are_named(other: bytes) -> None:
    with pytest.raises(Unheard, match="several sounds one after another; make each a clip"):
        decode(mp3(16000) + other)


# wav: the samples that are there are the sound, whatever the sizes say.

WAV = encoded()
ODD = b"LIST\x0d\0\0\0INFOISFT\1\0\0\0a"  # a chunk of 13 bytes, the byte that fills it missing


def sized(riff: int, data: int, rest: bytes = WAV[44:]) -> bytes:
    return WAV[:4] + struct.pack("<I", riff) + WAV[8:40] + struct.pack("<I", data) + rest


def wide(raw: bytes, data: int) -> bytes:
    """An RF64 that says it has so many bytes of samples."""
    place = raw.index(b"ds64") + 16
    return raw[:place] + struct.pack("<Q", data) + raw[place + 8 :]


RF64, AIFF = encoded(format="RF64"), encoded(format="AIFF")
RIFX = encoded(endian="BIG")
SIZES = {
    "one byte too many": sized(64036, 64001),
    "none": sized(64036, 0),
    "all bits": sized(2**32 - 1, 2**32 - 1),
    "a pipe's": sized(0x7FFFF024, 0x7FFFF000),
    "RIFF's too small": sized(10, 64000),
    "RIFF's none": sized(0, 64000),
    "RIFF's too large": sized(64041, 64000),
    "odd chunk before the samples": WAV[:36] + ODD + WAV[36:],
    "odd chunk before the format": WAV[:12] + ODD + WAV[12:],
    "odd chunk, filled": WAV[:36] + ODD + b"\0" + WAV[36:],
    "RIFX, one too many": RIFX[:40] + struct.pack(">I", 64001) + RIFX[44:],
    "RIFX, none": RIFX[:40] + bytes(4) + RIFX[44:],
    "RF64, one too many": wide(RF64, 64001),
    "AIFF, one too many": AIFF.replace(struct.pack(">4sI", b"SSND", 64008), b"SSND\0\0\xfa\x09"),
}


@pytest.mark.parametrize("kind", SIZES)
def test_a_wav_is_heard_whatever_its_sizes_say(kind: str) -> None:
    np.testing.assert_allclose(heard(SIZES[kind])[:31999], original(WAV)[:31999], atol=1e-4)
    assert abs(len(heard(SIZES[kind])) - 32000) <= 1


def test_a_wav_without_samples_is_not_given_its_next_chunk_for_samples() -> None:
    with pytest.raises(Unheard, match="holds no samples"):
        decode(sized(50, 0, ODD + b"\0"))


WHOLE = {
    "wav": WAV,
    "RIFX": RIFX,
    "RF64": RF64,
    "AIFF": AIFF,
    "float": encoded(subtype="FLOAT"),
    "ADPCM": encoded(subtype="MS_ADPCM"),
}


@pytest.mark.parametrize("kind", WHOLE)
@pytest.mark.parametrize("share", [0.4, 0.95])
def test_a_wav_that_was_cut_off_says_how_much_is_there(kind: str, share: float) -> None:
    raw = WHOLE[kind]
    with pytest.raises(Unheard, match=r"ends before its header says it does: [\d,]+ of [\d,]+ byt"):
        decode(raw[: int(share * len(raw))])


def test_a_wav_that_never_said_its_length_is_heard_as_far_as_it_goes() -> None:
    np.testing.assert_array_equal(heard(SIZES["all bits"][:-2000]), original(WAV)[:-1000])


# FLAC and Ogg.

FLAC = encoded(np.random.default_rng(0).normal(0, 0.1, 16000), format="FLAC")


def stating(raw: bytes, total: int) -> bytes:
    """A FLAC that says it has so many samples; 0: it does not say."""
    high = raw[21] & 0xF0 | total >> 32
    return raw[:21] + bytes([high]) + struct.pack(">I", total & 0xFFFFFFFF) + raw[26:]


def test_a_flac_of_open_length_is_heard() -> None:
    np.testing.assert_array_equal(heard(stating(FLAC, 0)), original(FLAC))


def test_a_flac_of_open_length_is_too_long_where_it_is() -> None:
    long = encoded(np.zeros(8000 * 310), 8000, format="FLAC")
    with pytest.raises(Unheard, match="is more than 300 s long"):
        decode(stating(long, 0))


@pytest.mark.parametrize("raw", [FLAC[:20000], stating(FLAC, 20000), stating(FLAC, 0)[:20000]])
def test_a_flac_that_was_cut_off_is_refused(raw: bytes) -> None:
    with pytest.raises(
        Unheard, match=r"flac decoder lost sync|ends after 16,000 of 20,000 samples"
    ):
        decode(raw)


def test_a_tag_behind_a_flac_is_no_sound() -> None:
    np.testing.assert_array_equal(heard(FLAC + TAGS["ID3v1"]), original(FLAC))


def pages(raw: bytes) -> list[bytes]:
    found, place = [], 0
    while place < len(raw):
        segments = raw[place + 27 : place + 27 + raw[place + 26]]
        size = 27 + len(segments) + sum(segments)
        found.append(raw[place : place + size])
        place += size
    return found


def at(page: bytes, position: int) -> bytes:
    """A page of an ogg that says it ends at another sample, with the checksum that this needs."""
    page = page[:6] + struct.pack("<q", position) + page[14:22] + bytes(4) + page[26:]
    remainder = 0
    for byte in page:
        remainder ^= byte << 24
        for _ in range(8):
            remainder = (remainder << 1) ^ (0x104C11DB7 if remainder >> 31 else 0)
    return page[:22] + struct.pack("<I", remainder) + page[26:]


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
def test_an_ogg_that_says_it_is_longer_is_heard_as_far_as_it_goes(subtype: str) -> None:
    raw = encoded(format="OGG", subtype=subtype)
    *first, last = pages(raw)
    whole = heard(b"".join([*first, at(last, 2**33)]))
    np.testing.assert_array_equal(whole[:32000], original(raw))
    assert len(whole) - 32000 < 1024


SHORT = LOUD[:8000]
HOW: dict[str, Callable[[np.ndarray], bytes]] = {
    "ogg": lambda samples: encoded(samples, format="OGG", subtype="VORBIS"),
    "opus": lambda samples: encoded(samples, format="OGG", subtype="OPUS"),
    "flac": lambda samples: encoded(samples, format="FLAC"),
    "wav": lambda samples: encoded(samples),
    "RIFX": lambda samples: encoded(samples, endian="BIG"),
    "RF64": lambda samples: encoded(samples, format="RF64"),
    "AIFF": lambda samples: encoded(samples, format="AIFF"),
}


@pytest.mark.parametrize("kind", HOW)
def test_several_sounds_in_one_file_are_named(kind: str) -> None:
    with pytest.raises(Unheard, match="holds several sounds one after another; make each a clip"):
        decode(HOW[kind](LOUD) + HOW[kind](SHORT))


@pytest.mark.parametrize("subtype", ["GSM610", "G721_32", "NMS_ADPCM_16"])
def test_a_codec_that_cannot_go_back_is_heard(subtype: str) -> None:
    whole = heard(encoded(subtype=subtype))
    assert 32000 <= len(whole) <= 32000 + 320
    assert np.corrcoef(whole[:32000], LOUD)[0, 1] > 0.7


# What others sent.


@pytest.mark.skipif(not FAULTS.is_dir(), reason="set FAULTS to a folder of faulty files to run it")
@pytest.mark.parametrize(
    ("name", "samples", "rate"),
    [
        ("mp3_CONSTANT_0.99_44100.mp3", 57 * 1152, 44100),
        ("flac_unknown_total.flac", 16000, 16000),
        ("odd_LIST_unpadded.wav", 16000, 16000),
        ("data_plus1.wav", 16000, 16000),
    ],
)
def test_files_that_were_refused_are_heard(name: str, samples: int, rate: int) -> None:
    whole, found = decode((FAULTS / name).read_bytes())
    assert (len(whole), found) == (samples, rate)


@pytest.mark.skipif(not EMOGATOR.is_dir(), reason="set EMOGATOR to a clone to run it")
def test_real_bursts_are_what_libsndfile_makes_of_them() -> None:
    clips = sorted((EMOGATOR / "data" / "mp3").glob("*.mp3"))[::48]
    assert clips
    for clip in clips:
        raw = clip.read_bytes()
        samples = original(raw)
        mono = samples if samples.ndim == 1 else samples.mean(axis=1)
        np.testing.assert_array_equal(heard(raw), mono)
