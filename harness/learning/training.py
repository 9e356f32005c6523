"""One cell of the table: a row trained with one seed, from packed features to dev predictions."""

import json
import os
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from lightning_fabric import Fabric
from torch import Tensor

from harness.config.strict import PARAMS, parse, section
from harness.config.training import Row, Train
from harness.errors import ParamsError, RunError
from harness.evaluation.ccc import ccc
from harness.learning import weighting
from harness.learning.cell import Cell
from harness.learning.data import Packed, batches
from harness.learning.progress import Line
from harness.learning.record import environment
from harness.learning.twins import LOSSES, Twins, parameters
from harness.stage import replacing

EVALUATION_BATCH = 64  # fixed: a score must not depend on the training batch


class Objective(torch.nn.Module):
    """Network and weighting rule, so that one optimiser and one wrapper see both."""

    def __init__(self, row: Row, train: Train, bands: int, targets: int) -> None:
        super().__init__()
        self.twins = Twins(row, train, bands, targets)
        self.weighting = weighting.build(row.weighting, losses=2 * row.views - 1)

    def forward(
        self, x: Tensor, labels: Tensor, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        losses: Tensor = self.twins(x, labels, generator)
        return self.weighting(losses), losses.detach()


def check(row: Row, train: Train, where: str) -> None:
    """Raise ParamsError, naming `where`, when the row names what does not exist or fit."""
    try:
        with torch.device("meta"):
            Objective(row, train, bands=1, targets=1)
    except ParamsError as error:
        raise ParamsError(f"{PARAMS}: {where}: {error}") from None


@dataclass
class State:
    """What a cell knows after an epoch; `epoch` counts finished ones."""

    epoch: int = 0
    history: list[dict[str, float]] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)  # of each epoch; the only thing that varies
    best_epoch: int = 0
    best_ccc: float = -np.inf
    best: np.ndarray | None = None
    last: np.ndarray | None = None


def fabric_for(train: Train) -> Fabric:
    """Device and precision: GPU when there is one; bf16 where the hardware multiplies in it."""
    precision = train.precision
    if precision == "auto":
        if torch.cuda.is_available():
            fast = torch.cuda.is_bf16_supported(including_emulation=False)
        else:
            fast = torch.cpu.get_capabilities().get("amx_bf16", False)
        precision = "bf16-mixed" if fast else "32-true"
    torch.set_num_threads(train.threads)
    torch.set_flush_denormal(True)
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS needs it to be repeatable
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    return Fabric(accelerator="auto", devices=1, precision=precision)


def train_cell(cell: Cell) -> tuple[State, Packed]:
    """Train, evaluating on dev after every epoch; goes on from the checkpoint if it is this cell's.

    Returns the state after the last epoch and the dev split. The same cell gives the same bytes on
    the same CPU, killed and resumed or not. Raises RunError when a loss or a prediction is no
    longer finite, FeaturesError when the features do not fit.
    """
    fabric, train = fabric_for(cell.train), cell.train
    data = {split: Packed(cell.features, split, fabric.device) for split in ("train", "dev")}
    if len(data["train"]) < train.batch:
        raise RunError(
            f"{cell.name}: {len(data['train'])} train clips do not fill one batch of "
            f"{train.batch}; lower train.batch"
        )
    torch.manual_seed(cell.seed)
    bands, targets = data["dev"].levels.shape[1], len(data["dev"].targets)
    objective = Objective(cell.row, train, bands, targets)
    optimizer = torch.optim.AdamW(
        objective.parameters(),
        lr=train.learning_rate,
        eps=train.epsilon,
        weight_decay=train.weight_decay,
        fused=True,
    )
    model, optimizer = fabric.setup(objective, optimizer)
    state = _resume(fabric, cell, model, optimizer)
    with Line(cell.name, train.epochs, state.epoch) as line:
        while state.epoch < train.epochs:
            started = time.perf_counter()
            row = _epoch(fabric, cell, state.epoch, data["train"], model, optimizer)
            state.last = predict(objective.twins, data["dev"], train)
            _check_finite(cell, state.epoch, state.last)
            row["dev_ccc"] = float(ccc(data["dev"].labels.cpu().numpy(), state.last).mean())
            state.seconds.append(time.perf_counter() - started)
            state.epoch += 1
            state.history.append({"epoch": state.epoch, **row})
            if row["dev_ccc"] > state.best_ccc:
                state.best_epoch, state.best_ccc = state.epoch, row["dev_ccc"]
                state.best = state.last
            if state.epoch < train.epochs:
                _save(fabric, cell, model, optimizer, state)
            line.show(state.history[-1])
    return state, data["dev"]


