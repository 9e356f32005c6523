"""What a cell is and where it lies; no torch, so that a finished one is recognised at once."""

import hashlib
import json
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

from harness.config.readings import Readings, base, changes, read_readings
from harness.config.strict import PARAMS, block, parse, profile, section
from harness.config.table import row_blocks
from harness.config.training import Row, Train
from harness.errors import ParamsError
from harness.processes import locked

CODE = sorted(Path(__file__).parent.glob("*.py"))
SCORING = Path(__file__).parents[1] / "evaluation" / "ccc.py"


@dataclass(frozen=True)
class Cell:
    """Everything that a cell's result depends on.

    `origin`: the corpus and features blocks; `features`, `scratch`, `runs`: folders of the profile,
    the last for finished cells.
    """

    name: str
    row: Row
    train: Train
    readings: Readings
    seed: int
    features: Path
    scratch: Path
    runs: Path
    origin: dict[str, Any]

    @cached_property
    def key(self) -> str:
        """Digest of parameters, features, code and torch: equal keys mean results equal but for
        rounding, which depends on the processor."""
        blocks = [self.row.model_dump(), self.train.model_dump(), self.readings.trained()]
        parts = [self.name, *blocks, self.seed, self.origin, version("torch")]
        digest = hashlib.sha256(json.dumps(parts, default=str).encode())
        for file in [*sorted(self.features.iterdir()), *CODE, SCORING]:
            digest.update(_digest(file, file.stat().st_mtime_ns))
        return digest.hexdigest()

    @property
    def checkpoint(self) -> Path:
        """Where an unfinished cell goes on from."""
        return self.scratch / f"{self.name}.ckpt"

    @property
    def circumstances(self) -> Path:
        """When, where and in what time it was trained: what no result may depend on."""
        return self.scratch / f"{self.name}.json"

    @property
    def finished(self) -> Path:
        """The folder of a finished cell that no stage has taken yet."""
        return self.scratch / self.name

    @property
    def taken(self) -> Path:
        """Where the train stage keeps it."""
        return self.runs / self.name

    def alone(self) -> AbstractContextManager[None]:
        """No other process is at this cell within the block; RunError where one is already."""
        return locked(self.scratch / f"{self.name}.lock", f"cell {self.name}")

    def made(self, folder: Path) -> bool:
        """Whether `folder` holds this very cell: the record, written last, has its key."""
        try:
            return bool(json.loads((folder / "record.json").read_text())["key"] == self.key)
        except (OSError, ValueError, KeyError):
            return False


def read_cell(row: str, seed: int) -> Cell:
    """The cell of a row and a seed as params.yaml has it; ParamsError if it has no such row.

    A row with changed readings ("cnn10-rrtn+ccc_loss=pooled") is kept apart, in variations/.
    """
    rows, block_name = row_blocks(), base(row)
    if block_name not in rows:
        raise ParamsError(f"{PARAMS}: rows has no '{block_name}'; it has {list(rows)}")
    return Cell(
        name=f"{row}-{seed}",
        row=parse(Row, rows[block_name], f"rows.{block_name}"),
        train=block(Train, "train"),
        readings=read_readings(row),
        seed=seed,
        features=Path("features") / profile(),
        scratch=Path("scratch") / profile(),
        runs=Path("variations" if changes(row) else "runs") / profile(),
        origin={"corpus": _plain("corpus"), "features": _plain("features")},
    )


def _plain(key: str) -> Any:
    return json.loads(json.dumps(section(key)))


@cache
def _digest(file: Path, changed: int) -> bytes:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").digest()
