"""Clips per second from a wav file to log-mel on disk: ours, the peers, and the decoding alone.

Ours computes portably, as the stage does, and starts its workers anew in every round. The peers
compute as fast as their libraries can, in workers that are there already.
"""

import contextlib
import importlib.util
import io
import os
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from functools import cache, partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import soundfile
import torch

from harness.config.features import Features
from harness.config.strict import block
from harness.corpora import synthetic
from harness.corpora.clips import read
from harness.extras.bench.apart import Apart
from harness.extras.bench.timing import Round, interleaved, rates, ratios, timed
from harness.features import LogMel, extract
from harness.portable import release
from harness.processes import start_worker

CLIPS = 240  # distinct; about three seconds to make on two cores
AGAIN = 16  # times that ours takes all of them in a round, which are then a small corpus
FEW, MANY = 512, 4096  # clips whose peak memory is compared; both more than a block
AUDIBLE = 60.0  # dB below a frame's loudest band: float32 is no longer exact farther down

LogMelOf = Callable[[np.ndarray, Features], np.ndarray]


def by_librosa(samples: np.ndarray, params: Features) -> np.ndarray:
    """As librosa's documentation has it: [samples] → [frames, bands] dB."""
    import librosa

    power = librosa.feature.melspectrogram(
        y=samples,
        sr=params.sample_rate,
        n_fft=params.window,
        hop_length=params.hop,
        n_mels=params.bands,
        fmin=params.low,
        fmax=params.high,
        pad_mode="reflect",
    )
    levels: np.ndarray = librosa.power_to_db(power, top_db=None).T
    return levels


def by_torchlibrosa(samples: np.ndarray, params: Features) -> np.ndarray:
    """As PANNs' front end has it."""
    spectrogram, filters = _torchlibrosa(params.model_dump_json())
    with torch.inference_mode():
        levels: np.ndarray = filters(spectrogram(torch.from_numpy(samples)[None]))[0, 0].numpy()
    return levels


@cache
def _torchlibrosa(json: str) -> tuple[Any, Any]:
    from torchlibrosa.stft import LogmelFilterBank, Spectrogram

    params = Features.model_validate_json(json)
    spectrogram = Spectrogram(n_fft=params.window, hop_length=params.hop)
    filters = LogmelFilterBank(
        sr=params.sample_rate,
        n_fft=params.window,
        n_mels=params.bands,
        fmin=params.low,
        fmax=params.high,
        top_db=None,
    )
    return spectrogram, filters


def by_torchaudio(samples: np.ndarray, params: Features) -> np.ndarray:
    """torchaudio's MelSpectrogram and AmplitudeToDB."""
    with torch.inference_mode():
        return _torchaudio(params.model_dump_json())(torch.from_numpy(samples)).T.numpy()


@cache
def _torchaudio(json: str) -> torch.nn.Module:
    from torchaudio.transforms import AmplitudeToDB, MelSpectrogram

    params = Features.model_validate_json(json)
    mel = MelSpectrogram(
        sample_rate=params.sample_rate,
        n_fft=params.window,
        hop_length=params.hop,
        f_min=params.low,
        f_max=params.high,
        n_mels=params.bands,
        norm="slaney",
        mel_scale="slaney",
    )
    return torch.nn.Sequential(mel, AmplitudeToDB("power"))


PEERS: dict[str, LogMelOf] = {
    "librosa": by_librosa,
    "torchlibrosa": by_torchlibrosa,
    "torchaudio": by_torchaudio,
}


def installed() -> dict[str, LogMelOf]:
    """The peers that can be imported here."""
    return {name: of for name, of in PEERS.items() if importlib.util.find_spec(name)}


def save(peer: str, params: Features, folder: str, path: str) -> None:
    """One clip by a peer: decoded, log-mel in float16, a file of its own."""
    samples, _ = soundfile.read(path, dtype="float32")
    levels = PEERS[peer](samples, params).astype(np.float16)
    np.save(Path(folder) / f"{Path(path).stem}.npy", levels)


def decode(path: str) -> int:
    """What no front end can avoid: read the file and decode it."""
    return len(soundfile.read(io.BytesIO(Path(path).read_bytes()), dtype="float32")[0])


