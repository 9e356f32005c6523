"""Before the first cell trains: can every row be trained, and all that follows be computed?

Parameters decide it, so nothing has to be trained to find out. Each row makes a step on tensors
without values (as harness/learning/cost.py counts FLOPs), at the real sizes.
"""

import hashlib
import logging
from pathlib import Path
from typing import Any

import torch
from torch._subclasses import fake_tensor

from harness.config.readings import PRESETS, Readings
from harness.config.rows import (
    ROWS,
    Family,
    MadeRow,
    Row,
    families,
    family_of,
    read_family,
    read_rows,
    rows_before,
)
from harness.config.statistics import Statistics
from harness.config.strict import PARAMS, block, profile
from harness.config.training import Train
from harness.errors import ParamsError
from harness.learning import making
from harness.learning.cell import Cell, read_cells, seeds_of
from harness.learning.closure import digests, part_modules
from harness.learning.data import Packed, held_out_clips
from harness.learning.network import Objective, parameters
from harness.learning.parts import Setting
from harness.learning.saying import check_passes
from harness.options import CORES

NO_VALUES = (  # an encoder that asks for a value cannot be run without; then training tells
    fake_tensor.DataDependentOutputException,
    fake_tensor.DynamicOutputShapeException,
    fake_tensor.UnsupportedOperatorException,
)
logging.getLogger(fake_tensor.__name__).setLevel(logging.CRITICAL)  # the message has it all
SIZES = [1 << power for power in range(11)]  # frames and bands tried where a row needs more
COLUMNS = ("row", "encoder", "parameters", "cells")  # of a row that is made: what makes it


def validate_once() -> None:
    """Validate, unless that passed before with the same parameters, rows, features and code.

    scratch/ remembers it.
    """
    _check_threads(block(Train, "train"))
    done, seen = Path("scratch", profile(), "validated"), _seen()
    if done.is_file() and done.read_text(encoding="utf-8") == seen:
        return
    validate()
    done.parent.mkdir(parents=True, exist_ok=True)
    done.write_text(seen, encoding="utf-8")


def validate() -> dict[str, list[Cell]]:
    """The cells of every row of the profile's families.

    Raises ParamsError for the first thing in params.yaml and rows.yaml that cannot be trained or
    evaluated, FeaturesError where the features are missing.
    """
    train = block(Train, "train")
    _check_threads(train)
    block(Statistics, "statistics")
    found = [read_family(name) for name in families()]
    _check_seeds(found)
    cells = {name: read_cells([name], seeds_of(name)) for family in found for name in family.rows}
    data = _train_split()
    for name, own in cells.items():
        row, readings = own[0].row, own[0].readings
        if isinstance(row, MadeRow):
            making.check(own[0])
            continue
        people = len(data.speaker.unique()), len(data.country.unique())
        before = own[0].before.row if own[0].before else None
        check(row, train, readings, name, data.levels.shape[1], len(data.targets), people, before)
        check_batch(data, train, readings, name)
    return cells


def summary() -> str:
    """Validate, and say of every row what it is and how many of its cells are made."""
    cells, data = validate(), _train_split()
    bands, targets = data.levels.shape[1], len(data.targets)
    lines = [COLUMNS]
    for name, own in cells.items():
        row, train, readings = own[0].row, own[0].train, own[0].readings
        made = sum(cell.is_in(cell.kept) or cell.is_in(cell.staged) for cell in own)
        said = (
            (row.made.name, "-")
            if isinstance(row, MadeRow)
            else (row.encoder.name, f"{parameters(row, train, readings, bands, targets):,}")
        )
        lines.append((name, *said, f"{made} of {len(own)}"))
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        f"{name:<{widths[0]}}  {encoder:<{widths[1]}}  {count:>{widths[2]}}  {made:>{widths[3]}}"
        for name, encoder, count, made in lines
    )


