"""Sound → packed log-mel: one array and one index per split, whatever the number of clips.

`<split>.npy` holds all frames of a split one after another, [frames, bands] float16 dB;
`<split>.csv` one row a clip: clip, speaker, country, start, frames, then the targets.
"""

import hashlib
import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import soxr
import torch
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
from torchaudio.transforms import AmplitudeToDB, MelSpectrogram

from harness.allocation import keep_freed_memory
from harness.config.features import Features
from harness.corpora.sound import Unheard, decode
from harness.errors import FeaturesError

BLOCK = 256  # clips in flight: bounds the memory
FILES = {f"{split}.{kind}" for split in ("train", "dev") for kind in ("npy", "csv")}


class LogMel(torch.nn.Module):
    """Waveform [samples] → log-mel [frames, bands] in dB, frames = samples // hop + 1.

    Paper §3.2 gives 64 bands, 32 ms, 10 ms; the rest follows the group's torchlibrosa front end:
    Hann, centred with reflection, power, Slaney mel scale and norm, floor 1e-10, no top_db.
    """

    def __init__(self, params: Features) -> None:
        super().__init__()
        self.mel = MelSpectrogram(
            sample_rate=params.sample_rate,
            n_fft=params.window,
            win_length=params.window,
            hop_length=params.hop,
            f_min=float(params.low),
            f_max=float(params.high),
            n_mels=params.bands,
            power=2.0,
            center=True,
            pad_mode="reflect",
            norm="slaney",
            mel_scale="slaney",
        )
        self.decibel = AmplitudeToDB("power", top_db=None)

    def forward(self, waveform: torch.Tensor) -> torch.Tensor:
        levels: torch.Tensor = self.decibel(self.mel(waveform))
        return levels.transpose(-1, -2)


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
    clips: pd.DataFrame, root: Path, targets: list[str], params: Features, folder: Path
) -> None:
    """Write `<split>.npy` and `<split>.csv` of the train and dev clips to `folder`.

    `clips`: the clip table, paths below `root`. Memory does not grow with the number of clips.
    """
    folder.mkdir(parents=True, exist_ok=True)
    keep_freed_memory()
    torch.set_num_threads(1)  # one clip a thread is faster than many threads a clip
    splits = [split for split in ("train", "dev") if (clips["split"] == split).any()]
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(),
        TimeRemainingColumn(),
    )
    with Progress(*columns) as progress, ThreadPoolExecutor(os.cpu_count()) as pool:
        for split in splits:
            chosen = clips[clips["split"] == split]
            bar = progress.add_task(f"features {split}", total=len(chosen))
            blocks = _log_mels(chosen, root, params, pool)
            counts = []
            with _Packed(folder / f"{split}.npy", params.bands) as packed:
                for levels in blocks:
                    counts.append(packed.append(levels))
                    progress.advance(bar)
            starts = np.cumsum([0, *counts[:-1]])
            index = chosen[["clip", "speaker", "country"]].assign(start=starts, frames=counts)
            index.join(chosen[targets]).to_csv(folder / f"{split}.csv", index=False)


def _log_mels(
    clips: pd.DataFrame, root: Path, params: Features, pool: ThreadPoolExecutor
) -> Iterator[np.ndarray]:
    log_mel = LogMel(params)

    def one(clip: tuple[str, str]) -> np.ndarray:
        path, sha256 = clip
        samples = waveform(root / path, params.sample_rate, sha256)
        if len(samples) <= params.window // 2:
            raise FeaturesError(
                f"{root / path} is shorter than half a window ({len(samples)} samples); remove it"
            )
        with torch.inference_mode():
            return log_mel(torch.from_numpy(samples)).to(torch.float16).numpy()

    files = list(zip(clips["path"], clips["sha256"], strict=True))
    for first in range(0, len(files), BLOCK):
        yield from pool.map(one, files[first : first + BLOCK])


class _Rate(ProgressColumn):
    """Clips per second."""

    def render(self, task: Task) -> Text:
        return Text(f"{task.speed or 0:.0f} clips/s")


class _Packed:
    """A .npy file written row by row: the shape in its header is known only at the end."""

    def __init__(self, path: Path, bands: int) -> None:
        self.path, self.bands, self.rows = path, bands, 0
        self.body = path.with_suffix(".part")

    def __enter__(self) -> "_Packed":
        self.stream = self.body.open("wb")
        return self

    def append(self, levels: np.ndarray) -> int:
        """Add [frames, bands]; returns frames."""
        self.stream.write(np.ascontiguousarray(levels).tobytes())
        self.rows += len(levels)
        return len(levels)

    def __exit__(self, kind: type | None, *_: object) -> None:
        self.stream.close()
        if kind is None:
            header = {"descr": "<f2", "fortran_order": False, "shape": (self.rows, self.bands)}
            with self.path.open("wb") as out, self.body.open("rb") as body:
                np.lib.format.write_array_header_1_0(out, header)
                shutil.copyfileobj(body, out, 1 << 22)
        self.body.unlink()
