"""Dynamic weight average (Liu et al. 2019, arXiv 1803.10704): a loss that falls slowly counts."""

from typing import Literal

from pydantic import Field
from torch import Tensor

from harness.learning.parts import Setting
from harness.learning.weightings import _scaled
from harness.learning.weightings._ratios import Ratios


class Params(_scaled.Params):
    """`every`: what the two losses of a ratio are means of; `temperature`: of the softmax."""

    every: Literal["epoch", "step"] = "epoch"
    temperature: float = Field(default=2, gt=0, le=1e6)


class DWA(_scaled.Scaled):
    """Σ w·L with w = n · softmax(r/T), r: each loss of the last epoch over the one before.

    Faithful to the paper: per epoch, T = 2, weights of 1 in the first two. Per step with T = 10 it
    is faithful to the code of the authors' group (VincentKaras/a-vb-emotions@f47686a).
    """

    factors: Tensor

    def __init__(self, params: Params, setting: Setting, losses: int) -> None:
        super().__init__(params, setting, losses)
        self.looks_back = params.every == "step"
        self.ratios = Ratios(losses, params.temperature)
        self.register_buffer("factors", self.ratios())

    def total(self, losses: Tensor, draws: object) -> Tensor:
        self.factors = self.ratios()
        if self.looks_back:
            self.ratios.show(losses)
        return (self.factors * losses).sum()

    def now(self) -> Tensor:
        return self.factors

    def look_back(self, losses: Tensor) -> None:
        if not self.looks_back:
            self.ratios.show(losses)
