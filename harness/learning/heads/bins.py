"""A probability for each of 20 bins of [0, 1], all as wide, of every target (Deng et al. 2021)."""

import math

import torch
from torch import Tensor, nn

from harness.config.strict import Strict
from harness.evaluation.scale import BINS
from harness.learning.heads import Head
from harness.learning.parts import Setting


class Bins(Head):
    """[.., size] → logits [.., targets × bins], the bins of a target side by side."""

    def __init__(self, params: Strict, setting: Setting, size: int) -> None:
        super().__init__(params, setting, size)
        self.linear = nn.Linear(size, setting.targets * BINS)
        self.register_buffer("centres", (torch.arange(BINS) + 0.5) / BINS, persistent=False)

    centres: Tensor

    def forward(self, z: Tensor) -> Tensor:
        logits: Tensor = self.linear(z)
        return logits

    def mean(self, raw: Tensor) -> Tensor:
        """The expectation over the centres, in (0, 1)."""
        return (self.log_probabilities(raw).exp() * self.centres).sum(-1)

    def log_probabilities(self, raw: Tensor) -> Tensor:
        """[.., targets, bins]."""
        return raw.float().unflatten(-1, (-1, BINS)).log_softmax(-1)

    def nll(self, raw: Tensor, labels: Tensor) -> Tensor:
        """Of a density that is level within each bin; a label outside is in the nearest bin."""
        bin_of = (labels * BINS).long().clamp(0, BINS - 1)
        logs = self.log_probabilities(raw)
        places = bin_of.expand(logs.shape[:-1]).unsqueeze(-1)
        return -logs.gather(-1, places).squeeze(-1) - math.log(BINS)

    def targets(self, labels: Tensor) -> Tensor:
        """Soft labels [.., targets, bins]: shares of the two bins whose centres are nearest, so
        that their expectation is the label, or all in the first or last bin beyond its centre."""
        nearness = 1 - (labels.clamp(0, 1).unsqueeze(-1) - self.centres).abs() * BINS
        shares = nearness.clamp(min=0)
        return shares / shares.sum(-1, keepdim=True)

    def divergence(self, raw: Tensor, taught: dict[str, Tensor]) -> Tensor:
        """KL(taught ‖ predicted) [.., targets] from `probabilities` [.., targets, bins]."""
        p = taught["probabilities"]
        return (torch.xlogy(p, p) - p * self.log_probabilities(raw)).sum(-1)
