"""harness.features: the group's log-mel, packed whole, or one error that names the file."""

import hashlib
import io
import os
import subprocess
import sys
from pathlib import Path

import librosa
import numpy as np
import pandas as pd
import pytest
import soundfile
import soxr
import torch
from torchaudio.functional import melscale_fbanks
from torchaudio.transforms import AmplitudeToDB, MelSpectrogram
from torchlibrosa.stft import LogmelFilterBank, Spectrogram

from harness import features
from harness.config.features import Features
from harness.corpora.clips import Corpus, read
from harness.errors import FeaturesError
from harness.features import LogMel, extract, mel_filters, waveform

REPOSITORY = Path(__file__).parents[1]
PARAMS = Features(sample_rate=16000, window=512, hop=160, bands=64, low=50, high=8000)
TARGETS = ["Awe", "Fear"]


def sine(frequency, rate, seconds=1.0, level=0.5):
    return level * np.sin(2 * np.pi * frequency * np.arange(int(seconds * rate)) / rate)


def burst(samples=12345):
    """A decaying harmonic sound over breath noise, [samples] float32."""
    time = np.arange(samples) / 16000
    harmonics = sum(np.sin(2 * np.pi * 210 * k * time) / k for k in range(1, 30))
    noise = np.random.default_rng(1).normal(0, 0.02, samples)
    return (0.1 * harmonics * np.exp(-3 * time) + noise).astype(np.float32)


def sweep():
    """0.5 s up to 3.6 kHz, then the same on to 7.1 kHz 80 dB fainter: bands near silence beside
    loud ones, [samples] float32."""
    time = np.arange(16000) / 16000
    level = np.where(time < 0.5, 0.5, 0.5e-4)
    return (level * np.sin(2 * np.pi * (100 * time + 3500 * time**2))).astype(np.float32)


SOUNDS = {
    "noise": np.random.default_rng(0).normal(0, 0.1, 12345).astype(np.float32),
    "faint noise": np.random.default_rng(0).normal(0, 1e-4, 12000).astype(np.float32),
    "burst": burst(),
    "sine": sine(300.3, 16000).astype(np.float32),
    "sweep": sweep(),
    "silence": np.zeros(1600, np.float32),
}


