"""More weight for a loss that no longer falls, as Deng et al. (2021) released it."""

import torch
from torch import Tensor

from harness.learning.parts import Setting
from harness.learning.weightings._scaled import Params, Scaled


class Stall(Scaled):
    """Σ w·L with w in proportion to log2(epochs since the loss was least), at least to 1.

    Variant of wtomin/UncertainEmotion@c2aae02, which no paper describes: there an epoch counts that
    does not improve the score on validation data. Here it is the mean loss of the epoch, because
    the dev split trains nothing.
    """

    least: Tensor
    epochs: Tensor

    def __init__(self, params: Params, setting: Setting, losses: int) -> None:
        super().__init__(params, setting, losses)
        self.register_buffer("least", torch.full((losses,), torch.inf))
        self.register_buffer("epochs", torch.zeros(losses))

    def total(self, losses: Tensor, draws: object) -> Tensor:
        return (self.now() * losses).sum()

    def now(self) -> Tensor:
        found = torch.log2(self.epochs.clamp_min(2))
        return found / found.sum()

    def look_back(self, losses: Tensor) -> None:
        self.epochs = torch.where(losses < self.least, 0.0, self.epochs + 1)
        self.least = torch.minimum(losses, self.least)
