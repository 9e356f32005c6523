"""One encoder seen once, or twice: the vanilla network and RRTN's twins (paper §2.1, Fig. 1)."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from harness.config.readings import Readings
from harness.config.training import Row, Train
from harness.learning import encoders
from harness.learning.losses import barlow_twins, ccc_loss, standardised, uncentred
from harness.learning.specaugment import masked

LOSSES = ("ccc", "ccc_masked", "barlow_twins")


class Twins(nn.Module):
    """Encoder, regression head and, with two views, a linear projector; weights are shared.

    `forward` gives the losses of a batch: [ccc], or [ccc, ccc of the masked view, Barlow Twins].
    """

    def __init__(
        self, row: Row, train: Train, readings: Readings, bands: int, targets: int
    ) -> None:
        super().__init__()
        self.spec_augment, self.readings = train.spec_augment, readings
        dropout = (readings.block_dropout, readings.head_dropout)
        self.encoder = encoders.build(row.encoder, bands, train.width, dropout)
        self.head = nn.Linear(self.encoder.size, targets)
        self.projector = None
        if row.views == 2:
            self.projector = nn.Linear(self.encoder.size, train.embedding)
            self.redundancy = train.redundancy
            self.normalise: Callable[[Tensor], Tensor] = {
                "standardised": standardised,
                "uncentred": uncentred,
            }.get(readings.barlow_twins) or nn.BatchNorm1d(train.embedding)

    def forward(self, x: Tensor, labels: Tensor, generator: torch.Generator) -> Tensor:
        reading = self.readings.ccc_loss
        if self.projector is None:
            return ccc_loss(self.predict(x), labels, reading).unsqueeze(0)
        pair = torch.stack(self._representations(x, generator))  # both views in one product
        losses = ccc_loss(self.head(pair), labels, reading)
        a, b = self.projector(pair)
        twins = barlow_twins(a, b, self.redundancy, self.normalise)
        return torch.cat([losses, twins.unsqueeze(0)])

    def _representations(self, x: Tensor, generator: torch.Generator) -> list[Tensor]:
        """Of the two views [batch, size] each; masks and passes as the readings have them."""
        views = [x, x]
        if self.readings.mask_place == "before_bn0":
            views = self._masked(views, generator)
        views = self._each(self.encoder.normalise, views)
        if self.readings.mask_place == "after_bn0":
            views = self._masked(views, generator)
        return self._each(self.encoder.encode, views)

    def _masked(self, views: list[Tensor], generator: torch.Generator) -> list[Tensor]:
        axes: str = self.readings.mask_axes
        if axes == "released":
            axes = "mel" if self.encoder.mel_first else "time"
        fill = self.readings.mask_fill
        chosen = [self.readings.masked_view == "both", True]
        return [
            masked(view, self.spec_augment, generator, axes, fill) if mask else view
            for view, mask in zip(views, chosen, strict=True)
        ]

    def _each(self, layer: Callable[[Tensor], Tensor], views: list[Tensor]) -> list[Tensor]:
        if self.readings.twin_forward == "joint":
            return list(layer(torch.cat(views)).chunk(2))
        return [layer(view) for view in views]

    def predict(self, x: Tensor) -> Tensor:
        """Targets [batch, targets] from the clean view; linear, not clipped to [0, 1]."""
        predictions: Tensor = self.head(self.encoder(x))
        return predictions


def parameters(row: Row, train: Train, readings: Readings, bands: int, targets: int) -> int:
    """Trainable parameters of the row's network, counted without allocating them."""
    with torch.device("meta"):
        network = Twins(row, train, readings, bands, targets)
    return sum(p.numel() for p in network.parameters())
