"""1 - Ĉ of the second view, the masked one of RRTN's twins (Fig. 1)."""

from torch import Tensor

from harness.learning.terms import Step, Term


class CCCMasked(Term):
    """Of the second view."""

    views = 2

    def forward(self, step: Step) -> Tensor:
        return step.ccc[1]
