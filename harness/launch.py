"""Train the cells that params.yaml asks for and nobody has made yet, several side by side.

`dvc repro` trains one cell after another, each in a process of its own. Here a few processes train
all of them into scratch/, from where the train stage takes what fits: same cells, same bytes.
"""

import argparse
import multiprocessing
from concurrent.futures import FIRST_EXCEPTION, ProcessPoolExecutor, wait

from harness.config.strict import block
from harness.config.table import Table
from harness.learning.cell import Cell, read_cell
from harness.stage import run


def train(cell: Cell) -> None:
    """In a worker: torch is imported once there, not once a cell."""
    from harness.learning.training import finish_cell

    finish_cell(cell)


def missing(key: str) -> list[Cell]:
    """The cells of a block, `table` or `sensitivity`, that are neither kept nor in scratch/."""
    asked = block(Table, key)
    cells = [read_cell(row, seed) for row in asked.rows for seed in asked.seeds]
    return [c for c in cells if not c.made(c.taken) and not c.made(c.finished)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=2, help="cells at a time (default: 2)")
    parser.add_argument("--block", choices=["table", "sensitivity"], default="table")
    asked = parser.parse_args()
    jobs, cells = asked.jobs, missing(asked.block)
    if not cells:
        return
    context = multiprocessing.get_context("spawn")  # CUDA does not survive a fork
    with ProcessPoolExecutor(jobs, mp_context=context) as pool:
        waiting = [pool.submit(train, cell) for cell in cells]
        done, _ = wait(waiting, return_when=FIRST_EXCEPTION)
        for future in waiting:
            future.cancel()  # after a fault, cells that have not begun; finished ones stay
        for future in done:
            future.result()


if __name__ == "__main__":
    run(main)
