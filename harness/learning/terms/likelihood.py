"""Negative log-likelihood of the labels in the first view, for a head that has one.

With `beta` it is the β-NLL of Seitzer et al. (2022): each clip's loss counts as its predicted
variance to the power of β, which is not learned from. So clips with a large variance, which plain
NLL passes over, are learned too.
"""

from typing import Any

from pydantic import Field
from torch import Tensor

from harness.config.strict import Strict
from harness.errors import ParamsError
from harness.learning.parts import Setting
from harness.learning.terms import Step, Term


class Params(Strict):
    """0: plain NLL; 1: as a squared error."""

    beta: float = Field(default=0.0, ge=0, le=1)


class Likelihood(Term):
    """Mean over clips and targets."""

    def __init__(self, params: Params, setting: Setting, size: int) -> None:
        super().__init__(params, setting, size)
        self.beta = params.beta

    def forward(self, step: Step) -> Tensor:
        head: Any = step.network.head
        raw = step.raw[0]
        nll = head.nll(raw, step.labels)
        if nll is None or (self.beta and not hasattr(head, "variance")):
            raise ParamsError(
                f"term likelihood needs a head with a {'variance' if self.beta else 'likelihood'}, "
                f"and {type(head).__name__} has none; give the row `head: gauss`"
            )
        if self.beta:
            nll = head.variance(raw).detach() ** self.beta * nll
        return nll.mean()
