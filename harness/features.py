"""Sound → packed log-mel: one array and one index per split, whatever the number of clips.

`<split>.npy` holds all frames of a split one after another, [frames, bands] float16 dB;
`<split>.csv` one row a clip: clip, speaker, country, start, frames, then the targets.
"""

import hashlib
import math
import os
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from functools import partial
from itertools import chain, islice
from multiprocessing import get_context
from pathlib import Path
from typing import BinaryIO, TypeVar

import numpy as np
import pandas as pd
import soxr
from numpy.lib.stride_tricks import as_strided
from numpy.typing import DTypeLike, NDArray
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text
from scipy.fft import rfft
from scipy.sparse import csr_array

from harness.allocation import keep_freed_memory
from harness.config.features import Features
from harness.corpora.sound import Unheard, decode
from harness.errors import FeaturesError
from harness.processes import start_worker

BLOCK = 64  # clips that a worker takes at once
AHEAD = 2  # blocks in flight for each worker: bounds the memory
TILE = 256  # frames transformed at once: their spectra stay in the processor's cache
FLOOR = 1e-10  # power of silence
FILES = {f"{split}.{kind}" for split in ("train", "dev") for kind in ("npy", "csv")}

Levels = NDArray[np.floating]
Sound = tuple[str, str]  # path below the root, sha256
Block = TypeVar("Block")
Result = TypeVar("Result")


class LogMel:
    """Waveform [samples] → log-mel [frames, bands] in dB, frames = samples // hop + 1.

    Paper §3.2 gives 64 bands, 32 ms, 10 ms; the rest follows the group's torchlibrosa front end:
    Hann, centred with reflection, power, Slaney mel scale and norm, floor 1e-10, no top_db.
    """

    def __init__(self, params: Features, dtype: DTypeLike = np.float32) -> None:
        self.size, self.hop = params.window, params.hop
        hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(self.size) / self.size)
        self.window = hann.astype(dtype)
        self.filters = csr_array(mel_filters(params).astype(dtype))  # a bin lies in two bands only
        self.decibel = self.window.dtype.type(10 / math.log(10))

    def __call__(self, samples: Levels) -> Levels:
        """More than half a window of samples, of the filters' type."""
        half = self.size // 2
        left, right = samples[half:0:-1], samples[-2 : -half - 2 : -1]
        whole = np.concatenate([left, samples, right])
        count, step = (len(whole) - self.size) // self.hop + 1, whole.itemsize
        frames = as_strided(whole, (count, self.size), (self.hop * step, step), writeable=False)
        levels = np.empty((len(frames), self.filters.shape[0]), self.window.dtype)
        for first in range(0, len(frames), TILE):
            levels[first : first + TILE] = self._levels(frames[first : first + TILE]).T
        return levels

    def _levels(self, frames: Levels) -> Levels:
        """[frames, samples] → [bands, frames]."""
        spectra = rfft((frames * self.window).T, axis=0)
        squares = np.square(spectra.view(self.window.dtype))  # real and imaginary parts in turn
        filtered = self.filters @ squares
        power = filtered[:, ::2] + filtered[:, 1::2]
        np.maximum(power, FLOOR, out=power)
        return np.log(power, out=power) * self.decibel


def mel_filters(params: Features) -> NDArray[np.float64]:
    """Slaney's triangles, each of area 1: [bands, bins of the spectrum], as torchaudio has them."""
    mels = np.linspace(_mel(params.low), _mel(params.high), params.bands + 2)
    edges = np.where(mels < 15, mels * 200 / 3, 1000 * 6.4 ** ((mels - 15) / 27))[:, None]
    low, centre, high = edges[:-2], edges[1:-1], edges[2:]
    bins = np.fft.rfftfreq(params.window, 1 / params.sample_rate)
    rising, falling = (bins - low) / (centre - low), (high - bins) / (high - centre)
    triangles: NDArray[np.float64] = np.maximum(0, np.minimum(rising, falling))
    return triangles * 2 / (high - low)


def _mel(hertz: float) -> float:
    """Linear below 1 kHz, logarithmic above."""
    return hertz * 3 / 200 if hertz < 1000 else 15 + 27 * math.log(hertz / 1000) / math.log(6.4)


