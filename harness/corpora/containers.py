"""What a file says of its own length, made true or found wanting before libsndfile believes it.

libsndfile hears as much as a header says: of an mp3 that counts its frames wrong or not at all it
leaves out the rest, and of a wav whose sizes were never filled in, everything.
"""

import io
import re
from collections.abc import Iterator
from typing import Literal, NamedTuple

Order = Literal["little", "big"]
UNKNOWN = 0x7FFFF000  # sizes from here on are what encoders write into a pipe
CHUNK = re.compile(rb"[A-Za-z][A-Za-z0-9 ]{3}")  # a chunk's name
PAGE, FIRST_PAGE = re.compile(rb"OggS\0[\0\1\4\5]"), re.compile(rb"OggS\0[\2\6]")  # of a stream
FLAC = re.compile(rb'fLaC[\0\x80]\0\0"')
SEVERAL = "holds several sounds one after another; make each a clip, or join them into one sound"

# ISO 11172-3 and 13818-3, layer III: version's code → samples a frame, Hz and kbit/s by their codes
LOW = (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
HIGH = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
VERSIONS = {
    3: (1152, (44100, 48000, 32000), HIGH),
    2: (576, (22050, 24000, 16000), LOW),
    0: (576, (11025, 12000, 8000), LOW),
}
COUNT = re.compile(rb"(?:Xing|Info)\0\0\0[\x01\x03\x05\x07\x09\x0b\x0d\x0f]|VBRI.{10}", re.DOTALL)


class Unheard(Exception):
    """Why a clip cannot be used, to stand after its name."""


class Frame(NamedTuple):
    """One of an mp3: its first byte, its bytes, and its kind: version, Hz, mono."""

    place: int
    size: int
    kind: tuple[int, int, bool]


def opened(raw: bytes) -> io.BytesIO:
    """The sound of a file so that libsndfile hears all of it.

    Raises Unheard for a wav or AIFF that ends before its samples do, and for several sounds in one
    file, unless they are mp3s of one kind, which are one mp3.
    """
    if raw[:4] in (b"RIFF", b"RIFX", b"RF64") and raw[8:12] == b"WAVE":
        return io.BytesIO(_wav(raw))
    if raw[:3] == b"ID3" or raw[:1] == b"\xff":
        return _mp3(raw)
    if raw[:4] == b"FORM" and raw[8:12] in (b"AIFF", b"AIFC"):
        _check_aiff(raw)
    page = PAGE.search(raw) if raw[:4] == b"OggS" else None
    if page and FIRST_PAGE.search(raw, page.end()):
        raise Unheard(SEVERAL)
    if raw[:4] == b"fLaC" and FLAC.search(raw, 4):
        raise Unheard(SEVERAL)
    return io.BytesIO(raw)


def _chunks(raw: bytes, order: Order) -> Iterator[tuple[bytes, int, int]]:
    """Name, place and stated size of each; one of odd size may lack the byte that should follow."""
    place = 20
    while place <= len(raw):
        size = int.from_bytes(raw[place - 4 : place], order)
        yield raw[place - 8 : place - 4], place, size
        place += size + 8
        if size % 2 and not CHUNK.match(raw, place - 8):
            place += 1


def _wav(raw: bytes) -> bytes:
    """The chunks that tell the samples, with the sizes that they have."""
    order: Order = "big" if raw[:4] == b"RIFX" else "little"
    head, align, large = [], 1, UNKNOWN
    for name, place, size in _chunks(raw, order):
        if name == b"ds64":
            large = int.from_bytes(raw[place + 8 : place + 16], "little")
        elif name in (b"fmt ", b"fact"):
            head += [raw[place - 8 : place + size], bytes(size % 2)]
            if name == b"fmt ":
                align = int.from_bytes(raw[place + 12 : place + 14], order)
        elif name == b"data":
            break
    else:
        raise Unheard("ends before its samples begin")
    there = len(raw) - place
    if there >= UNKNOWN:
        return raw
    if size >= UNKNOWN:
        size = large
    if size >= UNKNOWN or (not size and not _is_chunk(raw, place, order)):
        size = there
    _check_there(size, there, align)
    if raw[place + size : place + size + 4] == raw[:4]:
        raise Unheard(SEVERAL)
    size = min(size, there)
    body = b"".join([*head, b"data", size.to_bytes(4, order), raw[place : place + size]])
    magic = raw[:4] if order == "big" else b"RIFF"
    return magic + (4 + len(body)).to_bytes(4, order) + b"WAVE" + body


def _is_chunk(raw: bytes, place: int, order: Order) -> bool:
    size = int.from_bytes(raw[place + 4 : place + 8], order)
    return bool(CHUNK.match(raw, place)) and place + 8 + size <= len(raw)


def _check_aiff(raw: bytes) -> None:
    align = 1
    for name, place, size in _chunks(raw, "big"):
        if name == b"COMM":
            channels, bits = raw[place : place + 2], raw[place + 6 : place + 8]
            align = int.from_bytes(channels, "big") * -(-int.from_bytes(bits, "big") // 8)
        elif name == b"SSND":
            _check_there(size, len(raw) - place, align)
        elif name == b"FORM":
            raise Unheard(SEVERAL)


def _check_there(size: int, there: int, align: int) -> None:
    """`align`: bytes of one sample of all channels; a part of one was never a sample."""
    align = max(align, 1)
    if size // align > there // align:
        raise Unheard(f"ends before its header says it does: {there:,} of {size:,} bytes are there")


def _mp3(raw: bytes) -> io.BytesIO:
    """Its frames alone with their true count, or the means to count them."""
    frames = list(_frames(raw))
    if not frames:
        return io.BytesIO(raw)
    if len({frame.kind for frame in frames}) > 1:
        raise Unheard(f"{SEVERAL} of one rate and number of channels")
    sound = b"".join([raw[place : place + size] for place, size, _ in frames])
    count = COUNT.search(sound, 0, frames[0].size)
    if not count:
        return _Uncounted(sound)
    at, sounding = count.end(), len(frames) - 1  # the frame with the count holds no sound
    if int.from_bytes(sound[at : at + 4], "big") < sounding:
        sound = sound[:at] + sounding.to_bytes(4, "big") + sound[at + 4 :]
    return io.BytesIO(sound)


class _Uncounted(io.BytesIO):
    """An mp3 that hides its size, from which libmpg123 would guess; it counts the frames then."""

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return super().seek(0) if whence == io.SEEK_END else super().seek(offset, whence)


def _frames(raw: bytes) -> Iterator[Frame]:
    """Those of layer III, without the tags and whatever else stands before, between and after.

    Any bytes may look like a header, so a frame is one that stands beside another of its kind.
    """
    place, last = 0, None
    if raw[:3] == b"ID3":
        place = 10 + sum((byte & 127) << 7 * power for power, byte in enumerate(raw[9:5:-1]))
    while 0 <= place < len(raw):
        frame = _frame(raw, place)
        if frame and (_joined(last, frame) or _joined(frame, _frame(raw, place + frame.size))):
            yield frame
            last = frame
            place += frame.size
        else:
            place = raw.find(b"\xff", place + 1)


def _joined(one: Frame | None, other: Frame | None) -> bool:
    if not one or not other:
        return False
    return one.kind == other.kind and one.place + one.size == other.place


def _frame(raw: bytes, place: int) -> Frame | None:
    """What the header there says, if it is one."""
    if place + 4 > len(raw) or raw[place] != 0xFF or raw[place + 1] & 0xE6 != 0xE2:
        return None
    version, codes, mono = raw[place + 1] >> 3 & 3, raw[place + 2], raw[place + 3] >> 6 == 3
    if version == 1 or codes >> 4 in (0, 15) or codes >> 2 & 3 == 3:
        return None
    samples, rates, kbits = VERSIONS[version]
    rate = rates[codes >> 2 & 3]
    size = samples * 125 * kbits[(codes >> 4) - 1] // rate + (codes >> 1 & 1)
    return Frame(place, size, (version, rate, mono))
