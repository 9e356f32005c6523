"""Redundancy reduction between the two views' embeddings (Eq. 2 and 3; Zbontar et al. 2021)."""

from collections.abc import Callable

from torch import Tensor, nn

from harness.config.strict import Strict
from harness.learning.losses import barlow_twins, standardised, uncentred
from harness.learning.parts import Setting
from harness.learning.terms import Step, Term


class BarlowTwins(Term):
    """A linear projector (§2.1) and the loss of its outputs, normalised as the reading has it."""

    views = 2

    def __init__(self, params: Strict, setting: Setting, size: int) -> None:
        super().__init__(params, setting, size)
        units = setting.train.embedding
        self.projector, self.redundancy = nn.Linear(size, units), setting.train.redundancy
        self.normalise: Callable[[Tensor], Tensor] = {
            "standardised": standardised,
            "uncentred": uncentred,
        }.get(setting.readings.barlow_twins) or nn.BatchNorm1d(units)

    def forward(self, step: Step) -> Tensor:
        a, b = self.projector(step.z[:2])
        return barlow_twins(a, b, self.redundancy, self.normalise)
