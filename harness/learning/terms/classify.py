"""Cross-entropy of the speaker or the country: the task of a network that is trained beforehand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from torch import Tensor, nn
from torch.nn import functional as F

from harness.config.strict import Strict
from harness.errors import ParamsError
from harness.learning.parts import Setting
from harness.learning.terms import Step, Term

if TYPE_CHECKING:  # a cell does not depend on the code of what is only named here
    from harness.config.rows import Row

PLURAL = {"speaker": "speakers", "country": "countries"}


class Params(Strict):
    """`by`: what the classes are."""

    by: Literal["speaker", "country"]


class Classify(Term):
    """A linear classifier of the first view's representation, which belongs to the term: the
    network that a row keeps has none, and its head for the targets learns nothing here."""

    def __init__(self, params: Params, setting: Setting, size: int) -> None:
        super().__init__(params, setting, size)
        self.by = params.by
        classes: int = getattr(setting, PLURAL[self.by])
        if classes == 1:
            raise ParamsError(_alone(self.by))
        self.linear = nn.Linear(size, max(classes, 1))  # 0: where nobody trains

    def forward(self, step: Step) -> Tensor:
        found = step.speakers if self.by == "speaker" else step.countries
        said = self.linear(step.z[0]).float()
        classes = found if found is not None else said.new_zeros(len(said)).long()
        return F.cross_entropy(said, classes)

    def check(self, row: Row, before: Row | None, speakers: int, countries: int) -> None:
        """Raise ParamsError where the train split has one class only."""
        if {"speaker": speakers, "country": countries}[self.by] < 2:
            raise ParamsError(_alone(self.by))


def _alone(by: str) -> str:
    return (
        f"term classify: the train split has no two {PLURAL[by]}, so there is nothing to tell "
        f"apart by {by}; leave the row out for this corpus"
    )
