"""Squared difference of the two views' predictions, R-Drop's for regression (Wu et al. 2021)."""

from torch import Tensor

from harness.learning.terms import Step, Term


class Difference(Term):
    """Mean over clips and targets of (ŷ₁ - ŷ₂)²."""

    views = 2

    def forward(self, step: Step) -> Tensor:
        first, second = step.predictions[:2]
        return (first - second).square().mean()
