"""Sound → representation.

An encoder maps log-mel [batch, 1, frames, bands] in dB to a representation [batch, `size`].
`train.width` scales every channel count (1 = the paper).
"""

from torch import Tensor, nn

from harness.config.strict import Strict
from harness.learning.parts import Setting


class Encoder(nn.Module):
    """Base: `maps` gives feature maps block by block, `pool` the representation from the last one.

    `size`: length of the representation; `mel_first`: whether the two axes are swapped (a reading
    of SpecAugment depends on it).
    """

    size: int
    mel_first = False

    def __init__(self, params: Strict, setting: Setting) -> None:
        super().__init__()

    def initialise(self, module: nn.Module) -> None:
        """First weights of a module of the head on this encoder; without more, PyTorch's own."""

    def normalise(self, x: Tensor) -> Tensor:
        """What comes before the first convolution; same shape."""
        return x

    def maps(self, x: Tensor) -> list[Tensor]:
        """Normalised log-mel → one feature map [batch, channels, …] a block, in their order."""
        raise NotImplementedError(f"{type(self).__name__} lacks maps()")

    def pool(self, last: Tensor) -> Tensor:
        """The last feature map → representation [batch, size]."""
        raise NotImplementedError(f"{type(self).__name__} lacks pool()")

    def forward(self, x: Tensor) -> Tensor:
        return self.pool(self.maps(self.normalise(x))[-1])


def scaled(channels: int, width: float) -> int:
    """Channels at a width factor, at least 2."""
    return max(2, round(channels * width))
