"""What the missing cells of params.yaml cost: seconds of a cell, levels, hours of a machine.

FLOPs are those that `plan` counts. How many a second are computed is what `harness bench train`
measured, encoder by encoder, as results/bench has it; of a GPU where it has one.
"""

import math
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

from tabulate import tabulate

from harness.config.features import Features
from harness.config.rows import Row
from harness.config.strict import PARAMS, block, profile
from harness.config.training import Train
from harness.errors import RunError
from harness.extras.bench.plan import TARGETS, clips_of, count_row, count_step, gpus
from harness.extras.bench.steps import Workload, cell_of
from harness.launch import asked_for, level, missing
from harness.learning.cell import Cell
from harness.stage import read_json

BENCH = Path("results/bench/bench.json")
SHARE = 0.25  # of a GPU's published peak, as `harness bench plan` assumes
FAST = "; they were measured in fast arithmetic, and train.arithmetic: portable takes longer"


class Measured(NamedTuple):
    """FLOPs a second that our step reached, and of what cell."""

    encoder: str
    width: float
    batch: int
    rate: float


class Rows(NamedTuple):
    """The missing cells of one row."""

    name: str
    cells: int
    level: int
    counted: dict[str, Any]  # as `plan` does; empty for a row that is made
    seconds: float  # of a cell


def report(family: str) -> str:
    """A table by rows, its sums, and the hours on GPUs that were not measured.

    Raises RunError where nothing was measured, ParamsError where the corpus has no known size.
    """
    device, measured = read_measured()
    rows = read_rows(family, measured)
    if not rows:
        return f"profile {profile()}, family {family}: no cell is missing"
    cells = sum(row.cells for row in rows)
    hours = sum(row.cells * row.seconds for row in rows) / 3600
    levels = sorted({row.level for row in rows})
    longest = sum(max(r.seconds for r in rows if r.level == each) for each in levels) / 3600
    slower = FAST if block(Train, "train").arithmetic == "portable" else ""
    lines = [
        _table(rows),
        "",
        f"profile {profile()}, family {family}: cells missing: {cells}, levels: {len(levels)}",
        f"{hours:,.1f} hours of {device}, {longest:,.1f} with one for each cell; step times from "
        f"{BENCH}{slower}",
    ]
    trained = [row for row in rows if row.counted]
    return "\n".join([*lines, "", _on_gpus(trained)] if trained else lines)


def read_measured(file: Path = BENCH) -> tuple[str, list[Measured]]:
    """The machine that was measured, and its rates; RunError where there are none."""
    bench = read_json(file, "run `harness bench train`")
    section = bench.get("train-gpu") or bench.get("train")
    if not section:
        raise RunError(f"{file} has no step times; run `harness bench train`")
    facts, bands = section["hardware"], block(Features, "features").bands
    device = facts["gpu"] or f"{facts['processor']} ({facts['threads']} threads)"
    return device, [_measured(cell, bands) for cell in section["cells"]]


def _measured(cell: dict[str, Any], bands: int) -> Measured:
    setting = Workload(**{key: cell.get(key, "") for key in Workload._fields})
    ours = cell_of(setting)
    step = count_step(ours.row, ours.train, ours.readings, bands, TARGETS).training
    steps = cell["clips_per_second"]["ours"]["median"] / setting.batch
    return Measured(setting.encoder, setting.width, setting.batch, step * steps)


def rate(row: Row, width: float, batch: int, measured: list[Measured]) -> float:
    """FLOPs a second of the measurement that is nearest: its encoder, then its width, its batch.

    An encoder that was not measured has the lowest rate of all.
    """
    own = [each for each in measured if each.encoder == row.encoder.name]
    if not own:
        return min(each.rate for each in measured)
    apart = [(abs(math.log(m.width / width)), abs(math.log(m.batch / batch))) for m in own]
    return own[apart.index(min(apart))].rate


def read_rows(family: str, measured: list[Measured]) -> list[Rows]:
    """The rows of a family that have missing cells."""
    found = groupby(missing(asked_for(family)), lambda cell: cell.name)
    return [_rows(name, list(cells), measured) for name, cells in found]


def _rows(name: str, cells: list[Cell], measured: list[Measured]) -> Rows:
    one = cells[0]
    if not isinstance(one.row, Row):
        return Rows(name, len(cells), level(one), {}, 0)
    bands = block(Features, "features").bands
    counted = count_row(one.row, one.train, one.readings, bands, clips_of(PARAMS))
    speed = rate(one.row, one.train.width, one.train.batch, measured)
    return Rows(name, len(cells), level(one), counted, counted["flops"] / speed)


def _table(rows: list[Rows]) -> str:
    lines = [
        [
            row.name,
            row.cells,
            row.level,
            f"{row.counted['flops'] / 1e15:,.3g}" if row.counted else "–",
            f"{row.seconds:,.0f}" if row.counted else "–",
            f"{row.cells * row.seconds / 3600:,.2f}" if row.counted else "–",
        ]
        for row in rows
    ]
    heads = ["row", "cells", "level", "PFLOP a cell", "seconds a cell", "hours"]
    return tabulate(lines, heads, disable_numparse=True, colalign=("left", *["right"] * 5))


def _on_gpus(rows: list[Rows]) -> str:
    memory = max(row.counted["memory_gb"] for row in rows)
    flops = [row.counted["flops"] for row in rows for _ in range(row.cells)]
    lines = []
    for name, gpu in gpus([]).items():
        if memory < gpu.memory_gb:
            speed = gpu.bf16_tflops * 1e12 * SHARE
            hours, minutes = sum(flops) / speed / 3600, max(flops) / speed / 60
            lines.append([name, f"{hours:,.1f}", f"{minutes:,.0f}"])
    heads = ["GPU that holds a cell", f"hours, at {SHARE:.0%} of its peak", "minutes, longest cell"]
    return tabulate(lines, heads, disable_numparse=True, colalign=("left", "right", "right"))
