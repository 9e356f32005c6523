"""A finished cell's folder: predictions, history, weights, metrics, record, what its row keeps."""

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from safetensors.torch import save_file

from harness.arrays import write_arrays
from harness.learning.arithmetic import arithmetic
from harness.learning.cell import IN_KEY, Cell
from harness.learning.data import Packed
from harness.learning.loop import Trained, train
from harness.learning.network import parameters
from harness.learning.progress import Line
from harness.learning.record import environment
from harness.learning.saying import keep_distribution, keep_passes
from harness.learning.scoring import say
from harness.learning.state import _read, remove
from harness.stage import replacing, write_whole


def finish(cell: Cell) -> None:
    """Train; leave the cell's files in `cell.staged`, all or nothing, the record last."""
    started = time.perf_counter()
    _drop_damaged(cell.checkpoint)
    with Line(cell.label, cell.readings.epochs) as line:
        trained = train(cell, line.show)
    state = trained.state
    with replacing(cell.staged) as folder:
        chosen = {selection: found.predictions for selection, found in state.chosen.items()}
        chosen["late"] = np.stack(state.late)
        write_predictions(folder / "predictions.npz", trained.dev, chosen)
        for name, rows in (("history", state.history), ("weights", state.weights)):
            table = pd.DataFrame(rows)
            table.to_csv(folder / f"{name}.csv", index=False, float_format="%.6g")
        _write(folder / "metrics.json", _metrics(cell, trained))
        keep(cell, trained, folder)
        _write(folder / "record.json", _record(cell))
        seconds = {"seconds": time.perf_counter() - started, "epoch_seconds": state.seconds}
        write_whole(cell.circumstances, _text({**seconds, **environment()}))
    remove(cell.checkpoint)


def _drop_damaged(checkpoint: Path) -> None:
    """Leave the one before it alone: a save would put a damaged one in its place, and a kill
    between the two renames of that save would then cost every epoch."""
    if checkpoint.is_file() and _read(checkpoint) is None:
        checkpoint.unlink()


def write_predictions(path: Path, dev: Packed, chosen: dict[str, np.ndarray]) -> None:
    """`clips`, `targets`, and of each selection float32 [clips, targets]; "late" has the epochs
    first."""
    arrays: dict[str, Any] = {key: value.astype(np.float32) for key, value in chosen.items()}
    names = {"clips": np.array(dev.clips, dtype=str), "targets": np.array(dev.targets, dtype=str)}
    write_arrays(path, names | arrays)


def keep(cell: Cell, trained: Trained, folder: Path) -> None:
    """What the row's `keep` asks for, of the last epoch; arrays by split and name."""
    wanted = cell.row.keep
    if "weights" in wanted:
        state = trained.objective.network.state_dict()
        weights = {name: each.cpu().contiguous() for name, each in state.items()}
        save_file(weights, folder / "network.safetensors")
    if "distribution" in wanted:
        keep_distribution(cell, trained, folder)
    if "passes" in wanted:
        keep_passes(cell, trained, folder)
    if not {"outputs", "embeddings"} & set(wanted):
        return
    splits = {"train": trained.train, "dev": trained.dev}
    network, epoch = trained.objective.network, cell.readings.epochs - 1
    said = {split: say(network, data, cell, epoch) for split, data in splits.items()}
    clips: dict[str, Any] = {f"{split}_clips": np.array(d.clips) for split, d in splits.items()}
    if "outputs" in wanted:
        write_arrays(folder / "outputs.npz", clips | {s: each.raw for s, each in said.items()})
    if "embeddings" in wanted:
        found = {split: each.embeddings for split, each in said.items()}
        write_arrays(folder / "embeddings.npz", clips | found)


def _record(cell: Cell) -> dict[str, Any]:
    """Only what the key is made of: the folder of a cell that is kept is that of one made anew."""
    return {
        "key": cell.key,
        "key_parts": cell.key_parts(),
        "row": cell.row.model_dump(include=IN_KEY),
        "train": cell.train.model_dump(),
        "readings": cell.readings.trained(),
        **cell.origin,
        "seed": cell.seed,
    }


def _metrics(cell: Cell, trained: Trained) -> dict[str, Any]:
    bands, targets = trained.dev.levels.shape[1], len(trained.dev.targets)
    whole = {"width": 1.0}
    full = cell.train.model_copy(update=whole)
    late = [row["dev_ccc"] for row in trained.state.history[-cell.readings.late_epochs :]]
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
        "late": {"epoch": trained.state.epoch, "ccc": float(np.mean(late))},
    }


def _write(path: Path, content: dict[str, Any]) -> None:
    path.write_text(_text(content), encoding="utf-8")


def _text(content: dict[str, Any]) -> str:
    return json.dumps(content, indent=2) + "\n"
