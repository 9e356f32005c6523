"""Restrained revised uncertainty weights (Song et al. 2022, arXiv 2206.11049)."""

import torch
from torch import Tensor, nn

from harness.learning.parts import Setting
from harness.learning.weightings._scaled import Params, Scaled


class RRUW(Scaled):
    """Σ(L/(n·c²) + ln(1 + c²)) + |1 - Σ|c||, c learned from 1/n.

    Faithful to the group's code (VincentKaras/a-vb-emotions@f47686a).
    """

    def __init__(self, params: Params, setting: Setting, losses: int) -> None:
        super().__init__(params, setting, losses)
        self.c = nn.Parameter(torch.full((losses,), 1 / losses))

    def total(self, losses: Tensor, draws: object) -> Tensor:
        return (self.now() * losses).sum() + self.restraint()

    def restraint(self) -> Tensor:
        return torch.log1p(self.c.square()).sum() + (1 - self.c.abs().sum()).abs()

    def now(self) -> Tensor:
        return 1 / (len(self.c) * self.c.square())
