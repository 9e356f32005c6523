"""Layers over quaternions (Parcollet et al. 2019), and an encoder made of them.

Four blocks of real channels are the parts of as many quaternions, in the order 1, i, j, k. A layer
multiplies with the Hamilton product, weight first, as one real layer whose weight is put together
from four blocks: a quarter of the parameters, and all of the multiplications.
"""

import math
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from harness.config.strict import Strict
from harness.errors import ParamsError
from harness.learning.encoders import Encoder
from harness.learning.parts import Setting

PRODUCT = (  # of each part of a product, by part of the right factor: the weight's part, its sign
    ((0, 1), (1, -1), (2, -1), (3, -1)),
    ((1, 1), (0, 1), (3, -1), (2, 1)),
    ((2, 1), (3, 1), (0, 1), (1, -1)),
    ((3, 1), (2, -1), (1, 1), (0, 1)),
)
BLOCKS = [  # the same as a matrix: 16 blocks of a real weight from the four parts of a quaternion's
    [sign if part == each else 0 for each in range(4)] for row in PRODUCT for part, sign in row
]


class Params(Strict):
    """`input`: how the one channel of a log-mel becomes four: a learned 3×3 convolution, or the
    level, its first and second difference in time, and 0."""

    input: Literal["learned", "deltas"] = "learned"


def hamilton(weight: Tensor) -> Tensor:
    """Quaternions, part after part [4 × outputs, inputs, …] → the real weight of their product from
    the left [4 × outputs, 4 × inputs, …]."""
    (outputs, inputs), kernel = (weight.shape[0] // 4, weight.shape[1]), weight.shape[2:]
    blocks = weight.new_tensor(BLOCKS) @ weight.reshape(4, -1)  # exact: one term of four is not 0
    together = blocks.reshape(4, 4, outputs, inputs, *kernel).transpose(1, 2)
    return together.reshape(4 * outputs, 4 * inputs, *kernel)


def first_weight(outputs: int, inputs: int, kernel: tuple[int, ...] = ()) -> Tensor:
    """Real outputs and inputs → [outputs, inputs / 4, …], random, of Parcollet's lengths.

    Length: χ with four degrees of freedom, times 1/√(2 (inputs + outputs)), both in quaternions and
    times the places of the kernel; angle uniform; axis at random among those of i, j and k.
    """
    shape = (_quarter(outputs), _quarter(inputs), *kernel)
    fans = (shape[0] + shape[1]) * math.prod(kernel)
    scale = 1 / math.sqrt(2 * fans)
    length = scale * torch.randn(4, *shape).square().sum(dim=0).sqrt()
    axis = F.normalize(torch.randn(3, *shape), dim=0)
    angle = (2 * torch.rand(shape) - 1) * math.pi
    return torch.cat([length * angle.cos(), *(length * angle.sin() * axis)])


class QuaternionConv2d(nn.Module):
    """3×3, padded by 1 and without bias, as in PANNs' blocks; real channels, which four divides."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(first_weight(outputs, inputs, (3, 3)))

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, hamilton(self.weight), padding=1)


class QuaternionLinear(nn.Module):
    """[…, inputs] → […, outputs]; four divides both."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(first_weight(outputs, inputs))
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, hamilton(self.weight), self.bias)


def _quarter(channels: int) -> int:
    if channels % 4:
        raise ParamsError(
            f"a quaternion layer has {channels} channels, which four does not divide; choose a "
            "train.width with which it does"
        )
    return channels // 4


class Lift(nn.Module):
    """[batch, 1, frames, bands] → one quaternion a place: [batch, 4, frames, bands]."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(1, 4, 3, 1, 1) if kind == "learned" else None

    def forward(self, x: Tensor) -> Tensor:
        if self.convolution is not None:
            found: Tensor = self.convolution(x)
            return found
        first = difference(x)
        return torch.cat([x, first, difference(first), torch.zeros_like(x)], dim=1)


def difference(x: Tensor) -> Tensor:
    """Half of what the next frame is above the last one [batch, 1, frames, bands]; the frames at
    both ends are their own neighbours."""
    before, after = (
        torch.cat([x[:, :, :1], x[:, :, :-1]], 2),
        torch.cat([x[:, :, 1:], x[:, :, -1:]], 2),
    )
    return (after - before) / 2


def quaternion(module: nn.Module) -> None:
    """Put a quaternion layer in place of every real one within a module."""
    for name, layer in module.named_children():
        if isinstance(layer, nn.Conv2d):
            lifted = 4 if layer.in_channels == 1 else layer.in_channels
            setattr(module, name, QuaternionConv2d(lifted, layer.out_channels))
        elif isinstance(layer, nn.Linear):
            setattr(module, name, QuaternionLinear(layer.in_features, layer.out_features))
        else:
            quaternion(layer)


class Quaternion(Encoder):
    """Before an encoder's own class: the same network with quaternion layers.

    ReLU, batch norm and pooling take each real channel by itself, as if there were no quaternions.
    """

    def __init__(self, params: Params, setting: Setting) -> None:
        super().__init__(params, setting)
        quaternion(self)
        self.lift = Lift(params.input)

    def maps(self, x: Tensor) -> list[Tensor]:
        return super().maps(self.lift(x))
