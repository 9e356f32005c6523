"""Weights by homoscedastic uncertainty (Kendall et al. 2018, arXiv 1705.07115)."""

import torch
from torch import Tensor, nn

from harness.learning.parts import Setting
from harness.learning.weightings._scaled import Params, Scaled


class Kendall(Scaled):
    """Σ L/(2·exp(s)) + s/2, s the logarithm of a variance, learned from 0.

    Faithful to the form and start of ExVo 2022's multi-task baseline (HumeAI/competitions@62f4e79,
    ExVo-MultiTask); LibMTL starts at -0.5. 1 - CCC is no likelihood, so s is no variance here.
    """

    def __init__(self, params: Params, setting: Setting, losses: int) -> None:
        super().__init__(params, setting, losses)
        self.s = nn.Parameter(torch.zeros(losses))

    def total(self, losses: Tensor, draws: object) -> Tensor:
        return (self.now() * losses + self.s / 2).sum()

    def now(self) -> Tensor:
        return torch.exp(-self.s) / 2