def _epoch(
    fabric: Fabric, cell: Cell, epoch: int, data: Packed, model: Any, optimizer: Any
) -> dict[str, float]:
    """One pass; returns the mean of each loss and the weights in force at the end."""
    order, offsets = batches(len(data), cell.train.batch, cell.seed, epoch)
    clips, crops = (torch.from_numpy(a).to(fabric.device) for a in (order, offsets))
    seed = int(np.random.SeedSequence([cell.seed, epoch]).generate_state(1)[0])
    torch.manual_seed(seed)  # dropout; with it a resumed run needs no generator states
    generator = torch.Generator(fabric.device).manual_seed(seed)
    model.train()
    total = torch.zeros((), device=fabric.device)
    for chosen, crop in zip(clips, crops, strict=True):
        x = data.views(chosen, cell.train.frames, cell.train.padding, crop)
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
def predict(twins: Twins, data: Packed, train: Train) -> np.ndarray:
    """Predictions [clips, targets] float32, from the clean first frames, in full precision."""
    twins.eval()
    clips = torch.arange(len(data), device=data.labels.device)
    parts = clips.split(EVALUATION_BATCH)
    scores = [twins.predict(data.views(part, train.frames, train.padding)) for part in parts]
    return torch.cat(scores).cpu().numpy()


def _save(fabric: Fabric, cell: Cell, model: Any, optimizer: Any, state: State) -> None:
    cell.checkpoint.parent.mkdir(parents=True, exist_ok=True)
    whole = cell.checkpoint.with_suffix(".part")
    fabric.save(
        whole, {"model": model, "optimizer": optimizer, "key": cell.key, "state": asdict(state)}
    )
    whole.replace(cell.checkpoint)  # a kill while writing leaves the checkpoint of the epoch before


def _resume(fabric: Fabric, cell: Cell, model: Any, optimizer: Any) -> State:
    if not cell.checkpoint.is_file():
        return State()
    try:
        saved = fabric.load(cell.checkpoint, weights_only=False)
    except Exception:  # a damaged checkpoint costs the epochs it held, not the run
        return State()
    if saved.get("key") != cell.key:
        return State()
    model.load_state_dict(saved["model"])
    optimizer.load_state_dict(saved["optimizer"])
    return State(**saved["state"])


def finish_cell(cell: Cell) -> None:
    """Train; leave predictions, history, metrics and record in `cell.finished`, all or nothing.

    First every row of params.yaml is checked: a fault in the last ends the first cell.
    """
    for name, node in section("rows").items():
        check(parse(Row, node, f"rows.{name}"), cell.train, f"rows.{name}")
    started = time.perf_counter()
    state, dev = train_cell(cell)
    with replacing(cell.finished) as folder:
        for selection, values in (("last", state.last), ("best", state.best)):
            path = folder / f"predictions-{selection}.csv"
            write_predictions(path, dev.clips, dev.targets, values)
        history = pd.DataFrame(state.history)
        history.to_csv(folder / "history.csv", index=False, float_format="%.6g")
        _write(folder / "metrics.json", _metrics(cell, state, dev))
        record = {
            "key": cell.key,
            "row": cell.row.model_dump(),
            "train": cell.train.model_dump(),
            **cell.origin,
            "seed": cell.seed,
            "seconds": time.perf_counter() - started,
            "epoch_seconds": state.seconds,
            **environment(),
        }
        _write(folder / "record.json", record)
    cell.checkpoint.unlink(missing_ok=True)


def write_predictions(
    path: Path, clips: list[str], targets: list[str], values: np.ndarray | None
) -> None:
    """`clip` and one column a target, float32 to the last digit."""
    table = pd.DataFrame(values, columns=targets)
    table.insert(0, "clip", clips)
    table.to_csv(path, index=False, float_format="%.9g")


def _metrics(cell: Cell, state: State, dev: Packed) -> dict[str, Any]:
    bands, targets = dev.levels.shape[1], len(dev.targets)
    full = cell.train.model_copy(update={"width": 1.0})
    return {
        "row": cell.name.removesuffix(f"-{cell.seed}"),
        "seed": cell.seed,
        "params": parameters(cell.row, full, bands, targets),
        "params_trained": parameters(cell.row, cell.train, bands, targets),
        "width": cell.train.width,
        "epochs": cell.train.epochs,
        "last": {"epoch": state.epoch, "ccc": state.history[-1]["dev_ccc"]},
        "best": {"epoch": state.best_epoch, "ccc": state.best_ccc},
    }


def _write(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
