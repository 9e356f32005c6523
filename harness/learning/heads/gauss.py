"""A normal distribution of every target: its mean, and the logarithm of its variance."""

import math

from torch import Tensor, nn

from harness.config.strict import Strict
from harness.evaluation.scale import LEAST_SD, MOST_SD
from harness.learning.heads import Head
from harness.learning.parts import Setting


class Gauss(Head):
    """[.., size] → raw [.., 2 × targets], the means first; the mean is not clipped to [0, 1]."""

    def __init__(self, params: Strict, setting: Setting, size: int) -> None:
        super().__init__(params, setting, size)
        self.linear = nn.Linear(size, 2 * setting.targets)

    def forward(self, z: Tensor) -> Tensor:
        values: Tensor = self.linear(z)
        return values

    def mean(self, raw: Tensor) -> Tensor:
        return raw.chunk(2, -1)[0]

    def variance(self, raw: Tensor) -> Tensor:
        """Predicted variance [.., targets], its root within the bounds of
        harness.evaluation.scale."""
        log_variance = raw.chunk(2, -1)[1].float()
        return log_variance.clamp(2 * math.log(LEAST_SD), 2 * math.log(MOST_SD)).exp()

    def nll(self, raw: Tensor, labels: Tensor) -> Tensor:
        variance = self.variance(raw)
        squares = (labels - self.mean(raw)).square()
        return 0.5 * (squares / variance + variance.log() + math.log(2 * math.pi))

    def divergence(self, raw: Tensor, taught: dict[str, Tensor]) -> Tensor:
        """KL(taught ‖ predicted) [.., targets] from the normal with `mean` and `variance`."""
        variance = self.variance(raw)
        squares = (taught["mean"] - self.mean(raw)).square()
        ratio = taught["variance"] / variance
        return 0.5 * (squares / variance + ratio - 1 - ratio.log())
