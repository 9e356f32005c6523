"""Loss of deep evidential regression (Amini et al. 2020), for the head `der`."""

from typing import Any

from pydantic import Field
from torch import Tensor

from harness.config.strict import Strict
from harness.errors import ParamsError
from harness.learning.parts import Setting
from harness.learning.terms import Step, Term


class Params(Strict):
    """The factor of |y − γ|(2ν + α), which takes evidence away where the mean is wrong."""

    regulariser: float = Field(default=0.01, ge=0)


class Evidential(Term):
    """NLL plus the regulariser, of the first view; mean over clips and targets."""

    def __init__(self, params: Params, setting: Setting, size: int) -> None:
        super().__init__(params, setting, size)
        self.regulariser = params.regulariser

    def forward(self, step: Step) -> Tensor:
        head: Any = step.network.head
        raw = step.raw[0]
        if not hasattr(head, "evidence"):
            raise ParamsError(
                f"term evidential needs a head with evidence, and {type(head).__name__} has none; "
                "give the row `head: der`"
            )
        gamma, nu, alpha, _ = head.evidence(raw)
        wrong = (step.labels - gamma).abs() * (2 * nu + alpha)
        return (head.nll(raw, step.labels) + self.regulariser * wrong).mean()
