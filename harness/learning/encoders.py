"""Sound → representation: the encoders of Table 2, each found by its class name in lower case.

An encoder maps log-mel [batch, 1, frames, bands] in dB to a representation [batch, `size`].
`width` scales every channel count (1 = the paper); `dropout` is the pair (after each block, before
the hidden layer) of PANNs, which ResNet-18 does not have.
"""

from torch import Tensor, nn
from torch.nn import functional as F

from harness.errors import ParamsError


def build(name: str, bands: int, width: float, dropout: tuple[float, float]) -> "Encoder":
    """The encoder class whose name is `name`, in lower case; ParamsError with what exists."""
    known = {
        key.lower(): value
        for key, value in globals().items()
        if isinstance(value, type) and issubclass(value, Encoder) and not key.startswith("_")
    }
    if name not in known or known[name] is Encoder:
        names = sorted(set(known) - {"encoder"})
        raise ParamsError(f"no encoder '{name}' in harness/learning/encoders.py; known: {names}")
    return known[name](bands, width, dropout)


class Encoder(nn.Module):
    """Base: `size` is the length of the representation; `encode` maps normalised log-mel to it.

    `normalise` is the layer before the first convolution, if there is one; `mel_first` says that
    the encoder swaps the two axes (a reading of SpecAugment depends on it).
    """

    size: int
    mel_first = False

    def __init__(self, bands: int, width: float, dropout: tuple[float, float]) -> None:
        super().__init__()

    def normalise(self, x: Tensor) -> Tensor:
        return x

    def encode(self, x: Tensor) -> Tensor:
        raise NotImplementedError(f"{type(self).__name__} lacks encode()")

    def forward(self, x: Tensor) -> Tensor:
        return self.encode(self.normalise(x))


def scaled(channels: int, width: float) -> int:
    """Channels at a width factor, at least 2."""
    return max(2, round(channels * width))


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

    def __init__(self, bands: int, width: float, dropout: tuple[float, float]) -> None:
        super().__init__(bands, width, dropout)
        channels = [scaled(c, width) for c in (64, 128, 256, 512)]
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

    def encode(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.conv1(x.transpose(2, 3))), inplace=True)
        x = F.max_pool2d(x, 3, 2, 1)
        return self.blocks(x).mean(dim=(2, 3))


class _ConvBlock(nn.Module):
    """PANNs' block: (3×3 convolution, batch norm, ReLU) twice, then average pooling."""

    def __init__(self, inputs: int, outputs: int, pool: int) -> None:
        super().__init__()
        self.pool = pool
        self.conv1 = nn.Conv2d(inputs, outputs, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.conv1(x)), inplace=True)
        x = F.relu(self.bn2(self.conv2(x)), inplace=True)
        return F.avg_pool2d(x, self.pool) if self.pool > 1 else x


class _PANN(Encoder):
    """PANNs' CNN (Kong et al. 2020): batch norm per band, blocks, mean over bands, max + mean over
    time, one hidden layer. The original drops 0.2 after a block and 0.5 before the hidden layer."""

    channels: tuple[int, ...]
    pools: tuple[int, ...]

    def __init__(self, bands: int, width: float, dropout: tuple[float, float]) -> None:
        super().__init__(bands, width, dropout)
        sizes = [1, *(scaled(c, width) for c in self.channels)]
        self.bn0 = nn.BatchNorm2d(bands)
        self.blocks = nn.ModuleList(
            _ConvBlock(i, o, pool)
            for i, o, pool in zip(sizes[:-1], sizes[1:], self.pools, strict=True)
        )
        self.size = sizes[-1]
        self.fc1 = nn.Linear(self.size, self.size)
        self.block_dropout, self.head_dropout = dropout
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def normalise(self, x: Tensor) -> Tensor:
        normalised: Tensor = self.bn0(x.transpose(1, 3)).transpose(1, 3)
        return normalised

    def encode(self, x: Tensor) -> Tensor:
        for block in self.blocks:
            x = F.dropout(block(x), self.block_dropout, self.training)
        x = x.mean(dim=3)
        x = x.amax(dim=2) + x.mean(dim=2)
        return F.relu(self.fc1(F.dropout(x, self.head_dropout, self.training)))


class CNN10(_PANN):
    """PANNs' CNN10: four blocks."""

    channels, pools = (64, 128, 256, 512), (2, 2, 2, 2)


class CNN14(_PANN):
    """PANNs' CNN14: six blocks, the last without pooling."""

    channels, pools = (64, 128, 256, 512, 1024, 2048), (2, 2, 2, 2, 2, 1)
