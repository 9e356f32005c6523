"""What a cell knows after an epoch, and its checkpoint, from which a killed one goes on."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from lightning_fabric import Fabric

from harness.learning.arithmetic import rounding

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
    """What a cell knows after an epoch; `epoch` counts finished ones."""

    epoch: int = 0
    history: list[dict[str, float]] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)  # of each epoch; the only thing that varies
    chosen: dict[str, Chosen] = field(default_factory=dict)

    def finish_epoch(self, row: dict[str, float], predictions: np.ndarray) -> None:
        """Take the epoch's row of the history; each selection keeps its epoch or takes this one."""
        self.epoch += 1
        self.history.append({"epoch": self.epoch, **row})
        scores = {"last": float(self.epoch), "best": row["dev_ccc"]}
        if "held_out_ccc" in row:
            scores["held_out"] = row["held_out_ccc"]
        for selection, score in scores.items():
            if selection not in self.chosen or score > self.chosen[selection].score:
                self.chosen[selection] = Chosen(self.epoch, row["dev_ccc"], score, predictions)


def save(fabric: Fabric, cell: Cell, model: Any, optimizer: Any, state: State) -> None:
    """Write the cell's checkpoint; a kill while writing leaves that of the epoch before."""
    cell.checkpoint.parent.mkdir(parents=True, exist_ok=True)
    whole = cell.checkpoint.with_suffix(".part")
    kept = {"model": model, "optimizer": optimizer, "of": _identity(cell), "state": asdict(state)}
    try:
        fabric.save(whole, kept)
    except OSError as error:
        whole.unlink(missing_ok=True)
        error.filename = str(whole)  # Fabric names a temporary file elsewhere
        raise
    whole.replace(cell.checkpoint)


def resume(fabric: Fabric, cell: Cell, model: Any, optimizer: Any) -> State:
    """Load the cell's checkpoint into model and optimizer; a new State if there is none of it.

    Nor does a cell go on in another arithmetic: it would be neither the one nor the other.
    """
    if not cell.checkpoint.is_file():
        return State()
    try:
        saved = fabric.load(cell.checkpoint, weights_only=False)
    except Exception:  # a damaged checkpoint costs the epochs it held, not the run
        return State()
    if saved.get("of") != _identity(cell):
        return State()
    model.load_state_dict(saved["model"])
    optimizer.load_state_dict(saved["optimizer"])
    return State(**saved["state"])


def _identity(cell: Cell) -> tuple[str, str]:
    return cell.key, rounding(cell.train)
