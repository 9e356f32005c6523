"""Packed log-mel → batches, gathered in one indexing on the device that trains."""

from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from harness.errors import FeaturesError

INDEX = ["clip", "speaker", "country", "start", "frames"]


class Packed:
    """One split in memory: `clips` (ids), `speakers`, `targets` (names), `labels` [clips, targets].

    `speaker` and `country` [clips]: the same as numbers, in the order of their names.

    `levels` [frames, bands] float16 dB, memory-mapped on the CPU, resident on another device.
    """

    def __init__(self, folder: Path, split: str, device: torch.device) -> None:
        try:
            levels = np.load(folder / f"{split}.npy", mmap_mode="c")
            index = pd.read_csv(
                folder / f"{split}.csv", dtype=dict.fromkeys(INDEX[:3], str), keep_default_na=False
            )
        except FileNotFoundError as error:
            raise FeaturesError(f"{error.filename} is missing; run `dvc repro features`") from None
        if len(levels) != index["frames"].sum():
            raise FeaturesError(
                f"{folder}/{split}: the index counts {index['frames'].sum()} frames, the array "
                f"holds {len(levels)}; run `dvc repro -f features`"
            )
        self.clips = index["clip"].tolist()
        self.speakers = index["speaker"].to_numpy()
        self.speaker, self.country = (
            torch.tensor(np.unique(index[key], return_inverse=True)[1], device=device)
            for key in ("speaker", "country")
        )
        self.targets = [c for c in index.columns if c not in INDEX]
        self.labels = torch.tensor(index[self.targets].to_numpy(np.float32), device=device)
        self.levels = torch.from_numpy(levels).to(device)
        self.start = torch.tensor(index["start"].to_numpy(), device=device)
        self.frames = torch.tensor(index["frames"].to_numpy(), device=device)

    def __len__(self) -> int:
        return len(self.clips)

    def crops(
        self, clips: Tensor, frames: int, padding: float, offsets: Tensor | None = None
    ) -> Tensor:
        """Clips [batch] → log-mel [batch, 1, frames, bands] float32, cropped or padded.

        `offsets` [batch] in [0, 1) places the crop in longer clips (None: the first frames);
        shorter clips are followed by frames of `padding` dB.
        """
        length = self.frames[clips]
        first = self.start[clips]
        if offsets is not None:
            first = first + (offsets * ((length - frames).clamp(min=0) + 1)).long()
        place = torch.arange(frames, device=clips.device)
        inside = place < length[:, None]
        rows = (first[:, None] + place).where(inside, 0)
        levels = self.levels.index_select(0, rows.flatten()).view(*rows.shape, -1).float()
        return levels.where(inside[..., None], padding).unsqueeze(1)


def held_out_clips(data: Packed, wanted: bool) -> np.ndarray:
    """Which train clips [clips] are not learned from: those of a tenth of the speakers, or none.

    The same speakers for every row and seed, so that rows stay comparable.
    """
    speakers = np.unique(data.speakers)
    drawn = np.random.default_rng(0).permutation(speakers)[: max(1, len(speakers) // 10)]
    return np.isin(data.speakers, drawn if wanted else [])


def batches(clips: int, batch: int, seed: int, epoch: int) -> tuple[np.ndarray, np.ndarray]:
    """Clip order [steps, batch] and crop offsets [steps, batch] of one epoch; the rest is dropped.

    They depend on seed and epoch alone: every row sees the same data in the same order, which is
    what makes rows comparable pair by pair, and a resumed run the same as an unbroken one.
    """
    generator = np.random.default_rng([seed, epoch])
    steps = clips // batch
    order = generator.permutation(clips)[: steps * batch].reshape(steps, batch)
    return order, generator.random((steps, batch), dtype=np.float32)
