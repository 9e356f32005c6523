"""Representation → what is said of every target: a value, or more."""

from torch import Tensor, nn

from harness.config.strict import Strict
from harness.learning.parts import Setting


class Head(nn.Module):
    """Base: `forward` maps representations [..., batch, size] to raw outputs
    [..., batch, outputs].
    """

    def __init__(self, params: Strict, setting: Setting, size: int) -> None:
        super().__init__()

    def forward(self, z: Tensor) -> Tensor:
        raise NotImplementedError(f"{type(self).__name__} lacks forward()")

    def mean(self, raw: Tensor) -> Tensor:
        """The predicted values [..., batch, targets], which CCC takes."""
        raise NotImplementedError(f"{type(self).__name__} lacks mean()")

    def nll(self, raw: Tensor, labels: Tensor) -> Tensor | None:
        """Negative log-likelihood [..., batch, targets] of the labels; None where there is none."""
        return None
