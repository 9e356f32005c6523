"""Packed log-mel and labels of a split, read back without torch."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from harness.errors import FeaturesError

INDEX = ["clip", "speaker", "country", "start", "frames"]
REMEDY = "run `dvc repro -f features`"


class Split(NamedTuple):
    """One split: ids and speakers of its clips, names of its targets, labels [clips, targets]."""

    clips: list[str]
    speakers: list[str]
    targets: list[str]
    labels: NDArray[np.float64]


def read_split(folder: Path, split: str) -> Split:
    """The index of a split; FeaturesError where it is missing."""
    index = _index(folder, split)
    targets = [column for column in index.columns if column not in INDEX]
    labels = index[targets].to_numpy(np.float64)
    return Split(index["clip"].tolist(), index["speaker"].tolist(), targets, labels)


def log_mels(folder: Path, split: str) -> Iterator[NDArray[np.float64]]:
    """[frames, bands] dB of each clip, in the order of the index; one in memory at a time."""
    index, file = _index(folder, split), folder / f"{split}.npy"
    if not file.is_file():
        raise FeaturesError(f"{file} is missing; {REMEDY}")
    levels = np.load(file, mmap_mode="r")
    if len(levels) != index["frames"].sum():
        raise FeaturesError(
            f"{folder}/{split}: the index counts {index['frames'].sum()} frames, the array holds "
            f"{len(levels)}; {REMEDY}"
        )
    for start, frames in zip(index["start"], index["frames"], strict=True):
        yield levels[start : start + frames].astype(np.float64)


def _index(folder: Path, split: str) -> pd.DataFrame:
    file = folder / f"{split}.csv"
    if not file.is_file():
        raise FeaturesError(f"{file} is missing; {REMEDY}")
    return pd.read_csv(file, dtype=dict.fromkeys(INDEX[:3], str), keep_default_na=False)
