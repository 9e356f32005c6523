"""What a training step costs, counted: the same on every machine."""

from typing import Any, NamedTuple

import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.autograd.graph import saved_tensors_hooks
from torch.utils.flop_counter import FlopCounterMode

from harness.config.readings import Readings
from harness.config.rows import Row
from harness.config.training import Train
from harness.learning.network import Objective, parameters
from harness.learning.parts import Setting, build
from harness.learning.terms.anti_transfer import AntiTransfer

ADAM = 16  # bytes a parameter: float32 weight, gradient and two moments


class StepCost(NamedTuple):
    """FLOPs of one training step and of one dev clip's forward; bytes kept for the backward, and
    those of frozen weights."""

    training: int
    evaluation: int
    activations: int
    frozen: int


def count_step(
    row: Row, train: Train, readings: Readings, bands: int, targets: int, bf16: bool = True
) -> StepCost:
    """Counted by torch's own counter: a multiplication and an addition are two FLOPs.

    Convolutions and matrix products only, in bf16 where autocast has it; norms and activations
    have few FLOPs but take memory traffic, one reason why no step reaches the peak. Nothing is
    computed: the tensors have no values.
    """
    kept: dict[int, int] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        kept[storage._cdata] = storage.nbytes()
        return tensor

    with FakeTensorMode():
        objective, frozen = _objective(row, Setting(train, readings, bands, targets))
        x = torch.zeros(train.batch, 1, train.frames, bands)
        labels = torch.zeros(train.batch, targets)
        weights = {p.untyped_storage()._cdata for p in objective.parameters()}
        with (
            FlopCounterMode(display=False) as counter,
            torch.autocast("cpu", torch.bfloat16, enabled=bf16),
            saved_tensors_hooks(keep, lambda tensor: tensor),
        ):
            loss, _ = objective(x, labels, torch.Generator())
            loss.backward()
        with FlopCounterMode(display=False) as forward, torch.no_grad():
            objective.network.eval().predict(x[:1])
    activations = sum(size for storage, size in kept.items() if storage not in weights)
    return StepCost(counter.get_total_flops(), forward.get_total_flops(), activations, frozen)


def _objective(row: Row, setting: Setting) -> tuple[Objective, int]:
    """With the frozen encoders that it has in training, of the row's own kind; their bytes."""
    objective = Objective(row, setting)
    terms = [term for term in objective.terms if isinstance(term, AntiTransfer)]
    for term in terms:
        term.freeze(build("encoders", row.encoder, setting))
    return objective, 4 * sum(p.numel() for term in terms for p in term.parameters())


def cost(row: Row, train: Train, readings: Readings, bands: int, targets: int) -> dict[str, Any]:
    """Trained `parameters`; multiply-adds of a clip `forward` and in a training step (`work`), and
    the bytes that a step in float32 has to hold (`memory`)."""
    sizes = row, train, readings, bands, targets
    step, trained = count_step(*sizes, bf16=False), parameters(*sizes)
    return {
        "parameters": trained,
        "forward": step.evaluation // 2,
        "work": round(step.training / 2 / train.batch),
        "memory": ADAM * trained + step.frozen + step.activations,
    }
