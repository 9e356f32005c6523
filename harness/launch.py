"""Train the cells that params.yaml asks for and nobody has made yet, several side by side.

`dvc repro` trains one cell after another, each in a process of its own, and writes dvc.lock after
each. Here a few processes train all of them, and `dvc commit` records them at once: same cells,
same bytes, same lock.
"""

import argparse
import multiprocessing
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import FIRST_EXCEPTION, ProcessPoolExecutor, wait
from functools import partial
from pathlib import Path
from typing import Any

from harness.config.strict import block, profile
from harness.config.table import Table, read_sensitivity
from harness.errors import HarnessError, RunError, lacking
from harness.learning.cell import Cell, read_cell
from harness.options import JOBS, whole
from harness.portable import choose
from harness.processes import locked, start_worker
from harness.stage import move, run

STAGES = {"table": "dvc.yaml:train", "sensitivity": "sensitivity/dvc.yaml:vary"}


def start_trainer(arithmetic: str) -> None:
    """What a worker does first, before it loads torch."""
    start_worker()
    choose(arithmetic)


def rehearse() -> None:
    """In a worker, which imports torch once for all that it does."""
    from harness.learning.rehearsal import rehearse

    rehearse()


def train(cell: Cell) -> None:
    """In a worker: train the cell unless another process just has."""
    from harness.learning.training import finish_cell

    with cell.alone():
        if missing([cell]):
            finish_cell(cell)


def wanted(key: str) -> list[Cell]:
    """The cells of a block, `table` or `sensitivity`."""
    asked = block(Table, key) if key == "table" else read_sensitivity()
    return [read_cell(row, seed) for row in asked.rows for seed in asked.seeds]


def missing(cells: list[Cell]) -> list[Cell]:
    """Those that are neither kept nor in scratch/."""
    return [c for c in cells if not c.made(c.taken) and not c.made(c.finished)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    jobs = whole(1, JOBS)
    parser.add_argument("--jobs", type=jobs, default=2, help="cells at a time (default: 2)")
    parser.add_argument("--block", choices=list(STAGES), default="table")
    asked = parser.parse_args()
    with locked(Path("scratch", profile(), "launch.lock"), f"a launch of profile {profile()}"):
        launch(asked.block, asked.jobs)


def launch(key: str, jobs: int) -> None:
    """Train the cells of a block that are missing, take all into their place, and record them."""
    side_by_side(missing(wanted(key)), jobs)
    cells = wanted(key)  # as they are asked for now
    if others := missing(cells):
        raise RunError(
            f"parameters, features or code changed during the training, and {len(others)} cells "
            f"({others[0].name} first) are others now; run it again"
        )
    finished = [cell for cell in cells if cell.made(cell.finished)]
    for cell in finished:
        with cell.alone():
            if cell.made(cell.finished):  # else a train stage just took it
                move(cell.finished, cell.taken)
    if finished:
        record(STAGES[key])


def side_by_side(cells: list[Cell], jobs: int) -> None:
    """Train cells in `jobs` processes; after a fault those that run are finished, no others."""
    if not cells:
        return
    context = multiprocessing.get_context("spawn")  # CUDA does not survive a fork
    start = partial(start_trainer, cells[0].train.arithmetic)
    with ProcessPoolExecutor(jobs, mp_context=context, initializer=start) as pool:
        try:
            pool.submit(told, "rehearsal", rehearse).result()
            waiting = [pool.submit(told, cell.name, train, cell) for cell in cells]
            done, _ = wait(waiting, return_when=FIRST_EXCEPTION)
        except KeyboardInterrupt:  # cells go on from their last epoch when they are asked for again
            for worker in multiprocessing.active_children():
                worker.kill()
            raise
        for future in waiting:
            future.cancel()
        for future in done:
            future.result()


def told(name: str, work: Callable[..., None], *arguments: Any) -> None:
    """Call `work`; what the machine lacks is a RunError that names the cell and can be pickled."""
    try:
        work(*arguments)
    except HarnessError:
        raise
    except Exception as error:
        if reason := lacking(error):
            raise RunError(f"{name}: {reason}") from None
        raise


def record(stage: str) -> None:
    """Let DVC record all cells of a stage; they are those that it would make."""
    if not Path(stage.partition(":")[0]).is_file():
        return  # no pipeline here
    command = [sys.executable, "-m", "dvc", "commit", "--force", stage]
    done = subprocess.run(
        command, capture_output=True, encoding="utf-8", errors="replace", check=False
    )
    if done.returncode:
        raise RunError(
            f"the cells are trained and kept, but `dvc commit {stage}` failed: {done.stderr}; when "
            "that is mended, `dvc repro` records them without training"
        )


if __name__ == "__main__":
    run(main)