@pytest.fixture
def float64():
    """Windows and filters of torchaudio and torchlibrosa are then made in float64."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def log_mel(samples, dtype=np.float32):
    return LogMel(PARAMS, dtype)(np.asarray(samples, dtype))


def librosa_log_mel(samples):
    """In float64 throughout."""
    power = librosa.feature.melspectrogram(
        y=samples.astype(np.float64),
        sr=16000,
        n_fft=512,
        hop_length=160,
        n_mels=64,
        fmin=50,
        fmax=8000,
        htk=False,
        norm="slaney",
        pad_mode="reflect",
        dtype=np.float64,
    )
    return librosa.power_to_db(power, ref=1.0, amin=1e-10, top_db=None).T


@torch.no_grad()
def torchaudio_log_mel(samples):
    mel = MelSpectrogram(
        sample_rate=16000,
        n_fft=512,
        hop_length=160,
        f_min=50.0,
        f_max=8000.0,
        n_mels=64,
        norm="slaney",
        mel_scale="slaney",
    )
    waveforms = torch.from_numpy(samples).to(torch.get_default_dtype())
    return AmplitudeToDB("power")(mel(waveforms)).T.numpy()


@torch.no_grad()
def torchlibrosa_log_mel(samples):
    spectrogram = Spectrogram(n_fft=512, win_length=512, hop_length=160)
    filters = LogmelFilterBank(
        sr=16000, n_fft=512, n_mels=64, fmin=50, fmax=8000, ref=1.0, amin=1e-10, top_db=None
    )
    waveforms = torch.from_numpy(samples)[None].to(torch.get_default_dtype())
    return filters(spectrogram(waveforms))[0, 0].numpy()


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("sound", SOUNDS)
@pytest.mark.parametrize(
    ("theirs", "tolerance"),
    [
        (torchaudio_log_mel, 1e-8),
        (librosa_log_mel, 1e-8),
        (torchlibrosa_log_mel, 1e-6),  # its filters come as float32
    ],
)
def test_log_mel_is_that_of_its_peers(sound, theirs, tolerance):
    found = log_mel(SOUNDS[sound], np.float64)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, theirs(SOUNDS[sound]), rtol=0, atol=tolerance)


@pytest.mark.parametrize("sound", [name for name in SOUNDS if name not in ("sine", "sweep")])
@pytest.mark.parametrize("theirs", [torchaudio_log_mel, librosa_log_mel, torchlibrosa_log_mel])
def test_log_mel_in_float32_is_within_a_ten_thousandth_of_a_db(sound, theirs):
    found = log_mel(SOUNDS[sound])
    np.testing.assert_allclose(found, theirs(SOUNDS[sound]), rtol=0, atol=1e-4)


@pytest.mark.parametrize("sound", SOUNDS)
def test_what_float32_costs_grows_with_the_distance_below_the_loudest_band(sound):
    """Rounding is a share of the frame's loudest amplitude: under 0.001 dB in bands up to 60 dB
    below it, and 0.2 dB at 118 dB below, where only pure tones over silence have bands. Packing
    as float16 rounds by up to 0.03 dB."""
    exact = librosa_log_mel(SOUNDS[sound])
    error = np.abs(log_mel(SOUNDS[sound]) - exact)
    below = exact.max(axis=1, keepdims=True) - exact
    assert error[below <= 60].max() < 1e-3
    assert error.max() < 0.2


def test_silence_is_at_the_floor_of_minus_100_db():
    assert (log_mel(np.zeros(1600)).astype(np.float16) == -100).all()


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize(
    "params",
    [
        PARAMS,
        Features(sample_rate=8000, window=256, hop=80, bands=32, low=300, high=3800),
        Features(sample_rate=44100, window=1024, hop=441, bands=128, low=0, high=20000),
        Features(sample_rate=16000, window=512, hop=160, bands=20, low=1200, high=8000),
    ],
    ids=["ours", "8 kHz", "44.1 kHz", "logarithmic alone"],
)
def test_the_filters_are_torchaudios(params):
    theirs = melscale_fbanks(
        params.window // 2 + 1,
        params.low,
        params.high,
        params.bands,
        params.sample_rate,
        norm="slaney",
        mel_scale="slaney",
    )
    np.testing.assert_allclose(mel_filters(params), theirs.numpy().T, rtol=0, atol=1e-12)


SAME_BYTES = {  # of float32, also under `qemu-x86_64 -cpu Haswell`, `EPYC-Rome`, `Skylake-Server`
    16000: "b260032875f3bd0b55c3f9e6f9d7500913158d556ebed12adf5b9424eb914122",
    48000: "7b642cb19e87dc2e8046c8b7f37b87efed3a78a7feec0e18cba6fedf3eaa8c12",
}


@pytest.mark.skipif(
    not torch.cpu.get_capabilities().get("avx2"),
    reason="without AVX2 the logarithm rounds otherwise",
)
@pytest.mark.parametrize("rate", SAME_BYTES)
def test_log_mel_has_the_same_bytes_on_every_processor_with_avx2(rate):
    noise = np.random.default_rng(0).integers(-3000, 3000, 3 * 12345) / np.float32(32768)
    samples = soxr.resample(noise.astype(np.float32), rate, 16000, quality="HQ")
    assert hashlib.sha256(log_mel(samples).tobytes()).hexdigest() == SAME_BYTES[rate]


@pytest.mark.parametrize("samples", [257, 319, 320, 321, 1599, 1600])
def test_there_is_a_frame_every_hop_and_one_more(samples):
    assert log_mel(burst(samples)).shape == (samples // 160 + 1, 64)


def write(path, samples, rate=16000, subtype="FLOAT"):
    soundfile.write(path, samples, rate, subtype=subtype)
    return path


def test_channels_are_averaged_before_the_log_mel(tmp_path):
    left, right = burst(4000), SOUNDS["noise"][:4000]
    path = write(tmp_path / "stereo.wav", np.stack([left, right], axis=1))
    np.testing.assert_allclose(waveform(path, 16000), (left + right) / 2, rtol=0, atol=1e-7)
    opposite = write(tmp_path / "opposite.wav", np.stack([left, -left], axis=1))
    assert (waveform(opposite, 16000) == 0).all()


def peak(samples, rate):
    """Frequency of the strongest component in Hz."""
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return np.fft.rfftfreq(len(samples), 1 / rate)[spectrum.argmax()]


@pytest.mark.parametrize("rate", [8000, 22050, 44100, 48000])
def test_a_tone_keeps_its_frequency_level_and_length_when_resampled(tmp_path, rate):
    path = write(tmp_path / "tone.wav", sine(1000, rate), rate)
    resampled = waveform(path, 16000)
    assert resampled.dtype == np.float32
    assert abs(len(resampled) - 16000) <= 1
    assert peak(resampled, 16000) == pytest.approx(1000, abs=1.1)
    inner = resampled[2000:-2000]
    assert np.sqrt(2 * np.mean(inner**2)) == pytest.approx(0.5, rel=1e-3)


def test_what_lies_above_half_the_new_rate_does_not_alias(tmp_path):
    path = write(tmp_path / "high.wav", sine(12000, 48000), 48000)
    inner = waveform(path, 16000)[2000:-2000]  # 12 kHz would fold to 4 kHz
    assert 20 * np.log10(np.abs(inner).max() / 0.5) < -90


@pytest.fixture
def corpus(tmp_path):
    """Seven clips of both splits out of order, one stereo, one at 48 kHz; the last is for test."""
    root = tmp_path / "audio"
    root.mkdir()
    lengths = [4000, 1600, 9000, 300, 12345, 2500, 2000]
    rng = np.random.default_rng(2)
    for number, samples in enumerate(lengths):
        sound = rng.normal(0, 0.1, samples)
        if number == 2:
            sound = np.stack([sound, rng.normal(0, 0.1, samples)], axis=1)
        write(root / f"{number:05d}.wav", sound, 48000 if number == 4 else 16000, "PCM_16")
    table = pd.DataFrame(
        {
            "clip": [f"{number:05d}" for number in range(7)],
            "path": [f"{number:05d}.wav" for number in range(7)],
            "split": ["train", "dev", "train", "dev", "train", "dev", "test"],
            "speaker": ["a", "007", "b", "007", "a", "c", ""],
            "country": ["", "China", "", "China", "", "NA", ""],
            **{target: rng.random(7) for target in TARGETS},
        }
    )
    table.loc[6, TARGETS] = np.nan
    Corpus("small", root, TARGETS, table).write(tmp_path / "data" / "small")
    return tmp_path


def packed(corpus, folder, workers=2):
    clips, about = read(corpus / "data" / "small")
    extract(clips, Path(about["root"]), about["targets"], PARAMS, folder, workers)
    return clips


def test_slices_of_the_packed_array_are_the_clips_log_mels(corpus):
    clips = packed(corpus, corpus / "features").set_index("clip")
    for split in ("train", "dev"):
        levels = np.load(corpus / "features" / f"{split}.npy")
        index = pd.read_csv(corpus / "features" / f"{split}.csv", dtype={"clip": str})
        assert levels.dtype == np.float16
        assert index["frames"].sum() == len(levels)
        for clip in index.itertuples():
            samples = waveform(corpus / "audio" / clips.loc[clip.clip, "path"], 16000)
            assert clip.frames == len(samples) // 160 + 1
            own = levels[clip.start : clip.start + clip.frames]
            np.testing.assert_array_equal(own, log_mel(samples).astype(np.float16))


def test_the_index_keeps_the_clip_tables_order_ids_and_labels(corpus):
    clips = packed(corpus, corpus / "features")
    assert {file.name for file in (corpus / "features").iterdir()} == {
        f"{split}.{kind}" for split in ("train", "dev") for kind in ("npy", "csv")
    }
    for split in ("train", "dev"):
        index = pd.read_csv(
            corpus / "features" / f"{split}.csv",
            dtype=dict.fromkeys(["clip", "speaker", "country"], str),
            keep_default_na=False,
        )
        assert list(index) == ["clip", "speaker", "country", "start", "frames", *TARGETS]
        expected = clips[clips["split"] == split].reset_index(drop=True)
        pd.testing.assert_frame_equal(
            index.drop(columns=["start", "frames"]),
            expected[["clip", "speaker", "country", *TARGETS]],
            check_exact=True,
        )


@pytest.mark.parametrize("tile", [1, 3, 50])
def test_how_many_frames_are_transformed_at_once_changes_no_byte(tile, monkeypatch):
    whole = {name: log_mel(sound) for name, sound in SOUNDS.items()}
    monkeypatch.setattr(features, "TILE", tile)
    for name, sound in SOUNDS.items():
        assert log_mel(sound).tobytes() == whole[name].tobytes()


@pytest.mark.parametrize(("block", "workers"), [(1, 1), (1, 3), (2, 2), (64, 2), (64, None)])
def test_blocks_and_workers_change_no_byte(corpus, block, workers, monkeypatch):
    packed(corpus, corpus / "one", workers=1)
    monkeypatch.setattr(features, "BLOCK", block)
    packed(corpus, corpus / "other", workers=workers)
    assert contents(corpus / "one") == contents(corpus / "other")


def test_more_clips_than_are_in_flight_stay_in_order(corpus, monkeypatch):
    """Each clip's levels are those of its own sound, whoever is done first."""
    monkeypatch.setattr(features, "BLOCK", 1)
    clips, about = read(corpus / "data" / "small")
    train = clips[clips["split"] == "train"]
    many = pd.concat([train] * 20, ignore_index=True)
    extract(many, Path(about["root"]), TARGETS, PARAMS, corpus / "many", workers=2)
    packed(corpus, corpus / "few")
    few = np.load(corpus / "few" / "train.npy")
    np.testing.assert_array_equal(np.load(corpus / "many" / "train.npy"), np.tile(few, (20, 1)))


