"""The weights with which the row before this one ended, kept fixed: a control for learned ones."""

import csv
from pathlib import Path

import torch
from torch import Tensor

from harness.config.strict import Strict
from harness.errors import ParamsError
from harness.learning.parts import Setting
from harness.learning.weightings import Weighting


class Ended(Weighting):
    """Σ weight · loss, with the last weights of the same seed's cell of the row in `after`."""

    factors: Tensor

    def __init__(self, params: Strict, setting: Setting, losses: int) -> None:
        super().__init__(params, setting, losses)
        if len(setting.terms) != losses:
            raise ParamsError("ended weighs a row's terms; give its emotions another rule")
        ended = dict.fromkeys(setting.terms, 1.0)  # where rows are checked before any is trained
        if setting.before:
            ended = _last(setting.before / "weights.csv")
        if {*ended} != {*setting.terms}:
            raise ParamsError(
                f"weighting ended: the terms are {', '.join(setting.terms)}, those of "
                f"{setting.before} are {', '.join(ended)}; give both rows the same terms"
            )
        self.register_buffer("factors", torch.tensor([ended[term] for term in setting.terms]))

    def forward(self, losses: Tensor, draws: object = None) -> Tensor:
        return (self.factors * losses).sum()

    def weights(self) -> Tensor:
        return self.factors


def _last(file: Path) -> dict[str, float]:
    """The weights in the file's last line, by term."""
    with file.open(newline="", encoding="utf-8") as lines:
        *_, last = csv.DictReader(lines)
    return {key.removeprefix("weight_"): float(last[key]) for key in last if key != "step"}
