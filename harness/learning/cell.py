"""What a cell is and where it lies; no torch, so that a finished one is recognised at once."""

import hashlib
import json
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

from harness.config.readings import Readings
from harness.config.rows import Row
from harness.config.strict import section
from harness.config.training import Train
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
    seed: int
    row: Row
    train: Train
    readings: Readings
    features: Path
    scratch: Path
    runs: Path
    origin: dict[str, Any]
    before: "Cell | None" = None

    @property
    def label(self) -> str:
        return f"{self.name}-{self.seed}"

    @property
    def staged(self) -> Path:
        return self.scratch / self.name / str(self.seed)

    @property
    def kept(self) -> Path:
        return self.runs / self.name / str(self.seed)

    def key_parts(self) -> dict[str, str]:
        return {}

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


def _plain(key: str) -> Any:
    return json.loads(json.dumps(section(key)))


@cache
def _digest(file: Path, changed: int) -> bytes:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").digest()
