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
import traceback
import warnings
from collections.abc import Callable
from concurrent.futures import (
    FIRST_EXCEPTION,
    BrokenExecutor,
    Future,
    ProcessPoolExecutor,
    as_completed,
    wait,
)
from functools import partial
from itertools import cycle
from multiprocessing.queues import SimpleQueue
from pathlib import Path
from socket import socket
from typing import Any

from harness.board import Board, Planned, tell
from harness.config.rows import TABLE2, Row, families, family_of, read_rows
from harness.config.strict import profile
from harness.errors import FeaturesError, HarnessError, RunError
from harness.learning import progress
from harness.learning.cell import Cell, cells_of, remove_others
from harness.options import JOBS, whole
from harness.portable import choose
from harness.processes import locked, start_worker
from harness.recording import record
from harness.stage import run, short_of

ALL = "all"
SOME_FAILED = 3  # the status of a launch that kept going: the other cells are finished
CONTEXT = multiprocessing.get_context("spawn")  # CUDA does not survive a fork
Failed = dict[str, str]  # a cell's label and why it failed


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
    keep_going = "train the other cells when one fails"
    parser.add_argument("--keep-going", action="store_true", help=keep_going)
    asked = parser.parse_args()
    launch_alone(asked.family, asked.jobs, asked.keep_going)


def launch_alone(family: str, jobs: int, keep_going: bool = False) -> None:
    """Launch; RunError where another launch is at the profile. SystemExit where it kept going and
    some cells failed."""
    with locked(Path("scratch", profile(), "launch.lock"), f"a launch of profile {profile()}"):
        failed = launch(family, jobs, keep_going)
    if failed:
        print(
            f"error: {len(failed)} cells are not finished ({', '.join(failed)}); all others are, "
            "and the same command trains these alone",
            file=sys.stderr,
        )
        sys.exit(SOME_FAILED)


def launch(family: str, jobs: int, keep_going: bool = False) -> Failed:
    """Train the missing cells of a family, keep them, and let DVC record them; → those that failed
    where it keeps going.

    Level by level: a cell that comes after another one trains when that one is kept.
    """
    changed, failed, cells = False, Failed(), asked_for(family)
    _check_features(cells)
    if not keep_going:
        _check_order(cells)
    planned = {cell.label: plan(cell) for cell in missing(cells)}
    with Board(planned, jobs) as board:
        for number in sorted(set(map(level, cells))):
            wanted = missing(_of_level(family, number))
            failed |= _waiting(wanted) if keep_going else {}
            left = [cell for cell in wanted if cell.label not in failed]
            failed |= side_by_side(left, jobs, board, keep_going)
            cells = _of_level(family, number)  # as they are asked for now
            others = [cell for cell in missing(cells) if cell.label not in failed]
            if others:
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
        unfinished = {cell.name for cell in cells if cell.label in failed}
        _record([name for name in dict.fromkeys(c.name for c in cells) if name not in unfinished])
    return failed


def plan(cell: Cell) -> Planned:
    """What the board has to know of a cell before it starts."""
    row = cell.row
    if isinstance(row, Row):
        return Planned(cell.readings.epochs, f"{row.encoder.name}, {len(row.views)} views")
    return Planned(0, "made")


def _check_features(cells: list[Cell]) -> None:
    """FeaturesError where there is nothing to train on, before a worker is started for it."""
    left = missing(cells)
    for name in ("train.npy", "train.csv", "dev.npy", "dev.csv") if left else ():
        if not (file := left[0].features / name).is_file():
            raise FeaturesError(f"{file} is missing; run `dvc repro features`")


def _check_order(cells: list[Cell]) -> None:
    """RunError where a cell comes after one that is neither kept nor trained here; hours later it
    would be too late to say so."""
    here = {cell.label for cell in cells}
    for cell in missing(cells):
        for before in cell.after:
            if before.label not in here and not before.is_in(before.kept):
                raise RunError(
                    f"{cell.label} comes after {before.label}, which is not finished; run "
                    f"`python -m harness.launch --family {family_of(before.name)}` first"
                )


