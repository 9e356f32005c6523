"""One encoder seen once, or twice: the vanilla network and RRTN's twins (paper §2.1, Fig. 1)."""

import torch
from torch import Tensor, nn

from harness.config.training import Row, Train
from harness.learning import encoders
from harness.learning.losses import barlow_twins, ccc_loss
from harness.learning.specaugment import masked

LOSSES = ("ccc", "ccc_masked", "barlow_twins")


class Twins(nn.Module):
    """Encoder, regression head and, with two views, a linear projector; weights are shared.

    `forward` gives the losses of a batch: [ccc], or [ccc, ccc of the masked view, Barlow Twins].
    """

    def __init__(self, row: Row, train: Train, bands: int, targets: int) -> None:
        super().__init__()
        self.settings = train
        dropout = (train.block_dropout, train.head_dropout)
        self.encoder = encoders.build(row.encoder, bands, train.width, dropout)
        self.head = nn.Linear(self.encoder.size, targets)
        self.projector = None
        if row.views == 2:
            self.projector = nn.Linear(self.encoder.size, train.embedding)

    def forward(self, x: Tensor, labels: Tensor, generator: torch.Generator) -> Tensor:
        clean = self.encoder(x)
        losses = [ccc_loss(self.head(clean), labels)]
        if self.projector is not None:
            other = self.encoder(masked(x, self.settings.spec_augment, generator))
            losses += [
                ccc_loss(self.head(other), labels),
                barlow_twins(
                    self.projector(clean), self.projector(other), self.settings.redundancy
                ),
            ]
        return torch.stack(losses)

    def predict(self, x: Tensor) -> Tensor:
        """Targets [batch, targets] from the clean view; linear, not clipped to [0, 1]."""
        predictions: Tensor = self.head(self.encoder(x))
        return predictions


def parameters(row: Row, train: Train, bands: int, targets: int) -> int:
    """Trainable parameters of the row's network, counted without allocating them."""
    with torch.device("meta"):
        network = Twins(row, train, bands, targets)
    return sum(p.numel() for p in network.parameters())
