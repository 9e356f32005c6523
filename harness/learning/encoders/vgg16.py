"""VGG16's convolutions (Simonyan & Zisserman 2015) between PANNs' first norm and last layers."""

import itertools

from torch import Tensor, nn
from torch.nn import functional as F

from harness.config.strict import Strict
from harness.learning.encoders import scaled
from harness.learning.encoders._panns import PANN
from harness.learning.parts import Setting


class _Block(nn.Module):
    """(3×3 convolution, batch norm, ReLU) two or three times, then max pooling."""

    def __init__(self, inputs: int, outputs: int, layers: int) -> None:
        super().__init__()
        sizes = itertools.pairwise([inputs, *[outputs] * layers])
        self.convolutions = nn.ModuleList(nn.Conv2d(i, o, 3, 1, 1, bias=False) for i, o in sizes)
        self.norms = nn.ModuleList(nn.BatchNorm2d(outputs) for _ in range(layers))

    def forward(self, x: Tensor) -> Tensor:
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            x = F.relu(norm(convolution(x)), inplace=True)
        return F.max_pool2d(x, 2)


class VGG16(PANN):
    """Five blocks. Guizzo's has no batch norm and two hidden layers of 4096 units instead."""

    channels, pools = (64, 128, 256, 512, 512), (2, 2, 2, 2, 2)
    layers = (2, 2, 3, 3, 3)

    def __init__(self, params: Strict, setting: Setting) -> None:
        super().__init__(params, setting)
        sizes = [1, *(scaled(c, setting.train.width) for c in self.channels)]
        pairs = zip(itertools.pairwise(sizes), self.layers, strict=True)
        self.blocks = nn.ModuleList(_Block(*pair, layers) for pair, layers in pairs)
        self.blocks.apply(self.initialise)
