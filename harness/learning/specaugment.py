"""SpecAugment (Park et al. 2019) as torchlibrosa draws it, for a whole batch at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from harness.config.readings import SILENCE

if TYPE_CHECKING:  # a cell does not depend on the code of what is only named here
    from harness.config.training import SpecAugment


def masked(
    x: Tensor,
    params: SpecAugment,
    generator: torch.Generator,
    axes: str = "described",
    fill: str = "zero",
) -> Tensor:
    """A copy of `x` [batch, 1, frames, bands] with stripes drawn per clip.

    `axes`: frame stripes and band stripes ("described"), or the frame stripes alone, along "time"
    or, as the release does to ResNet-18, across the "mel" axis. `fill`: "zero", the clip's "mean",
    or "silence" in dB.
    """
    if axes == "described":
        kept = _kept(x, 2, params.frames, params.frame_stripes, generator).unsqueeze(2)
        kept = kept * _kept(x, 3, params.bands, params.band_stripes, generator).unsqueeze(1)
    else:
        axis = {"time": 2, "mel": 3}[axes]
        kept = _kept(x, axis, params.frames, params.frame_stripes, generator)
        kept = kept.unsqueeze(2 if axes == "time" else 1)
    kept = kept.unsqueeze(1)
    if fill == "zero":
        return x * kept  # several times as fast as torch.where
    level = x.mean(dim=(2, 3), keepdim=True) if fill == "mean" else SILENCE
    return x * kept + level * (1 - kept)


def _kept(x: Tensor, axis: int, widest: int, stripes: int, generator: torch.Generator) -> Tensor:
    """[batch, length of axis], as `x` is: 0 inside a stripe, 1 elsewhere.

    A stripe is {0 … widest - 1} long and starts in {0 … length - stripe - 1}, both uniform.
    """
    length = x.shape[axis]
    draws = torch.rand(2, len(x), stripes, 1, device=x.device, generator=generator)
    stripe = (draws[0] * min(widest, length)).long()
    first = (draws[1] * (length - stripe)).long()
    place = torch.arange(length, device=x.device)
    return 1 - ((place >= first) & (place < first + stripe)).any(dim=1).to(x.dtype)