def waveform(path: Path, sample_rate: int, sha256: str | None = None) -> np.ndarray:
    """Decode, average the channels, resample: [samples] float32, nominally in [-1, 1].

    Raises FeaturesError naming the file when it is no usable sound (see harness.corpora.sound) or
    not the one that the clip table recorded.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise FeaturesError(f"{path}: {error.strerror}; run `dvc repro -f download`") from None
    if sha256 and hashlib.sha256(raw).hexdigest() != sha256:
        raise FeaturesError(f"{path} changed since the download; run `dvc repro -f download`")
    try:
        mono, rate = decode(raw)
    except Unheard as fault:
        raise FeaturesError(f"{path} {fault}; replace the clip or remove its row") from None
    return mono if rate == sample_rate else soxr.resample(mono, rate, sample_rate, quality="HQ")


def extract(
    clips: pd.DataFrame,
    root: Path,
    targets: list[str],
    params: Features,
    folder: Path,
    workers: int | None = None,
) -> None:
    """Write `<split>.npy` and `<split>.csv` of the train and dev clips to `folder`.

    `clips`: the clip table, paths below `root`. `workers`: processes, one a core if not given;
    they change no byte. Memory does not grow with the number of clips.
    """
    folder.mkdir(parents=True, exist_ok=True)
    keep_freed_memory()
    workers = workers or os.cpu_count() or 1
    splits = {split: clips[clips["split"] == split] for split in ("train", "dev")}
    blocks = {split: _blocks(chosen) for split, chosen in splits.items()}
    work = partial(_log_mels, root, params.sample_rate, LogMel(params))
    with _pool(workers) as pool, _progress() as progress:
        done = _in_order(pool, work, chain(*blocks.values()), AHEAD * workers)
        for split, chosen in splits.items():
            if chosen.empty:
                continue
            bar = progress.add_task(f"features {split}", total=len(chosen))
            counts: list[int] = []
            with (folder / f"{split}.npy").open("wb") as packed:
                _header(packed, 0, params.bands)
                for levels, frames in islice(done, len(blocks[split])):
                    packed.write(levels.data)
                    counts += frames
                    progress.advance(bar, len(frames))
                packed.seek(0)
                _header(packed, sum(counts), params.bands)
            starts = np.cumsum([0, *counts[:-1]])
            index = chosen[["clip", "speaker", "country"]].assign(start=starts, frames=counts)
            index.join(chosen[targets]).to_csv(folder / f"{split}.csv", index=False)


def _blocks(clips: pd.DataFrame) -> list[list[Sound]]:
    files = list(zip(clips["path"], clips["sha256"], strict=True))
    return [files[first : first + BLOCK] for first in range(0, len(files), BLOCK)]


def _log_mels(
    root: Path, sample_rate: int, log_mel: LogMel, files: list[Sound]
) -> tuple[NDArray[np.float16], list[int]]:
    """A worker's: the frames of these clips one after another, and how many each has."""
    found = []
    for path, sha256 in files:
        samples = waveform(root / path, sample_rate, sha256)
        if len(samples) <= log_mel.size // 2:
            raise FeaturesError(
                f"{root / path} is shorter than half a window ({len(samples)} samples); remove it"
            )
        found.append(log_mel(samples).astype(np.float16))
    return np.concatenate(found), [len(levels) for levels in found]


def _pool(workers: int) -> ProcessPoolExecutor:
    """Processes: threads would wait for the interpreter more than they compute."""
    start = get_context("fork" if sys.platform == "linux" else "spawn")
    pool = ProcessPoolExecutor(workers, start, initializer=start_worker)
    pool.submit(int).result()  # they are forked now, before the progress bar starts a thread
    return pool


def _in_order(
    pool: Executor, work: Callable[[Block], Result], blocks: Iterable[Block], ahead: int
) -> Iterator[Result]:
    """`pool.map`, but at most `ahead` results wait to be written."""
    waiting: deque[Future[Result]] = deque()
    for block in blocks:
        waiting.append(pool.submit(work, block))
        if len(waiting) > ahead:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def _header(packed: BinaryIO, rows: int, bands: int) -> None:
    """Of a .npy file; its size is the same for any number of rows, so it can be written again."""
    header = {"descr": "<f2", "fortran_order": False, "shape": (rows, bands)}
    np.lib.format.write_array_header_1_0(packed, header)


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(),
        TimeRemainingColumn(),
    )


class _Rate(ProgressColumn):
    """Clips per second."""

    def render(self, task: Task) -> Text:
        return Text(f"{task.speed or 0:.0f} clips/s")
