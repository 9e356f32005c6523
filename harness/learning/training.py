"""One cell of the table: a row trained with one seed, from packed features to dev predictions."""

import json
import logging
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from lightning_fabric import Fabric
from torch import Tensor

from harness.allocation import keep_freed_memory
from harness.config.readings import Readings
from harness.config.training import Row, Train
from harness.errors import RunError
from harness.evaluation.ccc import ccc
from harness.learning import weighting
from harness.learning.arithmetic import accelerator, arithmetic, layout_for, precision_for
from harness.learning.cell import Cell
from harness.learning.data import Packed, batches, held_out_clips
from harness.learning.progress import Line
from harness.learning.record import environment
from harness.learning.state import State, resume, save
from harness.learning.twins import LOSSES, Twins, parameters
from harness.stage import replacing

EVALUATION_BATCH = 64  # fixed: a score must not depend on the training batch


class Objective(torch.nn.Module):
    """Network and weighting rule, so that one optimiser and one wrapper see both."""

    def __init__(
        self, row: Row, train: Train, readings: Readings, bands: int, targets: int
    ) -> None:
        super().__init__()
        self.twins = Twins(row, train, readings, bands, targets)
        self.weighting = weighting.build(row.weighting, 2 * row.views - 1, readings)

    def forward(
        self, x: Tensor, labels: Tensor, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        losses: Tensor = self.twins(x, labels, generator)
        return self.weighting(losses), losses.detach()


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
    """The cell's objective with its first weights, the same wrapped by Fabric, and its optimizer.

    AdamW (§3.2); whether RUWL's c decays is a reading.
    """
    torch.manual_seed(cell.seed)
    bands, targets = data.levels.shape[1], len(data.targets)
    objective = Objective(cell.row, cell.train, cell.readings, bands, targets)
    objective.to(memory_format=layout_for(cell.train, fabric.device))
    return objective, *fabric.setup(objective, _optimizer(objective, cell))


def train_cell(cell: Cell) -> tuple[State, Packed]:
    """Train, evaluating on dev after every epoch; goes on from the checkpoint if it is this cell's.

    Returns the state after the last epoch and the dev split. The same cell gives the same bytes on
    the same CPU, killed and resumed or not. Raises RunError when a loss or a prediction is no
    longer finite, FeaturesError when the features do not fit.
    """
    fabric, train = fabric_for(cell.train), cell.train
    data = {split: Packed(cell.features, split, fabric.device) for split in ("train", "dev")}
    held_out = held_out_clips(data["train"], cell.readings.selection == "held_out")
    learned = np.flatnonzero(~held_out)
    if len(learned) < train.batch:
        raise RunError(
            f"{cell.name}: {len(learned)} train clips do not fill one batch of "
            f"{train.batch}; lower train.batch"
        )
    objective, model, optimizer = set_up(fabric, cell, data["dev"])
    state = resume(fabric, cell, model, optimizer)
    with Line(cell.name, cell.readings.epochs, state.epoch) as line:
        while state.epoch < cell.readings.epochs:
            started = time.perf_counter()
            row = train_epoch(fabric, cell, state.epoch, data["train"], learned, model, optimizer)
            predictions = predict(objective.twins, data["dev"], cell, state.epoch)
            row["dev_ccc"] = _score(cell, state.epoch, data["dev"], predictions)
            if held_out.any():
                clips = np.flatnonzero(held_out)
                inside = predict(objective.twins, data["train"], cell, state.epoch, clips)
                row["held_out_ccc"] = _score(cell, state.epoch, data["train"], inside, clips)
            state.seconds.append(time.perf_counter() - started)
            state.epoch += 1
            state.history.append({"epoch": state.epoch, **row})
            state.choose(predictions)
            if state.epoch < cell.readings.epochs:
                save(fabric, cell, model, optimizer, state)
            line.show(state.history[-1])
    return state, data["dev"]


def _optimizer(objective: Objective, cell: Cell) -> torch.optim.Optimizer:
    train = cell.train
    groups: list[dict[str, Any]] = [{"params": list(objective.parameters())}]
    if cell.readings.ruwl_decay == "none":
        groups = [
            {"params": list(objective.twins.parameters())},
            {"params": list(objective.weighting.parameters()), "weight_decay": 0.0},
        ]
    return torch.optim.AdamW(
        [group for group in groups if group["params"]],
        lr=train.learning_rate,
        eps=train.epsilon,
        weight_decay=train.weight_decay,
        fused=True,
    )


def train_epoch(
    fabric: Fabric,
    cell: Cell,
    epoch: int,
    data: Packed,
    learned: np.ndarray,
    model: Any,
    optimizer: Any,
) -> dict[str, float]:
    """One pass over the `learned` clips; returns the mean losses and the last weights."""
    order, offsets = batches(len(learned), cell.train.batch, cell.seed, epoch)
    clips, crops = (torch.from_numpy(a).to(fabric.device) for a in (learned[order], offsets))
    seed = int(np.random.SeedSequence([cell.seed, epoch]).generate_state(1)[0])
    torch.manual_seed(seed)  # dropout; with it a resumed run needs no generator states
    generator = torch.Generator(fabric.device).manual_seed(seed)
    model.train()
    total = torch.zeros((), device=fabric.device)
    for chosen, crop in zip(clips, crops, strict=True):
        x = data.views(chosen, cell.train.frames, cell.readings.padding_level, crop)
        loss, losses = model(x, data.labels[chosen], generator)
        fabric.backward(loss)
        optimizer.step()
        optimizer.zero_grad()
        total = total + losses
    means = (total / len(clips)).tolist()
    _check_finite(cell, epoch, means)
    names = LOSSES[: len(means)]
    weights = model.module.weighting.weights().tolist()
    return {f"loss_{n}": v for n, v in zip(names, means, strict=True)} | {
        f"weight_{n}": v for n, v in zip(names, weights, strict=True)
    }


def _check_finite(cell: Cell, epoch: int, values: Any) -> None:
    if not np.isfinite(values).all():
        raise RunError(
            f"{cell.name}: losses or predictions are no longer finite in epoch {epoch + 1}; lower "
            "train.learning_rate or look at the row's weighting"
        )


@torch.inference_mode()
def predict(
    twins: Twins, data: Packed, cell: Cell, epoch: int, clips: np.ndarray | None = None
) -> np.ndarray:
    """Predictions [clips, targets] float32 of clean clips (None: all), in full precision.

    From their first frames, or from a crop drawn anew in every epoch (`readings.dev_crop`).
    """
    twins.eval()
    device = data.labels.device
    chosen = torch.from_numpy(np.arange(len(data)) if clips is None else clips).to(device)
    crops = torch.zeros(len(chosen), device=device)
    if cell.readings.dev_crop == "random":
        drawn = np.random.default_rng([cell.seed, epoch, 1]).random(len(chosen), dtype=np.float32)
        crops = torch.from_numpy(drawn).to(device)
    scores = []
    parts = (chosen.split(EVALUATION_BATCH), crops.split(EVALUATION_BATCH))
    for part, crop in zip(*parts, strict=True):
        x = data.views(part, cell.train.frames, cell.readings.padding_level, crop)
        scores.append(twins.predict(x))
    return torch.cat(scores).cpu().numpy()


def _score(
    cell: Cell, epoch: int, data: Packed, predictions: np.ndarray, clips: Any = slice(None)
) -> float:
    _check_finite(cell, epoch, predictions)
    return float(ccc(data.labels.cpu().numpy()[clips], predictions).mean())


def finish_cell(cell: Cell) -> None:
    """Train; leave predictions, history, metrics and record in `cell.finished`, all or nothing."""
    started = time.perf_counter()
    state, dev = train_cell(cell)
    with replacing(cell.finished) as folder:
        for selection, found in state.chosen.items():
            path = folder / f"predictions-{selection}.csv"
            write_predictions(path, dev.clips, dev.targets, found.predictions)
        history = pd.DataFrame(state.history)
        history.to_csv(folder / "history.csv", index=False, float_format="%.6g")
        _write(folder / "metrics.json", _metrics(cell, state, dev))
        record = {
            "key": cell.key,
            "row": cell.row.model_dump(),
            "train": cell.train.model_dump(),
            "readings": cell.readings.model_dump(),
            **cell.origin,
            "seed": cell.seed,
        }
        _write(folder / "record.json", record)
    seconds = {"seconds": time.perf_counter() - started, "epoch_seconds": state.seconds}
    _write(cell.circumstances, {**seconds, **environment()})
    cell.checkpoint.unlink(missing_ok=True)


def write_predictions(path: Path, clips: list[str], targets: list[str], values: np.ndarray) -> None:
    """`clip` and one column a target, float32 to the last digit."""
    table = pd.DataFrame(values, columns=targets)
    table.insert(0, "clip", clips)
    table.to_csv(path, index=False, float_format="%.9g")


def _metrics(cell: Cell, state: State, dev: Packed) -> dict[str, Any]:
    bands, targets = dev.levels.shape[1], len(dev.targets)
    whole = {"width": 1.0, "embedding": round(cell.train.embedding / cell.train.width)}
    full = cell.train.model_copy(update=whole)
    return {
        "row": cell.name.removesuffix(f"-{cell.seed}"),
        "seed": cell.seed,
        "params": parameters(cell.row, full, cell.readings, bands, targets),
        "params_trained": parameters(cell.row, cell.train, cell.readings, bands, targets),
        "width": cell.train.width,
        "epochs": cell.readings.epochs,
        "arithmetic": arithmetic(cell.train),
        **{
            selection: {"epoch": found.epoch, "ccc": found.dev_ccc}
            for selection, found in state.chosen.items()
        },
    }


def _write(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
