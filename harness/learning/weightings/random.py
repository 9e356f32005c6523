"""Random weights, the null that a rule must beat (Lin et al. 2022, arXiv 2111.10603)."""

from typing import Any

import torch
from torch import Tensor

from harness.learning.parts import Setting
from harness.learning.weightings._scaled import Params, Scaled


class Random(Scaled):
    """Σ w·L with w = softmax of standard normal draws, new in every step. Faithful."""

    factors: Tensor

    def __init__(self, params: Params, setting: Setting, losses: int) -> None:
        super().__init__(params, setting, losses)
        self.register_buffer("factors", torch.full((losses,), 1 / losses))

    def total(self, losses: Tensor, draws: Any) -> Tensor:
        drawn = torch.randn(len(losses), generator=draws("random"), device=losses.device)
        self.factors = torch.softmax(drawn, 0)
        return (self.factors * losses).sum()

    def now(self) -> Tensor:
        return self.factors