def features(threads: int, budget: float) -> dict[str, Any]:
    """Speeds, their ratios, the largest difference between results, and memory."""
    params, peers = block(Features, "features"), installed()
    with tempfile.TemporaryDirectory() as folder:
        clips, root, _ = corpus(Path(folder) / "data")
        with _rounds(clips, root, params, list(peers), Path(folder), threads) as rounds:
            amount = {name: float(len(clips)) for name in rounds} | {"ours": AGAIN * len(clips)}
            seconds = interleaved(rounds, budget)
        peaks = {}
        for count in (FEW, MANY):
            with Apart(own, Path(folder) / "data", params, threads, count) as one:
                one()
                peaks[str(count)] = one.peak()
        return {
            "clips": len(clips),
            "seconds_of_sound": round(_seconds_of_sound(clips, root), 1),
            "workers": threads,
            "clips_per_second": rates(seconds, amount),
            "ours_over": ratios(seconds, amount, "ours"),
            "largest_difference_db": differences(clips, root, params, peers),
            "peak_mib": peaks,
            "missing": dict.fromkeys(set(PEERS) - set(peers), "not installed"),
        }


def corpus(folder: Path) -> tuple[pd.DataFrame, Path, list[str]]:
    """A synthetic corpus of CLIPS clips in `folder`; its clip table, its root, its targets."""
    if not folder.exists():
        params = synthetic.Params(
            name="synthetic",
            seed=1,
            clips=synthetic.PerSplit(train=CLIPS - 40, dev=40, test=0),
            speakers=synthetic.PerSplit(train=8, dev=4, test=0),
            raters=2,
            emotion=1.0,
        )
        with contextlib.redirect_stdout(io.StringIO()):
            synthetic.acquire(params, folder / "audio").write(folder)
    clips, about = read(folder)
    return clips, Path(about["root"]), about["targets"]


def own(data: Path, params: Features, workers: int, count: int) -> Round:
    """A round of the harness's extraction of `count` clips, the corpus's over and over."""
    clips, root, targets = corpus(data)
    repeated = pd.concat([clips] * -(-count // len(clips)), ignore_index=True)[:count]

    def whole() -> None:
        with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
            extract(repeated, root, targets, params, Path(folder), workers)

    return timed(whole)


def differences(
    clips: pd.DataFrame, root: Path, params: Features, peers: dict[str, LogMelOf]
) -> dict[str, float]:
    """Largest difference in dB between ours and each peer, where a band is audible in its frame."""
    own = LogMel(params)
    found = dict.fromkeys(peers, 0.0)
    for path in clips["path"]:
        samples, _ = soundfile.read(root / path, dtype="float32")
        ours = own(samples)
        audible = ours >= ours.max(axis=1, keepdims=True) - AUDIBLE
        for name, of in peers.items():
            error = np.abs(of(samples, params) - ours)[audible].max()
            found[name] = max(found[name], float(error))
    return found


@contextlib.contextmanager
def _rounds(
    clips: pd.DataFrame,
    root: Path,
    params: Features,
    peers: list[str],
    folder: Path,
    workers: int,
) -> Iterator[dict[str, Round]]:
    """All but ours in threads and in processes: which suits it better depends on its library."""
    files = [str(root / path) for path in clips["path"]]
    start = get_context("spawn")
    with contextlib.ExitStack() as stack:
        ours = Apart(own, folder / "data", params, workers, AGAIN * len(clips))
        rounds: dict[str, Round] = {"ours": stack.enter_context(ours)}
        pool = ProcessPoolExecutor(workers, start, initializer=start_peer)
        stack.enter_context(pool)
        for name in ("decoding", *peers):
            work: Callable[[str], Any] = decode
            if name in peers:
                (folder / name).mkdir()
                work = partial(save, name, params, str(folder / name))
            threads = Apart(in_threads, work, files, workers)
            rounds[f"{name}, threads"] = stack.enter_context(threads)
            rounds[f"{name}, processes"] = timed(partial(_each, pool, work, files))
        yield rounds


def in_threads(work: Callable[[str], Any], files: list[str], workers: int) -> Round:
    """A round of `work` on each file, for a process of its own."""
    _one_thread()
    return timed(partial(_each, ThreadPoolExecutor(workers), work, files))


def _each(pool: Executor, work: Callable[[str], Any], files: list[str]) -> None:
    for _ in pool.map(work, files, chunksize=8):
        pass


def start_peer() -> None:
    """What a worker process of a peer does first."""
    start_worker()
    release()
    _one_thread()


def _one_thread() -> None:
    os.environ["OMP_NUM_THREADS"] = "1"
    torch.set_num_threads(1)


def _seconds_of_sound(clips: pd.DataFrame, root: Path) -> float:
    return float(sum(soundfile.info(root / path).duration for path in clips["path"]))
