"""What a cell is and where it lies; no torch, so that a finished one is recognised at once."""

import hashlib
import json
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any

from harness.config.strict import PARAMS, block, parse, profile, section
from harness.config.training import Row, Train
from harness.errors import ParamsError

CODE = sorted(Path(__file__).parent.glob("*.py"))
SCORING = Path(__file__).parents[1] / "evaluation" / "ccc.py"


@dataclass(frozen=True)
class Cell:
    """Everything that a cell's result depends on.

    `origin`: the corpus and features blocks; `features`, `scratch`: folders of the profile.
    """

    name: str
    row: Row
    train: Train
    seed: int
    features: Path
    scratch: Path
    origin: dict[str, Any]

    @cached_property
    def key(self) -> str:
        """Digest of parameters, features, code and torch: equal keys mean equal results."""
        parts = [self.name, self.row.model_dump(), self.train.model_dump(), self.seed, self.origin]
        digest = hashlib.sha256(json.dumps([*parts, version("torch")], default=str).encode())
        for file in [*sorted(self.features.iterdir()), *CODE, SCORING]:
            digest.update(_digest(file, file.stat().st_mtime_ns))
        return digest.hexdigest()

    @property
    def checkpoint(self) -> Path:
        """Where an unfinished cell goes on from."""
        return self.scratch / f"{self.name}.ckpt"

    @property
    def finished(self) -> Path:
        """The folder of a finished cell that no stage has taken yet."""
        return self.scratch / self.name

    def made(self, folder: Path) -> bool:
        """Whether `folder` holds this very cell: the record, written last, has its key."""
        try:
            return bool(json.loads((folder / "record.json").read_text())["key"] == self.key)
        except (OSError, ValueError, KeyError):
            return False


def read_cell(row: str, seed: int) -> Cell:
    """The cell of a row and a seed as params.yaml has it; ParamsError if it has no such row."""
    rows = section("rows")
    if row not in rows:
        raise ParamsError(f"{PARAMS}: rows has no '{row}'; it has {list(rows)}")
    return Cell(
        name=f"{row}-{seed}",
        row=parse(Row, rows[row], f"rows.{row}"),
        train=block(Train, "train"),
        seed=seed,
        features=Path("features") / profile(),
        scratch=Path("scratch") / profile(),
        origin={"corpus": _plain("corpus"), "features": _plain("features")},
    )


def _plain(key: str) -> Any:
    return json.loads(json.dumps(section(key)))


@cache
def _digest(file: Path, changed: int) -> bytes:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").digest()
