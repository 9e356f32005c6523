"""The geometric mean of the losses (Chennupati et al. 2019, arXiv 1904.08492)."""

import torch
from torch import Tensor

from harness.config.strict import Strict
from harness.learning.parts import Setting
from harness.learning.weightings import Weighting

SMALLEST = 1e-8


class GLS(Weighting):
    """(Π L)^(1/n), without parameters; `weights` is its gradient, total/(n·L), at the last batch.

    Faithful. A loss that is scaled scales the whole, and leaves the ratios of the gradients.
    """

    factors: Tensor

    def __init__(self, params: Strict, setting: Setting, losses: int) -> None:
        super().__init__(params, setting, losses)
        self.register_buffer("factors", torch.full((losses,), 1 / losses))

    def forward(self, losses: Tensor, draws: object = None) -> Tensor:
        positive = losses.clamp_min(SMALLEST)
        total = positive.log().mean().exp()
        self.factors = (total / (len(losses) * positive)).detach()
        return total

    def weights(self) -> Tensor:
        return self.factors
