"""Uncertainty weights whose regulariser stays positive (Liebel & Körner 2018, arXiv 1805.06334)."""

import torch
from torch import Tensor, nn

from harness.learning.parts import Setting
from harness.learning.weightings._scaled import Params, Scaled


class Liebel(Scaled):
    """Σ L/(2c²) + ln(1 + c²), c learned from 1.

    Faithful to the usual implementation (Mikoto10032/AutomaticWeightedLoss@40b1530).
    """

    def __init__(self, params: Params, setting: Setting, losses: int) -> None:
        super().__init__(params, setting, losses)
        self.c = nn.Parameter(torch.ones(losses))

    def total(self, losses: Tensor, draws: object) -> Tensor:
        return (self.now() * losses + torch.log1p(self.c.square())).sum()

    def now(self) -> Tensor:
        return 0.5 / self.c.square()