def _of_level(family: str, number: int) -> list[Cell]:
    return [cell for cell in asked_for(family) if level(cell) == number]


def _waiting(cells: list[Cell]) -> Failed:
    """Those that come after one that is not finished, because it failed."""
    found = {cell.label: cell.unfinished() for cell in cells}
    return {
        label: f"it comes after {before.label}, which is not finished"
        for label, before in found.items()
        if before
    }


def keep(cells: list[Cell]) -> bool:
    """Put those that lie in scratch/ at their places; whether there was any."""
    staged = [cell for cell in cells if cell.is_in(cell.staged)]
    for cell in staged:
        with cell.alone():
            if cell.is_in(cell.staged):  # else a train stage just took it
                cell.take()
    return bool(staged)


def pool_of(jobs: int, arithmetic: str, board: socket) -> ProcessPoolExecutor:
    """Trainers side by side, each with a GPU of its own as long as there are enough."""
    gpus = CONTEXT.SimpleQueue()
    for _, gpu in zip(range(jobs), cycle(visible_gpus() or [""]), strict=False):
        gpus.put(gpu)
    start = partial(start_trainer, arithmetic, board, gpus)
    return ProcessPoolExecutor(jobs, mp_context=CONTEXT, initializer=start)


def side_by_side(cells: list[Cell], jobs: int, board: Board, keep_going: bool = False) -> Failed:
    """Train cells in `jobs` processes; → those that failed, where it keeps going. Else a fault ends
    it: the cells that run are finished, no others."""
    if not cells:
        return {}
    with pool_of(jobs, cells[0].train.arithmetic, board.told) as pool:
        pool.submit(told, "validation", validate).result()
        waiting = {pool.submit(told, cell.label, train, cell): cell for cell in cells}
        for future, cell in waiting.items():
            future.add_done_callback(partial(finished, board, cell.label))
        if not keep_going:
            done, _ = wait(waiting, return_when=FIRST_EXCEPTION)
            for future in waiting:
                future.cancel()
            for future in done:
                future.result()
            return {}
        failed, killed = _failed(waiting)
    if len(cells) == 1:
        return failed | {cell.label: _say(cell, BrokenExecutor()) for cell in killed}
    for cell in missing(killed):  # one killed process ends them all: which cell is to blame?
        failed |= side_by_side([cell], 1, board, keep_going)
    return failed


def finished(board: Board, label: str, future: "Future[None]") -> None:
    """Let the board know that a cell is made, or that it failed."""
    if future.cancelled():
        return
    if future.exception():
        board.drop(label)
    else:
        board.finish(label)


def _failed(waiting: dict[Future[None], Cell]) -> tuple[Failed, list[Cell]]:
    """The cells that failed, each told as soon as it has, and those whose process was killed."""
    failed, killed = Failed(), []
    for future in as_completed(waiting):
        cell, error = waiting[future], future.exception()
        if isinstance(error, BrokenExecutor):
            killed.append(cell)
        elif error is not None:
            failed[cell.label] = _say(cell, error)
    return failed, killed


def _say(cell: Cell, error: BaseException) -> str:
    """Why a cell failed, in one line; a fault of the harness shows its traceback."""
    reason = str(error) if isinstance(error, HarnessError) else short_of(error)
    if reason is None:
        traceback.print_exception(error)
        reason = repr(error)
    line = " ".join(reason.removeprefix(f"{cell.label}: ").split())
    print(f"failed: {cell.label}: {line}", file=sys.stderr)
    return line


def told(name: str, work: Callable[..., None], *arguments: Any) -> None:
    """Call `work`; what the machine lacks is a RunError that names the cell and can be pickled."""
    try:
        work(*arguments)
    except HarnessError:
        raise
    except Exception as error:
        if reason := short_of(error):
            raise RunError(f"{name}: {reason}") from None
        raise


def _record(rows: list[str]) -> None:
    """Let DVC record all cells of the rows; they are those that it would make."""
    stages = [stage for row in rows if (stage := stage_of(row))]
    if not stages:
        return  # no pipeline here, or every row lacks a cell
    done = record(stages)
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
