"""Dynamic weights of a joint loss (Chae et al. 2018, arXiv 1809.00758)."""

import torch
from pydantic import Field
from torch import Tensor, nn

from harness.learning.parts import Setting
from harness.learning.weightings import _scaled


class Params(_scaled.Params):
    """`entropy`: τ; what the entropy of the weights is worth."""

    entropy: float = Field(default=0, ge=0, le=1000)


class Chae(_scaled.Scaled):
    """Σ w·L - τ·H(w) with w = softmax(θ), θ learned from 0 with the network.

    Faithful with τ = 0, as the authors' code (MyungsuChae/IROS2018_ws@0b32dee). The total is then
    least where all weight is on the smallest loss, so it falls whatever is learned, and proves
    nothing. With τ > 0, a variant, fixed losses have their weights at softmax(-L/τ).
    """

    def __init__(self, params: Params, setting: Setting, losses: int) -> None:
        super().__init__(params, setting, losses)
        self.entropy = params.entropy
        self.theta = nn.Parameter(torch.zeros(losses))

    def total(self, losses: Tensor, draws: object) -> Tensor:
        weights, logs = self.now(), torch.log_softmax(self.theta, 0)
        return (weights * losses).sum() + self.entropy * (weights * logs).sum()

    def now(self) -> Tensor:
        return torch.softmax(self.theta, 0)
