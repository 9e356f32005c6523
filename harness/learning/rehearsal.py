"""Before the first cell trains: can every row be trained, and all that follows be computed?

Parameters decide it, so nothing has to be trained to find out. Each row makes a step on tensors
without values (as harness/extras/bench/plan.py counts FLOPs), at the real sizes.
"""

import hashlib
import logging
from collections.abc import Iterator
from pathlib import Path

import torch
from torch._subclasses import fake_tensor

from harness.config.readings import PRESETS, Readings, base, read_readings
from harness.config.statistics import Statistics
from harness.config.strict import PARAMS, block, parse, profile, read_yaml
from harness.config.table import Sensitivity, read_sensitivity, read_table, row_blocks
from harness.config.training import Row, Train
from harness.errors import ParamsError
from harness.learning import weighting
from harness.learning.cell import CODE
from harness.learning.data import Packed, held_out_clips
from harness.learning.training import Objective
from harness.options import CORES

NO_VALUES = (  # an encoder that asks for a value cannot be run without; then training tells
    fake_tensor.DataDependentOutputException,
    fake_tensor.DynamicOutputShapeException,
    fake_tensor.UnsupportedOperatorException,
)
logging.getLogger(fake_tensor.__name__).setLevel(logging.CRITICAL)  # the message has it all
SIZES = [1 << power for power in range(11)]  # frames and bands tried where a row needs more


def rehearse(chosen: str = "") -> None:
    """Raise ParamsError for the first thing in params.yaml that cannot be trained or evaluated.

    Only once for the same parameters, features and code; scratch/ remembers it. `chosen`: the row
    that is about to be trained.
    """
    train, features = block(Train, "train"), Path("features", profile())
    if train.threads > CORES:
        raise ParamsError(
            f"{PARAMS}: train.threads = {train.threads}: this machine has {CORES} cores; give at "
            "most that"
        )
    varied = block(Sensitivity, "sensitivity").rows if "sensitivity" in read_yaml(PARAMS) else []
    if chosen in varied:
        read_sensitivity()
    done, seen = Path("scratch", profile(), "rehearsed"), _seen(features)
    if done.is_file() and done.read_text(encoding="utf-8") == seen:
        return
    read_table()
    block(Statistics, "statistics")
    data = Packed(features, "train", torch.device("cpu"))
    for name, row, readings in _rows(varied):
        check(row, train, readings, name, data.levels.shape[1], len(data.targets))
        check_batch(data, train, readings, name)
    done.parent.mkdir(parents=True, exist_ok=True)
    done.write_text(seen, encoding="utf-8")


def check(
    row: Row, train: Train, readings: Readings, name: str, bands: int = 64, targets: int = 10
) -> None:
    """Raise ParamsError, naming the row, when it names what does not exist or does not fit."""
    where = f"{PARAMS}: rows.{name}"
    try:
        rule = weighting.build(row.weighting, 2 * row.views - 1, readings)
        fault = _step(row, train, readings, bands, targets)
    except ParamsError as error:
        raise ParamsError(f"{where}: {error}") from None
    if not torch.isfinite(rule.weights()).all():
        raise ParamsError(
            f"{where}: its losses start with the weights {rule.weights().tolist()}; look at its "
            "weighting and the readings for a 0 that it divides by"
        )
    if fault:
        raise ParamsError(f"{where}: {_cause(row, train, readings, bands, targets)} ({fault})")


def check_batch(data: Packed, train: Train, readings: Readings, name: str) -> None:
    """Raise ParamsError when the clips that the row learns from do not fill one batch."""
    clips = int((~held_out_clips(data, readings.selection == "held_out")).sum())
    if clips < train.batch:
        raise ParamsError(
            f"{PARAMS}: rows.{name}: {clips} train clips do not fill one batch of {train.batch}; "
            "lower train.batch"
        )


def _rows(varied: list[str]) -> Iterator[tuple[str, Row, Readings]]:
    """Every block of `rows`, then those of `varied` that change the readings of one."""
    blocks = row_blocks()
    for name in [*blocks, *(row for row in varied if base(row) in blocks)]:
        yield name, parse(Row, blocks[base(name)], f"rows.{base(name)}"), read_readings(name)


def _step(row: Row, train: Train, readings: Readings, bands: int, targets: int) -> str:
    """Why a step of training fails, in torch's words; "" when it does not."""
    with fake_tensor.FakeTensorMode(), torch.no_grad():
        objective = Objective(row, train, readings, bands, targets)
        x = torch.zeros(train.batch, 1, train.frames, bands)
        try:
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


def _seen(features: Path) -> str:
    """Digest of all that a rehearsal looks at."""
    digest = hashlib.sha256()
    for file in [PARAMS, *sorted(PRESETS.glob("*.yaml")), *CODE, features / "train.csv"]:
        if file.is_file():
            digest.update(file.read_bytes())
    return digest.hexdigest()
