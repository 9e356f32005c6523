"""ResNet-18 (He et al. 2016)."""

from torch import Tensor, nn
from torch.nn import functional as F

from harness.config.strict import Strict
from harness.learning.encoders import Encoder, scaled
from harness.learning.parts import Setting


class _BasicBlock(nn.Module):
    """Two 3×3 convolutions with a shortcut (He et al. 2016, Fig. 2)."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.bn1(self.conv1(x)), inplace=True)
        return F.relu(self.bn2(self.conv2(y)) + self.shortcut(x), inplace=True)


class ResNet18(Encoder):
    """ResNet-18 (He et al. 2016) with one input channel and no input normalisation.

    The mel axis is put before time, as the authors' release does. Kaiming-normal (fan out) for all
    convolutions but the first, which keeps PyTorch's default, as the release replaces it last.
    """

    mel_first = True

    def __init__(self, params: Strict, setting: Setting) -> None:
        super().__init__(params, setting)
        channels = [scaled(c, setting.train.width) for c in (64, 128, 256, 512)]
        self.conv1 = nn.Conv2d(1, channels[0], 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(channels[0])
        blocks = []
        for stage, outputs in enumerate(channels):
            inputs = channels[max(stage - 1, 0)]
            blocks += [
                _BasicBlock(inputs, outputs, 1 if stage == 0 else 2),
                _BasicBlock(outputs, outputs, 1),
            ]
        self.blocks = nn.Sequential(*blocks)
        self.size = channels[-1]
        for module in self.blocks.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def maps(self, x: Tensor) -> list[Tensor]:
        """One a stage, which is two blocks."""
        x = F.relu(self.bn1(self.conv1(x.transpose(2, 3))), inplace=True)
        x = F.max_pool2d(x, 3, 2, 1)
        found = []
        for first, second in zip(self.blocks[::2], self.blocks[1::2], strict=True):
            x = second(first(x))
            found.append(x)
        return found

    def pool(self, last: Tensor) -> Tensor:
        return last.mean(dim=(2, 3))
