"""Rules that turn several losses into one, one file each."""

import torch
from torch import Tensor, nn

from harness.config.strict import Strict
from harness.errors import ParamsError
from harness.learning.parts import Setting


class Weighting(nn.Module):
    """Base: `forward` takes the losses [n] and gives the total; `weights` their factors now.

    The losses are the terms' (`weighting`), or those of the targets in one view (`emotions`).

    What a rule must find again in a resumed run is a parameter or a buffer. `draws` gives a
    generator of this epoch by name (harness.learning.terms.Draws). `decays`: whether weight decay
    is for its parameters too. `looks_back`: whether the weights of a step depend on the losses of
    the step before; then `emotions` takes one view, because it is called once for each.
    """

    decays = True
    looks_back = False

    def __init__(self, params: Strict, setting: Setting, losses: int) -> None:
        super().__init__()

    def forward(self, losses: Tensor, draws: object = None) -> Tensor:
        raise NotImplementedError(f"{type(self).__name__} lacks forward()")

    def weights(self) -> Tensor:
        """The factor [n] that multiplies each loss, detached."""
        raise NotImplementedError(f"{type(self).__name__} lacks weights()")

    def after_epoch(self, losses: Tensor) -> None:
        """Called after each epoch with its mean losses [n]; for `emotions` of the first view."""


def one_each(key: str, values: list[float], losses: int) -> Tensor:
    """Float32 [losses]; ParamsError where there are not as many values as losses."""
    if len(values) != losses:
        raise ParamsError(f"{key} has {len(values)} numbers for {losses} losses")
    return torch.tensor(values, dtype=torch.float32)
