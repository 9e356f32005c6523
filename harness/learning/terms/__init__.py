"""Losses of a batch, one file each."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from harness.config.strict import Strict
from harness.learning.parts import Setting

Draws = Callable[[str], torch.Generator]  # a part's name → its own generator of this epoch


@dataclass(frozen=True)
class Step:
    """One batch as every term sees it; tensors have the views first, the clips second.

    `maps`: for each view the encoder's feature maps, block by block; `z` [views, batch, size];
    `raw` [views, batch, outputs] of the head; `predictions` [views, batch, targets]; `ccc` [views]:
    1 - Ĉ of each view's predictions;
    `clips`, `speakers`, `countries` [batch]: numbers in the train split (None where nobody trains);
    `progress`: the share of the training that is done.
    """

    x: Tensor
    labels: Tensor
    maps: list[list[Tensor]]
    z: Tensor
    raw: Tensor
    predictions: Tensor
    ccc: Tensor
    network: nn.Module
    draws: Draws
    clips: Tensor | None = None
    speakers: Tensor | None = None
    countries: Tensor | None = None
    progress: float = 0.0


class Term(nn.Module):
    """Base: `forward` gives the loss of a batch, a scalar. `views`: how many it needs at least."""

    views = 1

    def __init__(self, params: Strict, setting: Setting, size: int) -> None:
        super().__init__()

    def forward(self, step: Step) -> Tensor:
        raise NotImplementedError(f"{type(self).__name__} lacks forward()")
