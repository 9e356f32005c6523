"""The base of rules that see the losses brought to one scale."""

from typing import Annotated

from pydantic import Field
from torch import Tensor

from harness.config.strict import Strict
from harness.learning.parts import Setting
from harness.learning.weightings import Weighting, one_each


class Params(Strict):
    """`scale`: multiplies the losses, one each, before the rule sees them; without it 1."""

    scale: list[Annotated[float, Field(gt=0)]] | None = None


class Scaled(Weighting):
    """`total`, `now` and `look_back` are `forward`, `weights` and `after_epoch` of scaled losses.

    Without a scale a Barlow Twins loss in the hundreds drowns a CCC loss below 1 in every rule but
    a logarithmic one, `random` included. No source has weight decay on the parameters of a rule.
    """

    decays = False
    scale: Tensor

    def __init__(self, params: Params, setting: Setting, losses: int) -> None:
        super().__init__(params, setting, losses)
        scale = [1.0] * losses if params.scale is None else params.scale
        self.register_buffer("scale", one_each("weighting.scale", scale, losses))

    def forward(self, losses: Tensor, draws: object = None) -> Tensor:
        return self.total(self.scale * losses, draws)

    def weights(self) -> Tensor:
        return self.scale * self.now().detach()

    def after_epoch(self, losses: Tensor) -> None:
        self.look_back(self.scale * losses)

    def total(self, losses: Tensor, draws: object) -> Tensor:
        raise NotImplementedError(f"{type(self).__name__} lacks total()")

    def now(self) -> Tensor:
        raise NotImplementedError(f"{type(self).__name__} lacks now()")

    def look_back(self, losses: Tensor) -> None:
        """Called after each epoch with its mean losses [n], scaled."""
