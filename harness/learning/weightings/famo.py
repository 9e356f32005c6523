"""Fast adaptive multitask optimisation (Liu et al. 2023, arXiv 2306.03792)."""

import math

import torch
from pydantic import Field
from torch import Tensor

from harness.config.strict import Strict
from harness.learning.parts import Setting
from harness.learning.weightings import Weighting

BETAS = 0.9, 0.999  # of Adam, with its epsilon of 1e-8
SMALLEST = 1e-8


class Params(Strict):
    """`learning_rate` and `decay` of the logits of the weights, which have an Adam of their own."""

    learning_rate: float = Field(default=0.025, gt=0, le=10)
    decay: float = Field(default=0.001, ge=0, le=1)


class FAMO(Weighting):
    """Σ w/c·ln(L) with w = softmax(ξ), c = Σ w/L; Adam moves ξ towards losses that fell least.

    Its gradient is softmaxᵀ'(ξ) · (ln L before the step - ln L after it). Variant of the authors'
    code (Cranial-XIX/FAMO@0a6ad06), which computes the batch's losses again after the step; here
    those of the next batch stand for them, so that a step costs what it costs in other rows.
    Logarithms make it insensitive to the scale of a loss.
    """

    looks_back = True
    logits: Tensor
    mean: Tensor
    square: Tensor
    before: Tensor
    steps: Tensor
    factors: Tensor

    def __init__(self, params: Params, setting: Setting, losses: int) -> None:
        super().__init__(params, setting, losses)
        self.learning_rate, self.decay = params.learning_rate, params.decay
        for name in ("logits", "mean", "square", "before"):
            self.register_buffer(name, torch.zeros(losses))
        self.register_buffer("steps", torch.zeros(()))
        self.register_buffer("factors", torch.full((losses,), 1 / losses))

    def forward(self, losses: Tensor, draws: object = None) -> Tensor:
        positive = losses + SMALLEST
        logs = positive.log()
        self._learn(logs.detach())
        weights = torch.softmax(self.logits, 0)
        scaled = weights / (weights / positive.detach()).sum()
        self.factors = scaled / positive.detach()
        return (scaled * logs).sum()

    def _learn(self, logs: Tensor) -> None:
        """A step of Adam on the logits; the first call has nothing to compare with."""
        fell = torch.where(self.steps > 0, self.before - logs, 0.0)
        weights = torch.softmax(self.logits, 0)
        slope = weights * (fell - (weights * fell).sum()) + self.decay * self.logits
        self.mean = torch.lerp(slope, self.mean, BETAS[0])
        self.square = torch.lerp(slope.square(), self.square, BETAS[1])
        number = self.steps.clamp_min(1)
        ones = [-torch.expm1(number * math.log(beta)) for beta in BETAS]  # 1 - βⁿ
        mean, square = self.mean / ones[0], self.square / ones[1]
        self.logits = self.logits - self.learning_rate * mean / (square.sqrt() + 1e-8)
        self.before, self.steps = logs, self.steps + 1

    def weights(self) -> Tensor:
        return self.factors
