"""A packed features folder with a task that is easy or has nothing to learn, in milliseconds."""

import numpy as np
import pandas as pd

TARGETS = ["Awe", "Fear", "Joy"]
BANDS = 64


def write_split(folder, split, lengths, rng, levels=None):
    """`lengths`: frames of each clip. A target is the loudness of a third of the bands, 0 to 1;
    `levels`: what to write instead of such clips, [frames, bands]."""
    folder.mkdir(parents=True, exist_ok=True)
    labels = rng.random((len(lengths), len(TARGETS)))
    of_band = np.arange(BANDS) * len(TARGETS) // BANDS
    clips = [
        -60 + 40 * label[of_band] + rng.normal(0, 3, (frames, BANDS))
        for label, frames in zip(labels, lengths, strict=True)
    ]
    array = np.concatenate(clips) if levels is None else levels
    np.save(folder / f"{split}.npy", array.astype(np.float16))
    index = pd.DataFrame(
        {
            "clip": [f"{split[0]}{number:04d}" for number in range(len(lengths))],
            "speaker": [f"{split[0]}{number % 4}" for number in range(len(lengths))],
            "country": "",
            "start": np.cumsum([0, *lengths[:-1]]),
            "frames": lengths,
        }
    )
    index[TARGETS] = labels
    index.to_csv(folder / f"{split}.csv", index=False)


def write_features(folder, train=16, dev=12, frames=32, seed=0):
    """Train and dev clips around `frames` long: some are cropped, some padded."""
    rng = np.random.default_rng(seed)
    for split, clips in (("train", train), ("dev", dev)):
        lengths = rng.integers(frames * 3 // 4, frames * 3 // 2, clips).tolist()
        write_split(folder, split, lengths, rng)
