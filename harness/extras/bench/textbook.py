"""RRTN as it is written without a thought for speed: what `ours` is compared with.

A DataLoader reads a file a clip, crops or pads it and masks it with loops; float32, default
layout; the losses target by target, with the whole embedding × embedding matrix; AdamW as
`torch.optim.AdamW(parameters)` gives it. The network, its initial weights and the readings (those
of the preset `paper`) are ours, so both compute the same losses.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from harness.config.training import SpecAugment
from harness.learning.cell import Cell
from harness.learning.data import INDEX
from harness.learning.network import Objective
from harness.learning.terms.barlow_twins import BarlowTwins

Sample = tuple[Tensor, Tensor, Tensor]


class Clips(Dataset[Sample]):
    """A clip, the same clip masked, [1, frames, bands] each, and its labels [targets]."""

    def __init__(self, folder: Path, cell: Cell, length: int) -> None:
        index = pd.read_csv(folder / "train.csv", dtype={"clip": str})[:length]
        self.files = [folder / f"{clip}.npy" for clip in index["clip"]]
        self.labels = index.drop(columns=INDEX).to_numpy(np.float32)
        self.train, self.padding = cell.train, cell.readings.padding_level

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, number: int) -> Sample:
        levels = np.load(self.files[number]).astype(np.float32)
        frames = self.train.frames
        if len(levels) > frames:
            first = np.random.randint(len(levels) - frames + 1)
            levels = levels[first : first + frames]
        elif len(levels) < frames:
            missing = ((0, frames - len(levels)), (0, 0))
            levels = np.pad(levels, missing, constant_values=self.padding)
        x = torch.from_numpy(levels)[np.newaxis]
        labels = torch.from_numpy(self.labels[number])
        return x, spec_augment(x, self.train.spec_augment), labels


def spec_augment(x: Tensor, params: SpecAugment) -> Tensor:
    """A copy of [1, frames, bands] with stripes of 0, one after another."""
    x = x.clone()
    for axis, widest, stripes in (
        (1, params.frames, params.frame_stripes),
        (2, params.bands, params.band_stripes),
    ):
        length = x.shape[axis]
        for _ in range(stripes):
            width = int(torch.randint(0, min(widest, length), (1,)))
            first = int(torch.randint(0, length - width, (1,)))
            if axis == 1:
                x[:, first : first + width] = 0
            else:
                x[:, :, first : first + width] = 0
    return x


def ccc_loss(predictions: Tensor, labels: Tensor) -> Tensor:
    """1 - mean CCC, target by target; both [batch, targets]."""
    total = predictions.new_zeros(())
    for target in range(labels.shape[1]):
        x, y = predictions[:, target], labels[:, target]
        covariance = ((x - x.mean()) * (y - y.mean())).mean()
        variances = x.var(unbiased=False) + y.var(unbiased=False)
        total = total + 2 * covariance / (variances + (x.mean() - y.mean()) ** 2 + 1e-10)
    return 1 - total / labels.shape[1]


def barlow_twins(a: Tensor, b: Tensor, redundancy: float, norm: nn.Module) -> Tensor:
    """Eq. 2 from the whole correlation matrix [size, size]."""
    matrix = norm(a).T @ norm(b) / len(a)
    identity = torch.eye(len(matrix), device=matrix.device)
    on = ((1 - matrix) ** 2 * identity).sum()
    off = (matrix**2 * (1 - identity)).sum()
    return on + redundancy * off


def projector_of(objective: Objective) -> nn.Module:
    """The projector of the Barlow Twins term, which the row must have."""
    return next(term.projector for term in objective.terms if isinstance(term, BarlowTwins))


class TextbookNetwork(nn.Module):
    """The network's parts, called one view after the other."""

    def __init__(self, objective: Objective, redundancy: float, embedding: int) -> None:
        super().__init__()
        self.objective, self.redundancy = objective, redundancy
        self.norm = nn.BatchNorm1d(embedding, affine=False)

    def forward(self, x: Tensor, masked: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        network, project = self.objective.network, projector_of(self.objective)
        first, second = network.encoder(x), network.encoder(masked)
        losses = torch.stack(
            [
                ccc_loss(network.head(first), labels),
                ccc_loss(network.head(second), labels),
                barlow_twins(project(first), project(second), self.redundancy, self.norm),
            ]
        )
        return self.objective.weighting(losses), losses.detach()


class Textbook:
    """One epoch of `steps` batches a call; `workers`: processes that load."""

    def __init__(
        self, cell: Cell, objective: Objective, steps: int, workers: int, device: torch.device
    ) -> None:
        train = cell.train
        self.device = device
        self.network = TextbookNetwork(objective, train.redundancy, train.embedding).to(device)
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(),
            lr=train.learning_rate,
            eps=train.epsilon,
            weight_decay=train.weight_decay,
        )
        self.loader = DataLoader(
            Clips(cell.features, cell, steps * train.batch),
            batch_size=train.batch,
            shuffle=True,
            drop_last=True,
            num_workers=workers,
            persistent_workers=workers > 0,
            pin_memory=device.type == "cuda",
        )

    def epoch(self) -> None:
        self.network.train()
        for batch in self.loader:
            x, masked, labels = (part.to(self.device) for part in batch)
            self.optimizer.zero_grad()
            loss, _ = self.network(x, masked, labels)
            loss.backward()
            self.optimizer.step()
            loss.item()  # for the log, as usual
