"""What a cell knows after an epoch, and its checkpoint, from which a killed one goes on.

A checkpoint is a safetensors file: arrays, and one JSON text; nothing in it is ever executed.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from harness.learning.arithmetic import rounding
from harness.learning.network import Objective

if TYPE_CHECKING:  # a cell does not depend on the code of what is only named here
    from harness.learning.cell import Cell


class Chosen(NamedTuple):
    """The epoch that a selection has chosen so far, and by which score."""

    epoch: int
    dev_ccc: float
    score: float
    predictions: np.ndarray  # dev [clips, targets]


@dataclass
class State:
    """What a cell knows after an epoch; `epoch` counts finished ones.

    `weights`: of the losses, with the step, several times an epoch; `late`: the dev predictions
    [clips, targets] of the last epochs, the newest last.
    """

    epoch: int = 0
    history: list[dict[str, float]] = field(default_factory=list)
    weights: list[dict[str, Any]] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)  # of each epoch; the only thing that varies
    chosen: dict[str, Chosen] = field(default_factory=dict)
    late: list[np.ndarray] = field(default_factory=list)

    def finish_epoch(self, row: dict[str, float], predictions: np.ndarray, late: int) -> None:
        """Take the epoch's row of the history; each selection keeps its epoch or takes this one."""
        self.epoch += 1
        self.history.append({"epoch": self.epoch, **row})
        self.late = [*self.late, predictions][-late:]
        scores = {"last": float(self.epoch), "best": row["dev_ccc"]}
        if "held_out_ccc" in row:
            scores["held_out"] = row["held_out_ccc"]
        for selection, score in scores.items():
            if selection not in self.chosen or score > self.chosen[selection].score:
                self.chosen[selection] = Chosen(self.epoch, row["dev_ccc"], score, predictions)


def save(cell: Cell, objective: Objective, optimizer: Any, state: State) -> None:
    """Write the cell's checkpoint, and keep the one before it.

    A kill at any moment leaves one of the two whole.
    """
    arrays = {f"model {name}": each for name, each in objective.state_dict().items()}
    for number, found in optimizer.state_dict()["state"].items():
        arrays |= {f"optimizer {number} {name}": each for name, each in found.items()}
    for selection, chosen in state.chosen.items():
        arrays[f"chosen {selection}"] = torch.from_numpy(chosen.predictions)
    for number, predictions in enumerate(state.late):
        arrays[f"late {number}"] = torch.from_numpy(predictions)
    # copies, since safetensors takes neither strided arrays nor two that share memory
    arrays = {name: each.detach().cpu().contiguous().clone() for name, each in arrays.items()}
    told = {
        "of": _identity(cell),
        "epoch": state.epoch,
        "history": state.history,
        "weights": state.weights,
        "seconds": state.seconds,
        "chosen": {selection: found[:3] for selection, found in state.chosen.items()},
        "late": len(state.late),
    }
    text = json.dumps(told)
    place, part = cell.checkpoint, cell.checkpoint.with_suffix(".part")
    place.parent.mkdir(parents=True, exist_ok=True)
    try:
        save_file(arrays, part, {"state": text, "digest": _digest(text, arrays)})
        with part.open("rb") as file:
            os.fsync(file.fileno())
    except SafetensorError as error:  # its text has the system's: a full disk, say
        part.unlink(missing_ok=True)
        raise OSError(*_cause(str(error)), str(part)) from None
    except OSError:
        part.unlink(missing_ok=True)
        raise
    if place.is_file():
        place.replace(before(place))
    part.replace(place)


def before(checkpoint: Path) -> Path:
    """Where the checkpoint of the epoch before lies."""
    return checkpoint.with_suffix(".before")


def remove(checkpoint: Path) -> None:
    """Both checkpoints, once the cell is finished."""
    checkpoint.unlink(missing_ok=True)
    before(checkpoint).unlink(missing_ok=True)


def resume(cell: Cell, objective: Objective, optimizer: Any) -> State:
    """Load the cell's newest whole checkpoint; a new State if there is none of it.

    Nor does a cell go on in another arithmetic: it would be neither the one nor the other.
    """
    for place in (cell.checkpoint, before(cell.checkpoint)):
        found = _read(place)
        if found and found[0]["of"] == _identity(cell):
            return _restored(*found, objective, optimizer)
    return State()


def _read(place: Path) -> tuple[dict[str, Any], dict[str, Tensor]] | None:
    """What a checkpoint tells and its arrays; None for one that is missing, cut off or altered."""
    try:
        with safe_open(place, "pt") as file:
            metadata = file.metadata() or {}
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError):
        return None
    text = metadata.get("state", "")
    if metadata.get("digest") != _digest(text, arrays):
        return None
    told: dict[str, Any] = json.loads(text)
    return told, arrays


def _restored(
    told: dict[str, Any], arrays: dict[str, Tensor], objective: Objective, optimizer: Any
) -> State:
    def those(kind: str) -> dict[str, Tensor]:
        found = {name.partition(" ")[2]: a for name, a in arrays.items() if name.startswith(kind)}
        return dict(sorted(found.items()))

    objective.load_state_dict(those("model "))
    whole = optimizer.state_dict()
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    for name, array in those("optimizer ").items():
        number, _, key = name.partition(" ")
        like = parameters[int(number)]
        if array.shape == like.shape:  # laid out in memory as its parameter is
            array = torch.empty_like(like).copy_(array)
        whole["state"].setdefault(int(number), {})[key] = array
    optimizer.load_state_dict(whole)
    chosen = {
        name: Chosen(epoch, dev_ccc, score, arrays[f"chosen {name}"].numpy())
        for name, (epoch, dev_ccc, score) in told["chosen"].items()
    }
    return State(
        told["epoch"],
        told["history"],
        told["weights"],
        told["seconds"],
        chosen,
        [arrays[f"late {number}"].numpy() for number in range(told["late"])],
    )


def _identity(cell: Cell) -> list[str]:
    return [cell.key, rounding(cell.train)]


def _digest(text: str, arrays: Mapping[str, Tensor]) -> str:
    found = hashlib.sha256(text.encode())
    for name in sorted(arrays):
        array = arrays[name]
        found.update(f"{name} {array.dtype} {list(array.shape)}".encode())
        found.update(array.view(-1).view(torch.uint8).numpy().data)
    return found.hexdigest()


def _cause(message: str) -> tuple[int, str]:
    """Number and text of the system's error that safetensors tells of, "… (os error 28)"."""
    _, _, number = message.rpartition("os error ")
    digits = "".join(filter(str.isdigit, number))
    code = int(digits) if digits else 5  # an input or output error
    return code, os.strerror(code)