def test_the_packed_array_is_as_numpy_writes_it(corpus):
    packed(corpus, corpus / "features")
    levels = np.load(corpus / "features" / "train.npy", mmap_mode="r")
    np.save(corpus / "again.npy", levels)
    assert (corpus / "again.npy").read_bytes() == (corpus / "features/train.npy").read_bytes()


@pytest.mark.parametrize("rows", [1, 9, 10, 99_999, 10**9, 10**15, 10**20])
def test_a_header_for_any_number_of_frames_fits_where_that_for_none_was(rows):
    empty, full = io.BytesIO(), io.BytesIO(b"x" * 1000)
    features._header(empty, 0, 64)
    features._header(full, rows, 64)
    assert full.tell() == empty.tell()
    full.seek(np.lib.format.MAGIC_LEN)
    shape = (rows, 64)
    assert np.lib.format.read_array_header_1_0(full) == (shape, False, np.dtype("<f2"))


def test_what_an_interrupted_run_leaves_holds_no_frames(corpus, monkeypatch):
    monkeypatch.setattr(features, "BLOCK", 1)
    (corpus / "audio" / "00004.wav").unlink()
    with pytest.raises(FeaturesError):
        packed(corpus, corpus / "features", workers=1)
    left = corpus / "features" / "train.npy"
    assert left.stat().st_size > 1000  # two clips' frames
    assert np.load(left).shape == (0, 64)


