"""A value for every target (paper §2.1)."""

from torch import Tensor, nn

from harness.config.strict import Strict
from harness.learning.heads import Head
from harness.learning.parts import Setting


class Point(Head):
    """Linear, not clipped to [0, 1]."""

    def __init__(self, params: Strict, setting: Setting, size: int) -> None:
        super().__init__(params, setting, size)
        self.linear = nn.Linear(size, setting.targets)

    def forward(self, z: Tensor) -> Tensor:
        values: Tensor = self.linear(z)
        return values

    def mean(self, raw: Tensor) -> Tensor:
        return raw
