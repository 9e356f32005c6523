"""The weights with which the row before this one ended, kept fixed: a control for learned ones."""

import csv

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
        found = [1.0] * losses  # where rows are checked before any is trained
        if setting.before:
            with (setting.before / "weights.csv").open(newline="", encoding="utf-8") as file:
                *_, last = csv.DictReader(file)
            found = [float(last[key]) for key in last if key != "step"]
        if len(found) != losses:
            raise ParamsError(
                f"weighting ended has {losses} losses, {setting.before} ended with {len(found)} "
                "weights; give both rows the same terms"
            )
        self.register_buffer("factors", torch.tensor(found))

    def forward(self, losses: Tensor, draws: object = None) -> Tensor:
        return (self.factors * losses).sum()

    def weights(self) -> Tensor:
        return self.factors
