"""Milliseconds of a training step and peak memory of every row of a family, at the profile's sizes.

What is counted of the same rows, and so is the same everywhere, is in their family's cost.csv.
"""

import statistics
from contextlib import ExitStack
from typing import Any

from harness.config.rows import Row, read_family
from harness.config.strict import block, profile
from harness.config.training import Train
from harness.errors import ParamsError, RunError
from harness.extras.bench.apart import Apart
from harness.extras.bench.steps import Ours, on_device
from harness.extras.bench.timing import Round, interleaved
from harness.learning.cell import read_cell

STEPS = 16  # in a round


def rows(names: list[str], budget: float) -> dict[str, Any]:
    """One entry a row; `budget`: seconds of all turns of a family.

    Raises RunError where a row comes after one that is not finished.
    """
    train, found = block(Train, "train"), {}
    for name in names:
        family = read_family(name)
        rounds = {
            full: Apart(row_round, full, family.seeds[0])
            for full, row in family.rows.items()
            if isinstance(row, Row)
        }
        if not rounds:
            raise ParamsError(f"--families {name}: none of its rows is trained; name another")
        with ExitStack() as stack:
            variants: dict[str, Round] = {n: stack.enter_context(r) for n, r in rounds.items()}
            taken = interleaved(variants, budget)
            for full, seconds in taken.items():
                each = [one / STEPS for one in seconds]
                step = {"median": statistics.median(each), "low": min(each), "high": max(each)}
                found[full] = {"seconds_a_step": step, "peak_mib": rounds[full].peak()}
    return {
        "profile": profile(),
        **{key: getattr(train, key) for key in ("batch", "width", "arithmetic")},
        "rows": found,
    }


def row_round(name: str, seed: int) -> Round:
    """A round of the very steps that train a cell."""
    cell = read_cell(name, seed)
    if before := cell.unfinished():
        raise RunError(f"{cell.label} comes after {before.label}, which is not finished")
    one = Ours(cell, STEPS)
    if len(one.data) < len(one.learned):
        raise RunError(f"{STEPS} batches take {len(one.learned)} train clips; lower train.batch")
    return on_device(one.epoch, one.fabric.device)