def contents(folder):
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_a_second_run_writes_the_same_bytes(corpus):
    packed(corpus, corpus / "one")
    packed(corpus, corpus / "two")
    assert contents(corpus / "one") == contents(corpus / "two")


def unreadable(path):
    path.write_bytes(b"these are not samples")


def without_samples(path):
    write(path, np.zeros(0))


def with_nan(path):
    write(path, np.array([0.1] * 500 + [np.nan] + [0.1] * 500))


def with_infinity(path):
    write(path, np.array([0.1] * 500 + [np.inf]))


def too_short(path):
    write(path, np.full(256, 0.1))


def missing(path):
    path.unlink()


DAMAGE = {
    unreadable: "is not readable audio",
    without_samples: "holds no samples",
    with_nan: "holds NaN or infinite samples",
    with_infinity: "holds NaN or infinite samples",
    too_short: "is shorter than half a window",
    missing: "run `dvc repro -f download`",
}


@pytest.mark.parametrize("damage", DAMAGE, ids=lambda damage: damage.__name__)
def test_a_bad_clip_is_one_error_that_names_it(corpus, damage):
    path = corpus / "audio" / "00002.wav"
    damage(path)
    clips, about = read(corpus / "data" / "small")
    if path.exists():  # so that the change itself is not what is found
        damaged = clips["clip"] == "00002"
        clips.loc[damaged, "sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
    with pytest.raises(FeaturesError) as caught:
        extract(clips, Path(about["root"]), TARGETS, PARAMS, corpus / "features")
    assert "00002.wav" in str(caught.value)
    assert DAMAGE[damage] in str(caught.value)


def test_257_samples_are_enough_for_a_window(corpus):
    write(corpus / "audio" / "00002.wav", np.full(257, 0.1))
    clips, about = read(corpus / "data" / "small")
    clips["sha256"] = ""
    extract(clips, Path(about["root"]), TARGETS, PARAMS, corpus / "features")
    index = pd.read_csv(corpus / "features" / "train.csv")
    assert index["frames"].tolist() == [26, 2, 12345 // 480 + 1]


def test_a_changed_file_ends_the_stage_and_the_earlier_features_stay(corpus):
    (corpus / "params.yaml").write_text(
        "profile: small\n"
        "features: {sample_rate: 16000, window: 512, hop: 160, bands: 64, low: 50, high: 8000}\n"
    )
    earlier = corpus / "features" / "small"
    earlier.mkdir(parents=True)
    (earlier / "dev.csv").write_text("earlier")
    write(corpus / "audio" / "00002.wav", burst(3000))
    done = subprocess.run(
        [sys.executable, "-m", "stages.features"],
        cwd=corpus,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("error: ")
    assert "00002.wav changed since the download" in done.stderr
    assert [file.name for file in (corpus / "features").iterdir()] == ["small"]
    assert contents(earlier) == {"dev.csv": b"earlier"}
