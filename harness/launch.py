"""Train the cells that params.yaml asks for and nobody has made yet, several side by side.

`dvc repro` trains one row after another, each in a process of its own, and writes dvc.lock after
each. Here a few processes train all of them, and `dvc commit` records them at once: same cells,
same bytes, same lock.
"""

import argparse
import multiprocessing
import os
import subprocess
import sys
import warnings
from collections.abc import Callable
from concurrent.futures import FIRST_EXCEPTION, Future, ProcessPoolExecutor, wait
from functools import partial
from itertools import cycle
from multiprocessing.queues import SimpleQueue
from pathlib import Path
from socket import socket
from typing import Any

from harness.board import Board, Planned, tell
from harness.config.rows import TABLE2, Row, families, family_of, read_rows
from harness.config.strict import profile
from harness.errors import HarnessError, RunError, lacking
from harness.learning import progress
from harness.learning.cell import Cell, cells_of, remove_others
from harness.options import JOBS, whole
from harness.portable import choose
from harness.processes import locked, start_worker
from harness.stage import move, run

ALL = "all"
CONTEXT = multiprocessing.get_context("spawn")  # CUDA does not survive a fork


def start_trainer(arithmetic: str, board: socket, gpus: "SimpleQueue[str]") -> None:
    """What a worker does first, before it loads torch: take one of the GPUs, if there are any.

    The launch shows what it tells.
    """
    start_worker()
    choose(arithmetic)
    warnings.filterwarnings("ignore", "The `srun` command")  # of Fabric, on a cluster's machines
    progress.told.append(partial(tell, board))
    if gpu := gpus.get():
        os.environ["CUDA_VISIBLE_DEVICES"] = gpu


def visible_gpus() -> list[str]:
    """The GPUs that this process may use, as CUDA_VISIBLE_DEVICES names them; without torch."""
    if (asked := os.environ.get("CUDA_VISIBLE_DEVICES")) is not None:
        return [gpu for gpu in asked.split(",") if gpu]
    try:
        done = subprocess.run(["nvidia-smi", "-L"], capture_output=True, check=False)
    except OSError:  # no driver
        return []
    found = [line for line in done.stdout.splitlines() if line.startswith(b"GPU ")]
    return [str(number) for number in range(len(found))]


def validate() -> None:
    """In a worker, which imports torch once for all that it does."""
    from harness.learning.validation import validate_once

    validate_once()


def train(cell: Cell) -> None:
    """In a worker: train the cell unless another process just has."""
    from harness.learning.finishing import finish

    with cell.alone():
        if missing([cell]):
            finish(cell)


def asked_for(family: str) -> list[Cell]:
    """The cells of a family, or of all that the profile has."""
    names = families() if family == ALL else [family]
    return [cell for name in names for cell in cells_of(name)]


def missing(cells: list[Cell]) -> list[Cell]:
    """Those that are neither kept nor in scratch/."""
    return [c for c in cells if not c.is_in(c.kept) and not c.is_in(c.staged)]


def level(cell: Cell) -> int:
    """How many cells must be finished one after another before this one."""
    return 1 + max(map(level, cell.after)) if cell.after else 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    jobs = whole(1, JOBS)
    parser.add_argument("--jobs", type=jobs, default=2, help="cells at a time (default: 2)")
    parser.add_argument(
        "--family", default=TABLE2, help=f"a family of params.yaml, or all (default: {TABLE2})"
    )
    asked = parser.parse_args()
    launch_alone(asked.family, asked.jobs)


def launch_alone(family: str, jobs: int) -> None:
    """Launch; RunError where another launch is at the profile."""
    with locked(Path("scratch", profile(), "launch.lock"), f"a launch of profile {profile()}"):
        launch(family, jobs)