def check(
    row: Row,
    train: Train,
    readings: Readings,
    name: str,
    bands: int = 64,
    targets: int = 10,
    people: tuple[int, int] | None = None,
    before: Row | None = None,
) -> None:
    """Raise ParamsError, naming the row, when it names what does not exist or does not fit.

    Parts are made as if no row had been finished before, so that this does not wait for one.
    `people`: speakers and countries of the train split; `before`: the row that it comes after.
    """
    try:
        if fault := _step(row, train, readings, bands, targets):
            raise ParamsError(f"{_cause(row, train, readings, bands, targets)} ({fault})")
        check_passes(row, readings)
        objective = Objective(row, Setting(train, readings, bands, targets))
        for rule in filter(None, (objective.weighting, objective.emotions)):
            _check_weights(rule.weights())
        for term in objective.terms:
            look: Any = getattr(term, "check", None)
            if people and look:
                look(row, before, *people)
    except ParamsError as error:
        raise ParamsError(f"{ROWS}: {name}: {str(error).removeprefix(f'{ROWS}: ')}") from None


def _check_weights(weights: torch.Tensor) -> None:
    if not torch.isfinite(weights).all():
        raise ParamsError(
            f"its losses start with the weights {weights.tolist()}; look at its weighting and the "
            "readings for a 0 that it divides by"
        )


def check_batch(data: Packed, train: Train, readings: Readings, name: str) -> None:
    """Raise ParamsError when the clips that the row learns from do not fill one batch."""
    clips = int((~held_out_clips(data, readings.selection == "held_out")).sum())
    if clips < train.batch:
        raise ParamsError(
            f"{PARAMS}: {name}: {clips} train clips do not fill one batch of {train.batch}; "
            "lower train.batch"
        )


def _check_threads(train: Train) -> None:
    if train.threads > CORES:
        raise ParamsError(
            f"{PARAMS}: train.threads = {train.threads}: this machine has {CORES} cores; give at "
            "most that"
        )


def _check_seeds(found: list[Family]) -> None:
    """Rows that a row is compared with, or comes after, are trained with its seeds."""
    seeds, rows = {family.name: family.seeds for family in found}, read_rows()
    for family in found:
        for name, row in family.rows.items():
            for other in [*row.against.values(), *rows_before(row, rows)]:
                its = seeds.get(family_of(other)) or read_family(family_of(other)).seeds
                for seed in sorted({*family.seeds} - {*its}):
                    raise ParamsError(
                        f"{PARAMS}: {name} is trained with seed {seed}, but {other}, which it "
                        "needs, is not; give both families the same seeds"
                    )


def _train_split() -> Packed:
    return Packed(Path("features", profile()), "train", torch.device("cpu"))


def _step(row: Row, train: Train, readings: Readings, bands: int, targets: int) -> str:
    """Why a step of training fails, in torch's words; "" when it does not."""
    with fake_tensor.FakeTensorMode(), torch.no_grad():
        try:
            objective = Objective(row, Setting(train, readings, bands, targets))
            x = torch.zeros(train.batch, 1, train.frames, bands)
            objective(x, torch.zeros(train.batch, targets), torch.Generator())
        except NO_VALUES:
            return ""
        except (RuntimeError, ValueError) as error:
            return " ".join(str(error).split())
    return ""


def _cause(row: Row, train: Train, readings: Readings, bands: int, targets: int) -> str:
    """Which of frames and bands are too few for the row's encoder, and how many would do."""

    def runs(frames: int, bands: int) -> bool:
        longer = train.model_copy(update={"frames": frames})
        return not _step(row, longer, readings, bands, targets)

    for frames in filter(lambda size: size > train.frames, SIZES):
        if runs(frames, bands):
            return f"train.frames = {train.frames} is too few for its encoder; try {frames}"
    for more in filter(lambda size: size > bands, SIZES):
        if runs(train.frames, more):
            return f"features.bands = {bands} is too few for its encoder; try {more}"
    both = f"train.frames = {train.frames} and features.bands = {bands}"
    if runs(SIZES[-1], SIZES[-1]):
        return f"{both} are too few for its encoder; raise both"
    return f"its first step fails with {both}"


def _seen() -> str:
    """Digest of all that a validation looks at."""
    digest = hashlib.sha256()
    features = Path("features", profile())
    for file in [PARAMS, ROWS, *sorted(PRESETS.glob("*.yaml")), features / "train.csv"]:
        if file.is_file():
            digest.update(file.read_bytes())
    rows = [row for name in families() for row in read_family(name).rows.values()]
    modules = {module for row in rows for module in part_modules(row)}
    digest.update(str(digests([__name__, *modules])).encode())
    return digest.hexdigest()
