"""A cell is a row and a seed; no torch here, so that a finished one is recognised at once."""

import hashlib
import json
import re
import shutil
from collections.abc import Collection, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Any, Optional

from harness.config.readings import Readings, read_readings
from harness.config.rows import AnyRow, MadeRow, family_of, read_family, read_rows, rows_before
from harness.config.strict import PARAMS, ROWS, block, nearest, profile, section
from harness.config.training import Train
from harness.errors import ParamsError
from harness.learning.closure import code
from harness.processes import locked
from harness.stage import discard, move

RECORD = "record.json"  # written last
FILES = ("predictions.npz", "history.csv", "metrics.json")  # beside it, of every cell
IN_KEY = {"encoder", "head", "views", "terms", "weighting", "emotions", "keep", "made"}  # of a row


@dataclass(frozen=True)
class Cell:
    """Everything that a cell's result depends on.

    `name`: of its row, in full; `features`, `scratch`, `runs`: folders of the profile, the last for
    finished cells; `origin`: the corpus and features blocks; `after`: the cells that must be
    finished before this one, of the same seed of the family, or the members of that seed.
    """

    name: str
    seed: int
    row: Any  # a Row, or a MadeRow where nothing is trained
    train: Train
    readings: Readings
    features: Path
    scratch: Path
    runs: Path
    origin: dict[str, Any]
    after: tuple["Cell", ...] = ()

    @property
    def before(self) -> Optional["Cell"]:
        """The one cell that a cell which is trained comes after."""
        return self.after[0] if self.after else None

    @property
    def label(self) -> str:
        """As messages name it: "table2/cnn10-1"."""
        return f"{self.name}-{self.seed}"

    @cached_property
    def key(self) -> str:
        """Digest of all that it depends on: equal keys mean results equal but for rounding, which
        depends on the processor where arithmetic is fast."""
        return _digest(self.key_parts())

    def key_parts(self) -> dict[str, str]:
        """What the key is made of, each by a digest; neither the row's name nor its family."""
        blocks = {"row": self.row.model_dump(include=IN_KEY), **self._settings()}
        if self.after:
            keys = [cell.key for cell in self.after]
            blocks["before"] = keys[0] if len(keys) == 1 else keys
        files = {f"features/{file.name}": _file_digest(file) for file in _files(self.features)}
        return {name: _digest(found) for name, found in blocks.items()} | files | code(self.row)

    def _settings(self) -> dict[str, Any]:
        origin = {"corpus": self.origin.get("corpus"), "features": self.origin.get("features")}
        if isinstance(self.row, MadeRow):
            packages = {name: version(name) for name in ("numpy", "scikit-learn")}
            return {
                "selections": selections(self.readings),
                "seed": self.seed,
                **origin,
                **packages,
            }
        return {
            "train": self.train.model_dump(),
            "readings": self.readings.trained(),
            "seed": self.seed,
            **origin,
            "torch": version("torch"),
        }

    @property
    def checkpoint(self) -> Path:
        """Where an unfinished cell goes on from."""
        return self.scratch / self.name / f"{self.seed}.safetensors"

    @property
    def circumstances(self) -> Path:
        """When, where and in what time it was trained: what no result may depend on."""
        return self.scratch / self.name / f"{self.seed}.json"

    @property
    def staged(self) -> Path:
        """The folder of a finished cell that is not yet kept."""
        return self.scratch / self.name / str(self.seed)

    @property
    def kept(self) -> Path:
        """Its folder from then on."""
        return self.runs / self.name / str(self.seed)

    def take(self) -> None:
        """Put the finished cell at its place; remove what only its training needed."""
        move(self.staged, self.kept)
        for suffix in (".safetensors", ".before", ".part"):
            self.checkpoint.with_suffix(suffix).unlink(missing_ok=True)

    def alone(self) -> AbstractContextManager[None]:
        """No other process is at this cell within the block; RunError where one is already."""
        return locked(self.scratch / self.name / f"{self.seed}.lock", f"cell {self.label}")

    def unfinished(self) -> Optional["Cell"]:
        """The first cell that it comes after and that is not kept; None where all are."""
        return next((cell for cell in self.after if not cell.is_in(cell.kept)), None)

    def is_in(self, folder: Path) -> bool:
        """Whether `folder` holds this very cell: the record has its key, and no file is gone."""
        record = read_record(folder)
        whole = all((folder / name).is_file() for name in FILES)
        return whole and record is not None and record["key"] == self.key

    def changed(self, folder: Path) -> list[str] | None:
        """Which parts of the key are others in the cell that `folder` holds; None if it has none.

        "-" and "+" before a part that only the old or only the new key has.
        """
        record = read_record(folder)
        if record is None:
            return None
        old, new = record.get("key_parts", {}), self.key_parts()
        signs = {name: "-" for name in old if name not in new}
        signs |= {name: "" if name in old else "+" for name in new if old.get(name) != new[name]}
        return [f"{sign}{name}" for name, sign in signs.items()]


