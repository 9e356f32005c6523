"""The training of a cell: a row with one seed, from packed features to dev predictions."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from lightning_fabric import Fabric

from harness.allocation import keep_freed_memory
from harness.errors import RunError
from harness.learning.arithmetic import accelerator, layout_for, precision_for
from harness.learning.data import Packed, batches, held_out_clips
from harness.learning.network import About, Objective
from harness.learning.optimiser import optimiser
from harness.learning.parts import Setting
from harness.learning.scoring import check_finite, predict, score
from harness.learning.state import State, resume, save

if TYPE_CHECKING:  # a cell does not depend on the code of what is only named here
    from harness.config.training import Train
    from harness.learning.cell import Cell

WEIGHTS = 10  # how often in an epoch the weights of the losses are told
Watch = Callable[[dict[str, float]], None]  # told each epoch's row of the history


class Trained(NamedTuple):
    """What a training leaves: its objective, its state after the last epoch, and both splits."""

    objective: Objective
    state: State
    train: Packed
    dev: Packed


def fabric_for(train: Train) -> Fabric:
    """The GPU if there is one; and what a process sets once: threads, memory, determinism."""
    keep_freed_memory()
    torch.set_num_threads(train.threads)
    torch.set_flush_denormal(True)
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS needs it to be repeatable
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)  # it tells bf16 in every cell
    precision: Any = precision_for(train)
    return Fabric(accelerator=accelerator(train), devices=1, precision=precision)


def set_up(fabric: Fabric, cell: Cell, data: Packed) -> tuple[Objective, Any, Any]:
    """The cell's objective with its first weights, the same wrapped by Fabric, its optimiser."""
    torch.manual_seed(cell.seed)
    bands, targets = data.levels.shape[1], len(data.targets)
    before = cell.before.kept if cell.before else None
    people = len(data.speaker.unique()), len(data.country.unique())
    setting = Setting(cell.train, cell.readings, bands, targets, before, *people)
    objective = Objective(cell.row, setting)
    objective.to(memory_format=layout_for(cell.train, fabric.device))
    return objective, *fabric.setup(objective, optimiser(objective, cell.train))


def train(cell: Cell, watch: Watch = lambda row: None) -> Trained:
    """Train, evaluating on dev after every epoch; goes on from the checkpoint if it is this cell's.

    The same cell gives the same bytes on the same CPU, killed and resumed or not. Raises RunError
    when a loss or a prediction is no longer finite, FeaturesError when the features do not fit.
    """
    fabric = fabric_for(cell.train)
    data, dev = (Packed(cell.features, split, fabric.device) for split in ("train", "dev"))
    held_out = held_out_clips(data, cell.readings.selection == "held_out")
    learned, clips = np.flatnonzero(~held_out), np.flatnonzero(held_out)
    if len(learned) < cell.train.batch:
        raise RunError(
            f"{cell.label}: {len(learned)} train clips do not fill one batch of "
            f"{cell.train.batch}; lower train.batch"
        )
    objective, model, optimizer = set_up(fabric, cell, data)
    state = resume(cell, objective, optimizer)
    while state.epoch < cell.readings.epochs:
        started = time.perf_counter()
        row = train_epoch(fabric, cell, state, data, learned, model, optimizer)
        predictions = predict(objective.network, dev, cell, state.epoch)
        row["dev_ccc"] = score(cell, state.epoch, dev, predictions)
        if len(clips):
            inside = predict(objective.network, data, cell, state.epoch, clips)
            row["held_out_ccc"] = score(cell, state.epoch, data, inside, clips)
        state.seconds.append(time.perf_counter() - started)
        state.finish_epoch(row, predictions, cell.readings.late_epochs)
        if state.epoch < cell.readings.epochs:
            save(cell, objective, optimizer, state)
        watch(state.history[-1])
    return Trained(objective, state, data, dev)


def train_epoch(
    fabric: Fabric,
    cell: Cell,
    state: State,
    data: Packed,
    learned: np.ndarray,
    model: Any,
    optimizer: Any,
) -> dict[str, float]:
    """One pass over the `learned` clips; returns the mean losses, the last weights, and the terms'
    shares of the last gradient. The state keeps the weights on the way."""
    epoch, objective = state.epoch, model.module
    order, offsets = batches(len(learned), cell.train.batch, cell.seed, epoch)
    clips, crops = (torch.from_numpy(a).to(fabric.device) for a in (learned[order], offsets))
    seed = int(np.random.SeedSequence([cell.seed, epoch]).generate_state(1)[0])
    torch.manual_seed(seed)  # dropout; with it a resumed run needs no generator states
    generator = torch.Generator(fabric.device).manual_seed(seed)
    draws = own_generators(cell.seed, epoch, fabric.device)
    model.train()
    total = torch.zeros((), device=fabric.device)
    for step, (chosen, crop) in enumerate(zip(clips, crops, strict=True)):
        x = data.crops(chosen, cell.train.frames, cell.readings.padding_level, crop)
        progress = (epoch + step / len(clips)) / cell.readings.epochs
        people, last = (data.speaker[chosen], data.country[chosen]), step + 1 == len(clips)
        about = About(draws, chosen, *people, progress, last)
        loss, losses = model(x, data.labels[chosen], generator, about)
        fabric.backward(loss)
        optimizer.step()
        optimizer.zero_grad()
        total = total + losses
        if (step + 1) * WEIGHTS // len(clips) > step * WEIGHTS // len(clips):
            weights = objective.weights(data.targets)
            state.weights.append({"step": epoch * len(clips) + step + 1, **weights})
    means = total / len(clips)
    check_finite(cell, epoch, means.tolist())
    for at in state.weights:
        at.update({name: float(value) for name, value in at.items() if name != "step"})
    return {**objective.end_epoch(means, data.targets), **objective.shares}


def own_generators(seed: int, epoch: int, device: torch.device) -> Callable[[str], torch.Generator]:
    """A part's name → a generator of this epoch that no other part draws from."""
    found: dict[str, torch.Generator] = {}

    def draws(name: str) -> torch.Generator:
        if name not in found:
            entropy = [seed, epoch, *name.encode()]
            state = np.random.SeedSequence(entropy).generate_state(1)[0]
            found[name] = torch.Generator(device).manual_seed(int(state))
        return found[name]

    return draws
