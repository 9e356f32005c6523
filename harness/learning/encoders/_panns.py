"""What CNN10 and CNN14 of PANNs (Kong et al. 2020) share."""

from torch import Tensor, nn
from torch.nn import functional as F

from harness.config.strict import Strict
from harness.learning.encoders import Encoder, scaled
from harness.learning.parts import Setting


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


class PANN(Encoder):
    """PANNs' CNN (Kong et al. 2020): batch norm per band, blocks, mean over bands, max + mean over
    time, one hidden layer. The original drops 0.2 after a block and 0.5 before the hidden layer."""

    channels: tuple[int, ...]
    pools: tuple[int, ...]

    def __init__(self, params: Strict, setting: Setting) -> None:
        super().__init__(params, setting)
        sizes = [1, *(scaled(c, setting.train.width) for c in self.channels)]
        self.bn0 = nn.BatchNorm2d(setting.bands)
        self.blocks = nn.ModuleList(
            _ConvBlock(i, o, pool)
            for i, o, pool in zip(sizes[:-1], sizes[1:], self.pools, strict=True)
        )
        self.size = sizes[-1]
        self.fc1 = nn.Linear(self.size, self.size)
        self.block_dropout = setting.readings.block_dropout
        self.head_dropout = setting.readings.head_dropout
        self.apply(self.initialise)

    def initialise(self, module: nn.Module) -> None:
        """PANNs', which is the release's too: xavier-uniform weights, biases of 0."""
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.xavier_uniform_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)

    def normalise(self, x: Tensor) -> Tensor:
        normalised: Tensor = self.bn0(x.transpose(1, 3)).transpose(1, 3)
        return normalised

    def maps(self, x: Tensor) -> list[Tensor]:
        found = []
        for block in self.blocks:
            x = F.dropout(block(x), self.block_dropout, self.training)
            found.append(x)
        return found

    def pool(self, last: Tensor) -> Tensor:
        x = last.mean(dim=3)
        x = x.amax(dim=2) + x.mean(dim=2)
        return F.relu(self.fc1(F.dropout(x, self.head_dropout, self.training)))
