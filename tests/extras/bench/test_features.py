"""harness.extras.bench.features: peers, as they are called there, give the harness's log-mel."""

import os
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest
import soundfile
import torch

from harness.config.features import Features
from harness.extras.bench import features
from harness.portable import TORCH

PARAMS = Features(sample_rate=16000, window=512, hop=160, bands=64, low=50, high=8000)


@pytest.fixture
def sound(tmp_path):
    """A burst with harmonics, and noise, as 16-bit wav."""
    time = np.arange(9000) / 16000
    harmonics = sum(np.sin(2 * np.pi * 210 * k * time) / k for k in range(1, 30))
    noise = np.random.default_rng(0).normal(0, 0.02, len(time))
    path = tmp_path / "burst.wav"
    soundfile.write(path, 0.1 * harmonics * np.exp(-3 * time) + noise, 16000)
    return path


@pytest.mark.parametrize("peer", sorted(features.PEERS))
def test_a_peer_computes_the_same_log_mel(sound, peer):
    samples, _ = soundfile.read(sound, dtype="float32")
    ours = features.LogMel(PARAMS)(samples)
    theirs = features.PEERS[peer](samples, PARAMS)
    assert theirs.shape == ours.shape == (9000 // 160 + 1, 64)
    audible = ours >= ours.max(axis=1, keepdims=True) - features.AUDIBLE
    assert audible.mean() > 0.5
    assert np.abs(theirs - ours)[audible].max() < 0.01


@pytest.mark.parametrize("peer", sorted(features.PEERS))
def test_a_peer_writes_a_float16_file_a_clip(sound, tmp_path, peer):
    features.save(peer, PARAMS, str(tmp_path), str(sound))
    levels = np.load(tmp_path / "burst.npy")
    assert (levels.dtype, levels.shape) == (np.float16, (57, 64))


def test_decoding_reads_every_sample(sound):
    assert features.decode(str(sound)) == 9000


def test_a_peer_computes_as_fast_as_torch_can():
    """Though the harness binds torch in every process that imports it."""
    freed = {name: value for name, value in os.environ.items() if name not in TORCH}
    asked = "import torch; print(torch.backends.cpu.get_cpu_capability())"
    plain = subprocess.check_output([sys.executable, "-c", asked], env=freed, text=True)
    with ProcessPoolExecutor(1, get_context("spawn"), initializer=features.start_peer) as pool:
        found = pool.submit(torch.backends.cpu.get_cpu_capability).result()
    assert found == plain.strip()


def test_a_difference_of_a_peer_is_found(tmp_path, sound, monkeypatch):
    import pandas as pd

    clips = pd.DataFrame({"path": [sound.name]})
    peers = {"same": features.by_torchaudio, "off": lambda s, p: features.by_torchaudio(s, p) + 0.5}
    found = features.differences(clips, sound.parent, PARAMS, peers)
    assert found["same"] < 1e-3
    assert found["off"] == pytest.approx(0.5, abs=1e-3)


def test_the_clips_of_the_bench_are_made_once_and_repeated(tmp_path, monkeypatch):
    monkeypatch.setattr(features, "CLIPS", 48)
    clips, root, targets = features.corpus(tmp_path / "data")
    assert len(clips) == 48
    assert all((root / path).is_file() for path in clips["path"])
    again, _, _ = features.corpus(tmp_path / "data")
    assert again.equals(clips)
    seen = []
    monkeypatch.setattr(features, "extract", lambda table, *rest: seen.append(list(table["clip"])))
    assert features.own(tmp_path / "data", PARAMS, 2, 100)() >= 0
    assert seen[0] == [*clips["clip"], *clips["clip"], *clips["clip"][:4]]
    assert len(targets) == 10
