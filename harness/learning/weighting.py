"""Rules that turn several losses into one; each is a class, found by its name in lower case."""

import inspect
from typing import Any

import torch
from torch import Tensor, nn

from harness.config.readings import Readings
from harness.errors import ParamsError


class Weighting(nn.Module):
    """Base: `forward` takes the losses [n] and gives the total; `weights()` their factors now."""

    def weights(self) -> Tensor:
        """The factor [n] that multiplies each loss, detached."""
        raise TypeError(f"{type(self).__name__} lacks weights()")


class Fixed(Weighting):
    """Eq. 4: a weighted sum."""

    factors: Tensor

    def __init__(self, losses: int, weights: list[float]) -> None:
        super().__init__()
        _one_each("weights", weights, losses)
        self.register_buffer("factors", torch.tensor(weights, dtype=torch.float32))

    def weights(self) -> Tensor:
        return self.factors

    def forward(self, losses: Tensor) -> Tensor:
        return (self.factors * losses).sum()


class RUWL(Weighting):
    """Restrained uncertainty weights, Eq. 5 and 6: Σ(λ/c²·L + ln(1 + c²)) + |2 - Σ|c||.

    `scale` is λ, which multiplies (docs/protocol.md#ruwl says why) unless `lambda_` is "divides",
    Eq. 6 to the letter; `start` is the first c.
    """

    scale: Tensor

    def __init__(self, losses: int, scale: list[float], start: list[float], lambda_: str) -> None:
        super().__init__()
        _one_each("scale", scale, losses)
        _one_each("start", start, losses)
        self.register_buffer("scale", torch.tensor(scale, dtype=torch.float32))
        if lambda_ == "divides":
            self.scale = 1 / self.scale
        self.c = nn.Parameter(torch.tensor(start, dtype=torch.float32))

    def weights(self) -> Tensor:
        return (self.scale / self.c.square()).detach()

    def forward(self, losses: Tensor) -> Tensor:
        square = self.c.square()
        restraint = (2 - self.c.abs().sum()).abs()
        return (self.scale / square * losses + torch.log1p(square)).sum() + restraint


def build(block: dict[str, Any], losses: int, readings: Readings) -> Weighting:
    """The rule that `block["rule"]` names, for `losses` losses, with the block's other keys.

    An argument that the block leaves out is the reading <rule>_<argument>, where there is one.
    Raises ParamsError when there is no such rule, or its arguments do not fit.
    """
    rules = {rule.__name__.lower(): rule for rule in Weighting.__subclasses__()}
    arguments = dict(block)
    rule = rules.get(str(arguments.pop("rule", "")))
    if rule is None:
        raise ParamsError(
            f"weighting.rule = {block.get('rule')!r} is no rule; known: {list(rules)}"
        )
    wanted = list(inspect.signature(rule).parameters)[1:]
    for name in wanted:
        reading = f"{block['rule']}_{name}".rstrip("_")
        if name not in arguments and reading in Readings.model_fields:
            arguments[name] = getattr(readings, reading)
    if set(arguments) != set(wanted):
        raise ParamsError(f"weighting '{block['rule']}' takes {wanted}, not {list(arguments)}")
    return rule(losses, **arguments)


def _one_each(key: str, values: list[float], losses: int) -> None:
    if not isinstance(values, list) or not all(isinstance(v, int | float) for v in values):
        raise ParamsError(f"weighting.{key} = {values!r} is not a list of numbers")
    if len(values) != losses:
        raise ParamsError(f"weighting.{key} has {len(values)} numbers for {losses} losses")
