"""Restrained uncertainty weights (§2.3, Eq. 5 and 6)."""

import torch
from torch import Tensor, nn

from harness.config.strict import Strict
from harness.learning.parts import Setting
from harness.learning.weightings import Weighting, one_each


class Params(Strict):
    """`scale`: λ, one a loss; `start`: the first c, without it those of the reading ruwl_start."""

    scale: list[float]
    start: list[float] | None = None


class RUWL(Weighting):
    """Σ(λ/c²·L + ln(1 + c²)) + |2 - Σ|c||.

    λ multiplies (docs/protocol.md#ruwl says why) unless the reading ruwl_lambda is "divides", Eq. 6
    to the letter. The first c and its weight decay are readings, too.
    """

    factors: Tensor

    def __init__(self, params: Params, setting: Setting, losses: int) -> None:
        super().__init__(params, setting, losses)
        readings = setting.readings
        scale = one_each("weighting.scale", params.scale, losses)
        self.register_buffer("factors", 1 / scale if readings.ruwl_lambda == "divides" else scale)
        start, key = params.start, "weighting.start"
        if start is None:
            start, key = list(readings.ruwl_start), "the reading ruwl_start"
        self.c = nn.Parameter(one_each(key, start, losses))
        self.decays = readings.ruwl_decay == "as_network"

    def forward(self, losses: Tensor, draws: object = None) -> Tensor:
        square = self.c.square()
        restraint = (2 - self.c.abs().sum()).abs()
        return (self.factors / square * losses + torch.log1p(square)).sum() + restraint

    def weights(self) -> Tensor:
        return (self.factors / self.c.square()).detach()
