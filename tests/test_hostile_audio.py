"""Sounds and tables as they come from strangers: converted, or refused by name with all else kept.

Everything goes through the download stage on a `folder` corpus, as a user's own data would.
"""

import gzip
import io
import json
import struct
import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from harness.config.features import Features
from harness.corpora.clips import read
from harness.corpora.sound import decode
from harness.errors import HarnessError
from harness.features import extract, waveform
from stages import download

REPOSITORY = Path(__file__).parents[1]
FEATURES = Features(sample_rate=16000, window=512, hop=160, bands=64, low=50, high=8000)
PARAMS = """\
profile: mine
corpus:
  name: folder
  path: sounds
  targets: [Awe, Fear]
"""
TABLE = """\
clip,split,speaker,Awe,Fear
00000,train,a,0.5,1
00001,train,b,0.25,0
00002,dev,c,0,1
00003,dev,c,1,0.125
00004,test,d,,
00005,dev,e,0.75,0.5
00006,dev,f,0.5,0.25
"""
BURST = (0.5 * np.sin(np.arange(8000) * 0.17) * np.hanning(8000)).astype(np.float64)


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder: a corpus of seven clips that was acquired once, and a file outside it."""
    monkeypatch.chdir(tmp_path)
    Path("sounds").mkdir()
    Path("secret.wav").write_bytes(encoded())
    Path("params.yaml").write_text(PARAMS)
    Path("sounds/clips.csv").write_text(TABLE)
    for number in range(7):
        soundfile.write(f"sounds/{number:05d}.wav", BURST * (1 - number / 10), 16000)
    download.main()
    return tmp_path


def contents(folder: Path) -> dict[Path, bytes]:
    return {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def encoded(samples: object = BURST, rate: int = 16000, **how: str) -> bytes:
    out = io.BytesIO()
    soundfile.write(out, np.asarray(samples), rate, **{"format": "WAV", "subtype": "PCM_16"} | how)
    return out.getvalue()


def channels(count: int) -> np.ndarray:
    """Each channel the burst at another level, the mean being the burst."""
    levels = np.arange(1, count + 1) / np.arange(1, count + 1).mean()
    return BURST[:, None] * levels * 0.5


# Converted: whatever a clip was stored as, the harness hears the same burst.

KINDS = {
    "8 bit": (encoded(subtype="PCM_U8"), 0.01),
    "16 bit": (encoded(), 1e-4),
    "24 bit": (encoded(subtype="PCM_24"), 1e-6),
    "32 bit": (encoded(subtype="PCM_32"), 1e-6),
    "float": (encoded(subtype="FLOAT"), 1e-6),
    "double": (encoded(subtype="DOUBLE"), 1e-6),
    "A-law": (encoded(subtype="ALAW"), 0.03),
    "mu-law": (encoded(subtype="ULAW"), 0.03),
    "ADPCM": (encoded(subtype="MS_ADPCM"), 0.05),
    "RF64": (encoded(format="RF64"), 1e-4),
    "WAVEX": (encoded(format="WAVEX"), 1e-4),
    "AIFF as wav": (encoded(format="AIFF"), 1e-4),
    "FLAC as wav": (encoded(format="FLAC"), 1e-4),
    "stereo": (encoded(channels(2) * 2), 1e-4),
    "5.1": (encoded(channels(6) * 2), 1e-4),
    "192 kHz": (encoded(np.interp(np.arange(96000) / 12, np.arange(8000), BURST), 192000), 0.01),
    "8 kHz": (encoded(BURST[::2], 8000), 0.01),
    "trailing bytes": (encoded() + b"ID3 tag or whatever", 1e-4),
    "piped": (encoded()[:40] + b"\xff\xff\xff\xff" + encoded()[44:], 1e-4),
    "sizes never written": (encoded()[:40] + bytes(4) + encoded()[44:], 1e-4),
    "one byte too many": (encoded()[:40] + b"\x81\x3e\0\0" + encoded()[44:], 1e-4),
}


@pytest.mark.parametrize("kind", KINDS)
def test_what_can_be_heard_is_converted(kind: str) -> None:
    raw, tolerance = KINDS[kind]
    Path("sounds/00002.wav").write_bytes(raw)
    download.main()
    clips, about = read(Path("data/mine"))
    assert len(clips) == 7
    assert "skipped" not in about
    heard = waveform(Path("sounds/00002.wav"), 16000)
    assert heard.dtype == np.float32
    assert abs(len(heard) - 8000) <= 100  # ADPCM fills its last block
    np.testing.assert_allclose(heard[100:7900], BURST[100:7900], rtol=0, atol=tolerance)


@pytest.mark.parametrize(("format_", "subtype"), [("OGG", "VORBIS"), ("OGG", "OPUS"), ("MP3", "")])
def test_lossy_sounds_named_wav_are_heard_too(format_: str, subtype: str) -> None:
    how = {"format": format_} | ({"subtype": subtype} if subtype else {"subtype": "MPEG_LAYER_III"})
    Path("sounds/00002.wav").write_bytes(encoded(**how))
    download.main()
    heard = waveform(Path("sounds/00002.wav"), 16000)
    spectrum = np.abs(np.fft.rfft(heard))
    frequency = np.fft.rfftfreq(len(heard), 1 / 16000)[spectrum.argmax()]
    assert frequency == pytest.approx(0.17 * 16000 / 2 / np.pi, abs=5)


def test_silence_is_a_sound_at_the_floor() -> None:
    Path("sounds/00002.wav").write_bytes(encoded(np.zeros(8000)))
    download.main()
    clips, about = read(Path("data/mine"))
    extract(clips, Path(about["root"]), about["targets"], FEATURES, Path("features"))
    index = pd.read_csv("features/dev.csv", dtype={"clip": str}).set_index("clip")
    silent = index.loc["00002"]
    levels = np.load("features/dev.npy")[silent.start : silent.start + silent.frames]
    assert (levels == -100).all()


# Refused: each with its name and why, and what was acquired before stays.


def declares(raw: bytes, size: int) -> bytes:
    """A wav whose data chunk says it has `size` bytes."""
    place = raw.index(b"data") + 4
    return raw[:place] + struct.pack("<I", size) + raw[place + 4 :]


def hours(count: float) -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(1)
        file.setframerate(8000)
        file.writeframes(bytes([128]) * int(count * 3600 * 8000))
    return out.getvalue()


def with_value(value: float, rate: int = 16000) -> bytes:
    samples = BURST.copy()
    samples[4000] = value
    return encoded(samples, rate, subtype="FLOAT")


def flac_cut() -> bytes:
    noise = np.random.default_rng(0).normal(0, 0.1, 16000)
    return encoded(noise, format="FLAC")[:9000]


AUDIO: dict[str, tuple[bytes, str]] = {
    "empty": (b"", r"00002\.wav is empty"),
    "no samples": (encoded(np.zeros(0)), r"00002\.wav holds no samples"),
    "header only": (encoded()[:44], r"ends before its header says it does"),
    "half a header": (encoded()[:20], r"ends before its samples begin"),
    "truncated wav": (encoded()[:9000], r"00002\.wav ends before its header says it does"),
    "declares too much": (declares(encoded(), 1 << 24), r"ends before its header says it does"),
    "truncated FLAC": (flac_cut(), r"is not readable audio|ends after [\d,]+ of 16,000 samples"),
    "NaN": (with_value(np.nan), r"00002\.wav holds NaN or infinite samples"),
    "infinity": (with_value(-np.inf), r"holds NaN or infinite samples"),
    "unscaled floats": (
        encoded(BURST * 32768, subtype="FLOAT"),
        r"holds samples up to 1\d{4}.*, but floats lie in \[-1, 1\]",
    ),
    "3 hours": (hours(3), r"00002\.wav is 10,800 s long, more than 300 s"),
    "a click": (encoded(BURST[:200]), r"is 12\.5 ms long, less than 20 ms"),
    "one sample": (encoded(BURST[:1]), r"is 0\.1 ms long, less than 20 ms"),
    "1 kHz": (encoded(BURST, 1000), r"has 1000 samples a second, too few for a voice"),
    "text": (b"these are not samples", r"is not readable audio"),
    "web page": (b"<!doctype html><html><title>Log in", r"is not readable audio"),
    "gzip": (gzip.compress(encoded()), r"is not readable audio"),
    "webm": (b"\x1aE\xdf\xa3" + bytes(500), r"is not readable audio"),
    "LFS pointer": (
        b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 7\n",
        r"is a Git LFS pointer, not the sound; run `git lfs pull`",
    ),
    "zeros": (bytes(5000), r"is not readable audio"),
    "noise": (np.random.default_rng(0).bytes(5000), r"is not readable audio|ends|holds"),
    "unknown codec": (
        encoded().replace(b"fmt \x10\x00\x00\x00\x01\x00", b"fmt \x10\x00\x00\x00\x99\x99"),
        r"is not readable audio",
    ),
    "no channels": (
        encoded().replace(b"\x01\x00\x01\x00\x80\x3e", b"\x01\x00\x00\x00\x80\x3e"),
        r"is not readable audio",
    ),
}


@pytest.mark.parametrize("kind", AUDIO)
def test_a_bad_sound_is_refused_by_name_and_earlier_data_stays(kind: str) -> None:
    raw, message = AUDIO[kind]
    earlier = contents(Path("data"))
    Path("sounds/00002.wav").write_bytes(raw)
    with pytest.raises(HarnessError, match=message) as caught:
        download.main()
    assert "clip '00002'" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert contents(Path("data")) == earlier


@pytest.mark.parametrize("kind", AUDIO)
def test_a_bad_sound_can_be_skipped_and_is_listed(
    kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    raw, message = AUDIO[kind]
    Path("params.yaml").write_text(PARAMS + "  on_bad_clip: skip\n")
    Path("sounds/00002.wav").write_bytes(raw)
    download.main()
    clips, about = read(Path("data/mine"))
    assert clips["clip"].tolist() == [f"0000{i}" for i in (0, 1, 3, 4, 5, 6)]
    assert [skipped["clip"] for skipped in about["skipped"]] == ["00002"]
    why = about["skipped"][0]["why"]
    assert why.startswith("00002.wav ")
    assert pd.Series([why]).str.contains(message.removeprefix(r"00002\.wav ")).all()
    assert about["clips"]["dev"] == 3
    assert "1 clips left out" in capsys.readouterr().out


def test_a_missing_sound_is_refused_or_skipped() -> None:
    earlier = contents(Path("data"))
    Path("sounds/00000.wav").unlink()
    with pytest.raises(HarnessError, match=r"clip '00000': sounds/00000\.wav is missing"):
        download.main()
    assert contents(Path("data")) == earlier
    Path("params.yaml").write_text(PARAMS + "  on_bad_clip: skip\n")
    download.main()
    assert read(Path("data/mine"))[1]["skipped"] == [
        {"clip": "00000", "why": "00000.wav is missing"}
    ]


def test_skipping_all_clips_of_a_split_is_refused() -> None:
    earlier = contents(Path("data"))
    Path("params.yaml").write_text(PARAMS + "  on_bad_clip: skip\n")
    for number in (2, 3, 5, 6):
        Path(f"sounds/{number:05d}.wav").write_bytes(b"")
    with pytest.raises(HarnessError, match="the dev split has no clips"):
        download.main()
    assert contents(Path("data")) == earlier


def test_all_bad_sounds_are_counted_and_the_first_is_named() -> None:
    for number in (1, 3):
        Path(f"sounds/{number:05d}.wav").write_bytes(b"noise")
    with pytest.raises(HarnessError, match=r"clip '00001' \(and 1 more\): sounds/00001\.wav"):
        download.main()


def test_a_folder_where_a_sound_should_be_is_named() -> None:
    Path("sounds/00002.wav").unlink()
    Path("sounds/00002.wav").mkdir()
    with pytest.raises(HarnessError, match=r"clip '00002': sounds/00002\.wav is missing"):
        download.main()


def test_three_hours_are_refused_without_being_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError("decoded")

    monkeypatch.setattr(soundfile.SoundFile, "read", never)
    with pytest.raises(Exception, match="10,800 s long"):
        decode(hours(3))


# Tables: read whatever an editor made of them, or refused by name.

Edit = Callable[[str], str | bytes]

READ: dict[str, Edit] = {
    "as it is": lambda t: t,
    "byte-order mark": lambda t: b"\xef\xbb\xbf" + t.encode(),
    "CRLF": lambda t: t.replace("\n", "\r\n"),
    "CR": lambda t: t.replace("\n", "\r"),
    "no last line end": lambda t: t.rstrip("\n"),
    "blank lines": lambda t: t.replace("\n", "\n\n"),
    "spaces": lambda t: t.replace(",", " , "),
    "quotes": lambda t: "\n".join(
        ",".join(f'"{f}"' for f in row.split(",")) for row in t.splitlines()
    ),
    "other order": lambda t: "\n".join(",".join(row.split(",")[::-1]) for row in t.splitlines()),
    "more columns": lambda t: "\n".join(row + ',"a, b"' for row in t.splitlines()),
    "NaN for nothing": lambda t: t.replace("d,,", "d,NaN,nan"),
}


@pytest.mark.parametrize("kind", READ)
def test_the_same_table_from_other_editors_gives_the_same_data(kind: str) -> None:
    earlier = contents(Path("data"))
    edited = READ[kind](TABLE)
    Path("sounds/clips.csv").write_bytes(edited if isinstance(edited, bytes) else edited.encode())
    download.main()
    assert contents(Path("data")) == earlier


def swap(old: str, new: str) -> Edit:
    def edit(table: str) -> str:
        assert old in table
        return table.replace(old, new, 1)

    return edit


TABLES: dict[str, tuple[Edit, str]] = {
    "no table": (lambda t: b"", r"sounds/clips\.csv is not a CSV table in UTF-8: no header"),
    "blank": (lambda t: "\n\n", r"is not a CSV table in UTF-8: no header"),
    "header only": (
        lambda t: t.splitlines()[0],
        "the train split has no clips",
    ),
    "UTF-16": (lambda t: t.encode("utf-16"), r"is not a CSV table in UTF-8"),
    "Latin-1": (
        lambda t: t.replace(",a,", ",ä,").encode("latin-1"),
        r"is not a CSV table in UTF-8",
    ),
    "binary": (lambda t: bytes(range(256)), r"is not a CSV table in UTF-8"),
    "NUL bytes": (lambda t: t.replace("00001", "0\x001"), r"is not a CSV table|leads out|missing"),
    "semicolons": (lambda t: t.replace(",", ";"), r"has no column 'clip', only clip;split"),
    "open quote": (swap("00001", '"00001'), r"is not a CSV table|fields under"),
    "missing class": (
        lambda t: "\n".join(row.rpartition(",")[0] for row in t.splitlines()),
        r"clips\.csv has no column 'Fear', only clip, split, speaker, Awe",
    ),
    "column of another case": (swap("Awe", "awe"), r"has no column 'Awe'"),
    "column twice": (swap("Fear", "Awe"), r"has the column 'Awe' 2 times; keep one"),
    "too few fields": (swap("b,0.25,0", "b,0.25"), r"clips\.csv:3: 4 fields under 5 columns"),
    "too many fields": (swap("b,0.25,0", "b,0,25,0"), r"clips\.csv:3: 6 fields under 5 columns"),
    "id twice": (swap("00001", "00000"), r"lists clip 00000 twice; keep one row"),
    "id in brackets": (swap("00001", "[00001]"), r"sounds/\[00001\]\.wav is missing; restore it"),
    "no id": (swap("00001", ""), r"row 2 has no clip; fill it in"),
    "id in another folder": (swap("00001", "../secret"), r"clip '\.\./secret' leads out of sounds"),
    "absolute id": (swap("00001", "/etc/passwd"), r"clip '/etc/passwd' leads out of sounds"),
    "id with backslashes": (swap("00001", "..\\secret"), r"leads out of sounds"),
    "another split": (swap("train", "Trian"), r"clip 00000 has split 'Trian'; use train, dev"),
    "no speaker": (swap("train,b", "train,"), r"clip '00001' has no speaker"),
    "speaker of two splits": (swap("train,b", "train,c"), r"speaker 'c' is in train and dev"),
    "decimal comma": (swap("0.25", '"0,25"'), r"clip 00001 has Awe = '0,25'; write a number"),
    "word": (swap("0.25", "much"), r"clip 00001 has Awe = 'much'; write a number"),
    "above the scale": (
        swap("0.25", "25"),
        r"clip '00001' has Awe = 25; corpus\.scale says 0 to",
    ),
    "below the scale": (swap("0.25", "-1"), r"clip '00001' has Awe = -1; corpus\.scale says"),
    "infinite": (swap("0.25", "inf"), r"clip '00001' has Awe = inf; corpus\.scale says"),
    "no label": (swap("0.25", ""), r"clip '00001' has Awe = nan"),
    "class without clips": (
        lambda t: t.replace(",1\n", ",0\n").replace("0.125", "0"),
        r"Fear is 0 for every train clip, so nothing can be learned or scored",
    ),
    "no dev clips": (lambda t: t.replace("dev", "test"), r"the dev split has no clips"),
}


@pytest.mark.parametrize("kind", TABLES)
def test_a_bad_table_is_refused_by_name_and_earlier_data_stays(kind: str) -> None:
    edit, message = TABLES[kind]
    earlier = contents(Path("data"))
    edited = edit(TABLE)
    Path("sounds/clips.csv").write_bytes(edited if isinstance(edited, bytes) else edited.encode())
    with pytest.raises(HarnessError, match=message) as caught:
        download.main()
    assert "\n" not in str(caught.value)
    assert contents(Path("data")) == earlier


PARAMETERS = {
    "unknown policy": ("  on_bad_clip: ignore\n", r"'corpus\.on_bad_clip' = 'ignore'"),
    "scale upside down": ("  scale: [7, 1]\n", "scale needs lowest < highest"),
    "no place for the id": ("  audio: sound.wav\n", r"corpus\.audio.*write \{clip\} where the id"),
    "other braces": ("  audio: '{clip}{0}'\n", r"corpus\.audio.*no other braces"),
    "audio elsewhere": ("  audio: '../{clip}.wav'\n", "leads out of sounds"),
    "no such table": ("  table: labels.csv\n", r"sounds/labels\.csv is missing; restore it"),
    "no such column": ("  columns: {speaker: who}\n", "has no column 'who'"),
    "unknown column": ("  columns: {speker: who}\n", "did you mean 'speaker'"),
    "seed below 0": ("  draw: {dev_share: 0.5, seed: -1}\n", r"corpus\.draw\.seed"),
    "too few to draw": (
        "  draw: {dev_share: 0.1, seed: 1}\n",
        r"dev_share 0\.1 of 6 speakers puts",
    ),
    "drawn without a seed": ("  draw: {dev_share: 0.5}\n", r"'corpus\.draw\.seed' is missing"),
}


@pytest.mark.parametrize("kind", PARAMETERS)
def test_bad_parameters_are_refused_by_name_and_earlier_data_stays(kind: str) -> None:
    line, message = PARAMETERS[kind]
    earlier = contents(Path("data"))
    Path("params.yaml").write_text(PARAMS + line)
    with pytest.raises(HarnessError, match=message):
        download.main()
    assert contents(Path("data")) == earlier


# Names: of targets that a table of ours has for itself, of files that are not quite the id's.

TAKEN = ["clip", "path", "split", "speaker", "country", "sha256", "start", "frames", "mean"]
TAKEN += ["row", "seed", "selection", "epoch", "target", "ccc"]


@pytest.mark.parametrize("target", TAKEN)
def test_a_target_called_like_a_column_of_ours_is_refused_in_one_line(target: str) -> None:
    earlier = contents(Path("data"))
    Path("params.yaml").write_text(PARAMS.replace("Fear", target))
    if target not in TABLE.splitlines()[0].split(","):
        Path("sounds/clips.csv").write_text(TABLE.replace("Fear", target))
    with pytest.raises(HarnessError, match=f"a target cannot be called '{target}'; rename it") as e:
        download.main()
    assert set(TAKEN) <= set(str(e.value).replace(",", "").split())
    assert "\n" not in str(e.value)
    assert contents(Path("data")) == earlier


def test_every_column_beside_the_targets_is_taken() -> None:
    clips, about = read(Path("data/mine"))
    extract(clips, Path(about["root"]), about["targets"], FEATURES, Path("features"))
    scores = pd.read_csv(REPOSITORY / "results/synthetic/table2/scores.csv")
    ours = {*clips.columns, *pd.read_csv("features/dev.csv").columns, *scores.columns}
    of_targets = json.loads((REPOSITORY / "results/synthetic/table1.json").read_text())["targets"]
    ours |= set(scores["target"]) - set(of_targets)
    assert ours - {"Awe", "Fear"} <= set(TAKEN)


NFC, NFD = "\u00e9clat", "e\u0301clat"
MISSING = {
    "suffix in the id": (
        lambda t: t.replace(",train,", ".wav,train,"),
        "",
        r"wav\.wav is missing; the id ends in \.wav already, so set corpus\.audio to \"\{clip\}\"",
    ),
    "suffix below a folder": (
        lambda t: t.replace(",train,", ".WAV,train,"),
        "  audio: 'audio/{clip}.flac'\n",
        r"the id ends in \.WAV already, so set corpus\.audio to \"audio/\{clip\}\"",
    ),
    "NFD file": (
        lambda t: t.replace("00000,", f"{NFC},"),
        "",
        rf"sounds/{NFD}\.wav is there, in another case or Unicode form \(NFC or NFD\); rename it",
    ),
    "NFD folder": (
        lambda t: t.replace("00000,", f"{NFC}/1,"),
        "",
        rf"sounds/{NFD}/1\.wav is there, in another case or Unicode form",
    ),
    "other case": (
        lambda t: t.replace("00000,", "BURST,"),
        "",
        r"sounds/burst\.WAV is there, in another case or Unicode form",
    ),
    "nothing like it": (
        lambda t: t.replace("00000,", "elsewhere,"),
        "",
        r"sounds/elsewhere\.wav is missing; restore it or remove the row",
    ),
}


@pytest.mark.parametrize("kind", MISSING)
def test_a_file_that_is_missing_by_its_name_only_is_pointed_at(kind: str) -> None:
    edit, line, message = MISSING[kind]
    Path("sounds/clips.csv").write_text(edit(TABLE), encoding="utf-8")
    Path("params.yaml").write_text(PARAMS + line)
    Path(f"sounds/{NFD}").mkdir()
    for name in (f"{NFD}.wav", f"{NFD}/1.wav", "burst.WAV"):
        Path("sounds", name).write_bytes(encoded())
    with pytest.raises(HarnessError, match=message):
        download.main()


def test_where_skipping_leaves_no_clip_the_first_says_why() -> None:
    Path("params.yaml").write_text(PARAMS + "  audio: '{clip}.WAV'\n  on_bad_clip: skip\n")
    with pytest.raises(HarnessError, match=r"sounds/00000\.wav is there, in another case"):
        download.main()
    Path("params.yaml").write_text(PARAMS + "  on_bad_clip: skip\n")
    for sound in Path("sounds").glob("*.wav"):
        sound.write_bytes(b"noise")
    with pytest.raises(HarnessError, match=r"'00000' \(and 6 more\): .*, so no clip is left"):
        download.main()
