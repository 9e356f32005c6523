"""SpecAugment (Park et al. 2019) as torchlibrosa draws it, for a whole batch at once."""

import torch
from torch import Tensor

from harness.config.training import SpecAugment


def masked(x: Tensor, params: SpecAugment, generator: torch.Generator) -> Tensor:
    """A copy of `x` [batch, 1, frames, bands] with stripes of zeros (0 dB), drawn per clip."""
    kept = _kept(x, 2, params.frames, params.frame_stripes, generator).unsqueeze(2)
    kept = kept & _kept(x, 3, params.bands, params.band_stripes, generator).unsqueeze(1)
    return x * kept.unsqueeze(1)


def _kept(x: Tensor, axis: int, widest: int, stripes: int, generator: torch.Generator) -> Tensor:
    """[batch, length of axis]: False inside a stripe.

    A stripe is {0 … widest - 1} long and starts in {0 … length - stripe - 1}, both uniform.
    """
    length = x.shape[axis]
    draws = torch.rand(2, len(x), stripes, 1, device=x.device, generator=generator)
    stripe = (draws[0] * min(widest, length)).long()
    first = (draws[1] * (length - stripe)).long()
    place = torch.arange(length, device=x.device)
    return ~((place >= first) & (place < first + stripe)).any(dim=1)