def read_cell(name: str, seed: int) -> Cell:
    """The cell of a row, by its full name, and a seed, as params.yaml and rows.yaml have it.

    Raises ParamsError for a row that does not exist.
    """
    return read_cells([name], [seed])[0]


def cells_of(family: str) -> list[Cell]:
    """The cells of a family of the profile, row by row in the order of its table."""
    found = read_family(family)
    return _read(
        (name, cell)
        for name, row in found.rows.items()
        for seed in found.seeds
        for cell in row.cells(seed)
    )


def read_cells(names: Iterable[str], seeds: Collection[int]) -> list[Cell]:
    """The cells of several rows, row by row."""
    return _read((name, seed) for name in names for seed in seeds)


def _read(wanted: Iterable[tuple[str, int]]) -> list[Cell]:
    """The cells of these rows and seeds, from files that are read once."""
    rows, place = read_rows(), profile()
    shared: dict[str, Any] = {
        "train": block(Train, "train"),
        "features": Path("features", place),
        "scratch": Path("scratch", place),
        "runs": Path("runs", place),
        "origin": {"corpus": _plain("corpus"), "features": _plain("features")},
    }

    read_readings()  # what is wrong with them below is the row's fault

    @cache
    def readings(name: str) -> Readings:
        try:
            return rows[name].read()
        except ParamsError as error:
            fault = re.sub(rf"^{PARAMS}(:\d+)?: ", "", str(error))
            raise ParamsError(f"{ROWS}: {name}: {fault}") from None

    @cache
    def cell(name: str, seed: int) -> Cell:
        row = _row(name, rows)
        after = tuple(
            cell(other, each)
            for other in rows_before(row, rows)
            for each in rows[other].cells(row.family_seed(seed))
        )
        return Cell(name=name, seed=seed, row=row, readings=readings(name), after=after, **shared)

    return [cell(name, seed) for name, seed in wanted]


def selections(readings: Readings) -> list[str]:
    """Which epochs a cell has predictions of; `late` of several."""
    return ["last", "best", "late", *(["held_out"] if readings.selection == "held_out" else [])]


def seeds_of(name: str) -> list[int]:
    """The seeds of a row's cells: its family's, or those of its members.

    Raises ParamsError for a row that does not exist.
    """
    row = _row(name, read_rows())
    return [cell for seed in read_family(family_of(name)).seeds for cell in row.cells(seed)]


def _row(name: str, rows: dict[str, AnyRow]) -> AnyRow:
    if name not in rows:
        raise ParamsError(f"{ROWS}: no row is called '{name}'{nearest(name, rows)}")
    return rows[name]


def read_record(folder: Path) -> dict[str, Any] | None:
    """The record of the finished cell in a folder; None where there is none."""
    try:
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return record if isinstance(record, dict) and "key" in record else None


def remove_others(row: Path, seeds: Collection[int]) -> list[Path]:
    """Remove a row's finished cells of seeds that are not asked for; → their folders.

    What is no finished cell stays, but for what a removal that was killed has left.
    """
    for left in row.glob(".*.old"):
        shutil.rmtree(left)
    wanted = {str(seed) for seed in seeds}
    others = [folder for folder in _files(row) if folder.name not in wanted and read_record(folder)]
    for folder in others:
        discard(folder)
    return others


def _plain(key: str) -> Any:
    return json.loads(json.dumps(section(key)))


def _files(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []


def _digest(content: Any) -> str:
    text = json.dumps(content, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def _file_digest(file: Path) -> str:
    return _content_digest(file, file.stat().st_mtime_ns)


@cache
def _content_digest(file: Path, changed: int) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
