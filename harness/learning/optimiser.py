"""AdamW (§3.2) for all that a row trains."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from harness.learning.network import Objective

if TYPE_CHECKING:  # a cell does not depend on the code of what is only named here
    from harness.config.training import Train


def optimiser(objective: Objective, train: Train) -> torch.optim.Optimizer:
    """Parameters of rules that do not decay are in a group of their own."""
    apart = objective.undecayed()
    kept = {id(parameter) for parameter in apart}
    rest = [p for p in objective.parameters() if id(p) not in kept and p.requires_grad]
    groups: list[dict[str, Any]] = [{"params": rest}, {"params": apart, "weight_decay": 0.0}]
    return torch.optim.AdamW(
        [group for group in groups if group["params"]],
        lr=train.learning_rate,
        eps=train.epsilon,
        weight_decay=train.weight_decay,
        fused=True,
    )
