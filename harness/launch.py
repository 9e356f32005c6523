"""Train the cells that params.yaml asks for and nobody has made yet, several side by side.

`dvc repro` trains one cell after another, each in a process of its own, and writes dvc.lock after
each. Here a few processes train all of them, and `dvc commit` records them at once: same cells,
same bytes, same lock.
"""

import argparse
import multiprocessing
import subprocess
import sys
from concurrent.futures import FIRST_EXCEPTION, ProcessPoolExecutor, wait
from pathlib import Path

from harness.config.strict import block
from harness.config.table import Table
from harness.errors import RunError
from harness.learning.cell import Cell, read_cell
from harness.stage import move, run

STAGES = {"table": "dvc.yaml:train", "sensitivity": "sensitivity/dvc.yaml:vary"}


def train(cell: Cell) -> None:
    """In a worker: torch is imported once there, not once a cell."""
    from harness.learning.training import finish_cell

    finish_cell(cell)


def wanted(key: str) -> list[Cell]:
    """The cells of a block, `table` or `sensitivity`."""
    asked = block(Table, key)
    return [read_cell(row, seed) for row in asked.rows for seed in asked.seeds]


def missing(cells: list[Cell]) -> list[Cell]:
    """Those that are neither kept nor in scratch/."""
    return [c for c in cells if not c.made(c.taken) and not c.made(c.finished)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=2, help="cells at a time (default: 2)")
    parser.add_argument("--block", choices=list(STAGES), default="table")
    asked = parser.parse_args()
    side_by_side(missing(wanted(asked.block)), asked.jobs)
    cells = wanted(asked.block)  # as they are asked for now
    if others := missing(cells):
        raise RunError(
            f"parameters, features or code changed during the training, and {len(others)} cells "
            f"({others[0].name} first) are others now; run it again"
        )
    finished = [cell for cell in cells if cell.made(cell.finished)]
    for cell in finished:
        move(cell.finished, cell.taken)
    if finished:
        record(STAGES[asked.block])


def side_by_side(cells: list[Cell], jobs: int) -> None:
    """Train cells in `jobs` processes; after a fault those that run are finished, no others."""
    if not cells:
        return
    context = multiprocessing.get_context("spawn")  # CUDA does not survive a fork
    with ProcessPoolExecutor(jobs, mp_context=context) as pool:
        waiting = [pool.submit(train, cell) for cell in cells]
        done, _ = wait(waiting, return_when=FIRST_EXCEPTION)
        for future in waiting:
            future.cancel()
        for future in done:
            future.result()


def record(stage: str) -> None:
    """Let DVC record all cells of a stage; they are those that it would make."""
    if not Path(stage.partition(":")[0]).is_file():
        return  # no pipeline here
    command = [sys.executable, "-m", "dvc", "commit", "--quiet", "--force", stage]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        last = " ".join(done.stderr.strip().splitlines()[-1:])
        raise RunError(f"the cells are trained, but `dvc commit {stage}` failed: {last}")


if __name__ == "__main__":
    run(main)
