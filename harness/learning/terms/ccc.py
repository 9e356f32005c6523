"""1 - Ĉ of the first view (Eq. 1, §2.2)."""

from torch import Tensor

from harness.learning.terms import Step, Term


class CCC(Term):
    """Of the view that predictions are made from."""

    def forward(self, step: Step) -> Tensor:
        return step.ccc[0]
