"""An encoder whose FLOPs can be counted by hand: one 3 × 3 convolution and a mean."""

import torch

from harness.learning.encoders import Encoder

CHANNELS = 5


class Single(Encoder):
    size = CHANNELS

    def __init__(self, params, setting):
        super().__init__(params, setting)
        self.convolution = torch.nn.Conv2d(1, CHANNELS, 3, padding=1, bias=False)

    def maps(self, x):
        return [self.convolution(x)]

    def pool(self, last):
        return last.mean(dim=(2, 3))
