"""How fast each loss falls, as a weight."""

import torch
from torch import Tensor, nn


class Ratios(nn.Module):
    """n · softmax(r / temperature), r: each loss over the one before; 1 until there are two."""

    last: Tensor
    before: Tensor

    def __init__(self, losses: int, temperature: float) -> None:
        super().__init__()
        self.temperature = temperature
        for name in ("last", "before"):
            self.register_buffer(name, torch.zeros(losses))

    def forward(self) -> Tensor:
        known = self.before > 0
        ratios = torch.where(known, self.last / torch.where(known, self.before, 1.0), 1.0)
        return len(ratios) * torch.softmax(ratios / self.temperature, 0)

    def show(self, losses: Tensor) -> None:
        """The newest losses [n]; those of two calls ago are forgotten."""
        self.before, self.last = self.last, losses.detach()
