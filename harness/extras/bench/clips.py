"""Clips to train on: random log-mel, packed as the harness keeps it, and one file a clip."""

from pathlib import Path

import numpy as np
import pandas as pd

TARGETS = [f"emotion {number}" for number in range(10)]


def write_clips(folder: Path, clips: int, frames: int, bands: int, seed: int = 0) -> None:
    """`train.npy` and `train.csv`, and the same levels as `<clip>.npy`; float16 dB.

    Half of the clips are shorter than `frames`, as in Hume-VB, the others are up to twice as long.
    """
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    lengths = np.where(
        rng.random(clips) < 0.5,
        rng.integers(frames // 2, frames, clips),
        rng.integers(frames, 2 * frames, clips),
    )
    levels = [rng.normal(-50, 15, (n, bands)).astype(np.float16) for n in lengths]
    index = pd.DataFrame({"clip": [f"{number:06d}" for number in range(clips)]})
    index["speaker"] = [f"s{number % 50}" for number in range(clips)]
    index["country"] = ""
    index["start"] = np.cumsum([0, *lengths[:-1]])
    index["frames"] = lengths
    index = index.join(pd.DataFrame(rng.random((clips, len(TARGETS))), columns=TARGETS))
    index.to_csv(folder / "train.csv", index=False)
    np.save(folder / "train.npy", np.concatenate(levels))
    for clip, own in zip(index["clip"], levels, strict=True):
        np.save(folder / f"{clip}.npy", own)
