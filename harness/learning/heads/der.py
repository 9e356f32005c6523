"""Deep evidential regression (Amini et al. 2020): a normal-inverse-gamma of every target.

Its predictive distribution is Student's t with 2α degrees of freedom, location γ and squared scale
β(1 + ν)/(να).
"""

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from harness.config.strict import Strict
from harness.evaluation.scale import LEAST_SD
from harness.learning.heads import Head
from harness.learning.parts import Setting


class Der(Head):
    """[.., size] → raw [.., 4 × targets]: γ, and ν, α, β before softplus."""

    def __init__(self, params: Strict, setting: Setting, size: int) -> None:
        super().__init__(params, setting, size)
        self.linear = nn.Linear(size, 4 * setting.targets)

    def forward(self, z: Tensor) -> Tensor:
        values: Tensor = self.linear(z)
        return values

    def mean(self, raw: Tensor) -> Tensor:
        return raw.chunk(4, -1)[0]

    def evidence(self, raw: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """γ, ν > 0, α > 1, β > 0, each [.., targets]; floors keep the likelihood finite."""
        gamma, nu, alpha, beta = raw.float().chunk(4, -1)
        least = LEAST_SD**2
        return gamma, softplus(nu) + least, softplus(alpha) + 1 + least, softplus(beta) + least

    def nll(self, raw: Tensor, labels: Tensor) -> Tensor:
        gamma, nu, alpha, beta = self.evidence(raw)
        omega = 2 * beta * (1 + nu)
        return (
            0.5 * (math.pi / nu).log()
            - alpha * omega.log()
            + (alpha + 0.5) * (nu * (labels - gamma).square() + omega).log()
            + torch.lgamma(alpha)
            - torch.lgamma(alpha + 0.5)
        )
