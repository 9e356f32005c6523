"""A weighted sum (Eq. 4)."""

from torch import Tensor

from harness.config.strict import Strict
from harness.learning.parts import Setting
from harness.learning.weightings import Weighting, one_each


class Params(Strict):
    """`weights`: one a loss; without them those of the reading fixed_weights."""

    weights: list[float] | None = None


class Fixed(Weighting):
    """Σ weight · loss."""

    factors: Tensor

    def __init__(self, params: Params, setting: Setting, losses: int) -> None:
        super().__init__(params, setting, losses)
        chosen, key = params.weights, "weighting.weights"
        if chosen is None:
            chosen, key = setting.readings.fixed_weights, "the reading fixed_weights"
        self.register_buffer("factors", one_each(key, chosen, losses))

    def forward(self, losses: Tensor, draws: object = None) -> Tensor:
        return (self.factors * losses).sum()

    def weights(self) -> Tensor:
        return self.factors
