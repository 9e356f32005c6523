"""Dynamic restrained uncertainty weights (Song et al. 2022, arXiv 2206.11049)."""

from pydantic import Field
from torch import Tensor

from harness.learning.parts import Setting
from harness.learning.weightings import _scaled
from harness.learning.weightings._ratios import Ratios
from harness.learning.weightings.rruw import RRUW


class Params(_scaled.Params):
    """`temperature`: of the softmax over the ratios of the last two steps."""

    temperature: float = Field(default=10, gt=0, le=1e6)


class DRUW(RRUW):
    """`rruw` with 1/(n·c²) + the weight of `dwa` per step instead of 1/(n·c²) alone.

    Faithful to the group's code (VincentKaras/a-vb-emotions@f47686a).
    """

    looks_back = True
    dynamic: Tensor

    def __init__(self, params: Params, setting: Setting, losses: int) -> None:
        super().__init__(params, setting, losses)
        self.ratios = Ratios(losses, params.temperature)
        self.register_buffer("dynamic", self.ratios())

    def total(self, losses: Tensor, draws: object) -> Tensor:
        self.dynamic = self.ratios()
        self.ratios.show(losses)
        return super().total(losses, draws)

    def now(self) -> Tensor:
        return self.dynamic + super().now()
