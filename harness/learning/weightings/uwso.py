"""Soft optimal uncertainty weights (Kirchdorfer et al. 2024, arXiv 2408.07985)."""

import torch
from pydantic import Field
from torch import Tensor

from harness.learning.parts import Setting
from harness.learning.weightings import _scaled


class Params(_scaled.Params):
    """`temperature`: of the softmax, to be searched (docs/protocol.md#weighting)."""

    temperature: float = Field(gt=0, le=1e6)


class UWSO(_scaled.Scaled):
    """Σ w·L with w = softmax(1/(L·T)), no gradient through w.

    Inferred: the formula is Eq. 4 of the paper as others restate it.
    """

    factors: Tensor

    def __init__(self, params: Params, setting: Setting, losses: int) -> None:
        super().__init__(params, setting, losses)
        self.temperature = params.temperature
        self.register_buffer("factors", torch.full((losses,), 1 / losses))

    def total(self, losses: Tensor, draws: object) -> Tensor:
        inverse = 1 / losses.detach().clamp_min(1e-8)
        self.factors = torch.softmax(inverse / self.temperature, 0)
        return (self.factors * losses).sum()

    def now(self) -> Tensor:
        return self.factors