def launch(family: str, jobs: int) -> None:
    """Train the missing cells of a family, keep them, and let DVC record them.

    Level by level: a cell that comes after another one trains when that one is kept.
    """
    changed = False
    planned = {cell.label: plan(cell) for cell in missing(asked_for(family))}
    with Board(planned, jobs) as board:
        for number in sorted({level(cell) for cell in asked_for(family)}):
            side_by_side(missing(_ready(family, number)), jobs, board)
            cells = _ready(family, number)  # as they are asked for now
            if others := missing(cells):
                raise RunError(
                    f"parameters, features or code changed during the training, and {len(others)} "
                    f"cells ({others[0].label} first) are others now; run it again"
                )
            changed |= keep(cells)
    cells = asked_for(family)
    seeds = {cell.kept.parent: [c.seed for c in cells if c.name == cell.name] for cell in cells}
    for row, asked in seeds.items():
        changed |= bool(remove_others(row, asked))
    if changed:
        record(list(dict.fromkeys(cell.name for cell in cells)))


def plan(cell: Cell) -> Planned:
    """What the board has to know of a cell before it starts."""
    row = cell.row
    if isinstance(row, Row):
        return Planned(cell.readings.epochs, f"{row.encoder.name}, {len(row.views)} views")
    return Planned(0, "made")


def _ready(family: str, number: int) -> list[Cell]:
    """The cells of one level; RunError where one comes after a cell that is not kept."""
    cells = [cell for cell in asked_for(family) if level(cell) == number]
    for cell in missing(cells):
        if before := cell.unfinished():
            raise RunError(
                f"{cell.label} comes after {before.label}, which is not finished; run "
                f"`python -m harness.launch --family {family_of(before.name)}` first"
            )
    return cells


def keep(cells: list[Cell]) -> bool:
    """Put those that lie in scratch/ at their places; whether there was any."""
    staged = [cell for cell in cells if cell.is_in(cell.staged)]
    for cell in staged:
        with cell.alone():
            if cell.is_in(cell.staged):  # else a train stage just took it
                move(cell.staged, cell.kept)
    return bool(staged)


def pool_of(jobs: int, arithmetic: str, board: socket) -> ProcessPoolExecutor:
    """Trainers side by side, each with a GPU of its own as long as there are enough."""
    gpus = CONTEXT.SimpleQueue()
    for _, gpu in zip(range(jobs), cycle(visible_gpus() or [""]), strict=False):
        gpus.put(gpu)
    start = partial(start_trainer, arithmetic, board, gpus)
    return ProcessPoolExecutor(jobs, mp_context=CONTEXT, initializer=start)


def side_by_side(cells: list[Cell], jobs: int, board: Board) -> None:
    """Train cells in `jobs` processes; after a fault those that run are finished, no others."""
    if not cells:
        return
    with pool_of(jobs, cells[0].train.arithmetic, board.told) as pool:
        try:
            pool.submit(told, "validation", validate).result()
            waiting = [pool.submit(told, cell.label, train, cell) for cell in cells]
            for cell, future in zip(cells, waiting, strict=True):
                future.add_done_callback(partial(finished, board, cell.label))
            done, _ = wait(waiting, return_when=FIRST_EXCEPTION)
        except KeyboardInterrupt:  # cells go on from their last epoch when they are asked for again
            for worker in multiprocessing.active_children():
                worker.kill()
            raise
        for future in waiting:
            future.cancel()
        for future in done:
            future.result()


def finished(board: Board, label: str, future: "Future[None]") -> None:
    """Let the board know that a cell is made, if it is."""
    if not future.cancelled() and not future.exception():
        board.finish(label)


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


def record(rows: list[str]) -> None:
    """Let DVC record all cells of the rows; they are those that it would make."""
    stages = [stage for row in rows if (stage := stage_of(row))]
    if not stages:
        return  # no pipeline here
    command = [sys.executable, "-m", "dvc", "commit", "--force", *stages]
    done = subprocess.run(
        command, capture_output=True, encoding="utf-8", errors="replace", check=False
    )
    if done.returncode:
        raise RunError(
            f"the cells are trained and kept, but `dvc commit {stages[0]}` failed: {done.stderr}; "
            "when that is mended, `dvc repro` records them without training"
        )


def stage_of(row: str) -> str | None:
    """The row's stage as DVC takes it; None where there is no such pipeline."""
    family, _, name = row.partition("/")
    if family == TABLE2:
        file, stage = "dvc.yaml", f"train@{name}"
    else:
        after = read_rows()[row].after
        file, stage = "families/dvc.yaml", f"{'train-after' if after else 'train'}@{row}"
    return f"{file}:{stage}" if Path(file).is_file() else None


if __name__ == "__main__":
    run(main)
