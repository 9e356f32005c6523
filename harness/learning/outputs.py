"""A finished cell's folder: predictions, history, metrics, record, what its row keeps."""

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from harness.learning.arithmetic import arithmetic
from harness.learning.cell import Cell
from harness.learning.data import Packed
from harness.learning.loop import Trained, train
from harness.learning.network import parameters
from harness.learning.progress import Line
from harness.learning.record import environment
from harness.learning.scoring import say
from harness.stage import replacing


def finish(cell: Cell) -> None:
    """Train; leave the cell's files in `cell.staged`, all or nothing, the record last."""
    started = time.perf_counter()
    with Line(cell.label, cell.readings.epochs) as line:
        trained = train(cell, line.show)
    state = trained.state
    with replacing(cell.staged) as folder:
        write_predictions(
            folder / "predictions.npz",
            trained.dev,
            {selection: found.predictions for selection, found in state.chosen.items()},
        )
        history = pd.DataFrame(state.history)
        history.to_csv(folder / "history.csv", index=False, float_format="%.6g")
        _write(folder / "metrics.json", _metrics(cell, trained))
        keep(cell, trained, folder)
        _write(folder / "record.json", _record(cell))
    seconds = {"seconds": time.perf_counter() - started, "epoch_seconds": state.seconds}
    _write(cell.circumstances, {**seconds, **environment()})
    cell.checkpoint.unlink(missing_ok=True)


def write_predictions(path: Path, dev: Packed, chosen: dict[str, np.ndarray]) -> None:
    """`clips`, `targets`, and of each selection float32 [clips, targets]."""
    arrays: dict[str, Any] = {key: value.astype(np.float32) for key, value in chosen.items()}
    clips, targets = np.array(dev.clips, dtype=str), np.array(dev.targets, dtype=str)
    np.savez(path, clips=clips, targets=targets, **arrays)


def keep(cell: Cell, trained: Trained, folder: Path) -> None:
    """What the row's `keep` asks for, of the last epoch; arrays by split and name."""
    wanted = cell.row.keep
    if "weights" in wanted:
        state = trained.objective.network.state_dict()
        weights: dict[str, Any] = {name: each.cpu().numpy() for name, each in state.items()}
        np.savez(folder / "weights.npz", **weights)
    if not {"outputs", "embeddings"} & set(wanted):
        return
    splits = {"train": trained.train, "dev": trained.dev}
    network, epoch = trained.objective.network, cell.readings.epochs - 1
    said = {split: say(network, data, cell, epoch) for split, data in splits.items()}
    clips: dict[str, Any] = {f"{split}_clips": np.array(d.clips) for split, d in splits.items()}
    if "outputs" in wanted:
        raw = {split: each.raw for split, each in said.items()}
        np.savez(folder / "outputs.npz", **(clips | raw))
    if "embeddings" in wanted:
        embeddings = {split: each.embeddings for split, each in said.items()}
        np.savez(folder / "embeddings.npz", **(clips | embeddings))


def _record(cell: Cell) -> dict[str, Any]:
    return {
        "key": cell.key,
        "key_parts": cell.key_parts(),
        "row": cell.row.model_dump(),
        "train": cell.train.model_dump(),
        "readings": cell.readings.model_dump(),
        **cell.origin,
        "seed": cell.seed,
    }


def _metrics(cell: Cell, trained: Trained) -> dict[str, Any]:
    bands, targets = trained.dev.levels.shape[1], len(trained.dev.targets)
    whole = {"width": 1.0, "embedding": round(cell.train.embedding / cell.train.width)}
    full = cell.train.model_copy(update=whole)
    return {
        "row": cell.name,
        "seed": cell.seed,
        "params": parameters(cell.row, full, cell.readings, bands, targets),
        "params_trained": parameters(cell.row, cell.train, cell.readings, bands, targets),
        "width": cell.train.width,
        "epochs": cell.readings.epochs,
        "arithmetic": arithmetic(cell.train),
        **{
            selection: {"epoch": found.epoch, "ccc": found.dev_ccc}
            for selection, found in trained.state.chosen.items()
        },
    }


def _write(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
