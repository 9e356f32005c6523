"""Cross-entropy of each label's shares of its two nearest bins, for the head `bins`."""

from typing import Any

from torch import Tensor

from harness.errors import ParamsError
from harness.learning.terms import Step, Term


class SoftBins(Term):
    """Of the first view; mean over clips and targets."""

    def forward(self, step: Step) -> Tensor:
        head: Any = step.network.head
        if not hasattr(head, "log_probabilities"):
            raise ParamsError(
                f"term soft_bins needs a head with bins, and {type(head).__name__} has none; give "
                "the row `head: bins`"
            )
        shares, logs = head.targets(step.labels), head.log_probabilities(step.raw[0])
        return -(shares * logs).sum(-1).mean()
