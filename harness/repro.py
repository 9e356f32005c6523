"""make repro, make family, make all: the features, the cells side by side, the tables.

`dvc repro` alone would do, one cell after another. What is finished is kept, whatever ends this,
and the same command goes on from there.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from harness.config.rows import TABLE2, Family, families, read_family
from harness.launch import ALL, SOME_FAILED
from harness.options import JOBS, whole
from harness.processes import WATCHED, end_with_parent, locked
from harness.recording import DVC, whole_locks
from harness.stage import GO_ON, run

REPORT = ("--force", "--single-item", "report")  # DVC does not see which families have results
TOLD = 5  # seconds in which the others end by themselves on Ctrl-C, which a terminal tells to all
ENDING = 60  # seconds that they may take to put away what they are at


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    jobs = whole(1, JOBS)
    parser.add_argument("--jobs", type=jobs, default=2, help="cells at a time (default: 2)")
    parser.add_argument(
        "--family", default=TABLE2, help=f"a family of params.yaml, or all (default: {TABLE2})"
    )
    keep_going = "train the other cells when one fails; a row that lacks one is MISSING"
    parser.add_argument("--keep-going", action="store_true", help=keep_going)
    asked = parser.parse_args()
    if "MAKELEVEL" in os.environ:
        end_with_parent()
    others = families()[1:] if asked.family == ALL else [asked.family]
    wanted = [read_family(name) for name in dict.fromkeys([TABLE2, *others])]
    with locked(Path("scratch", "repro.lock"), "`make repro` in this clone"):
        reproduce(wanted, asked.family, asked.jobs, asked.keep_going)


def reproduce(wanted: list[Family], family: str, jobs: int, keep_going: bool) -> None:
    """Table 2, which is wanted first, and then the others: one `family` or all."""
    others = wanted[1:]
    dvc("features")
    failed = launch(TABLE2, jobs, keep_going)
    if not failed:
        dvc()
    if others:
        failed |= launch(family, jobs, keep_going)
        if not failed:
            dvc(*(stage for each in others for stage in each.stages))
            dvc(*REPORT)
    if failed:
        for each in wanted:
            if each.stage("table") in each.stages:
                call([sys.executable, "-m", "stages.partial", each.name])
        sys.exit(1)


def launch(family: str, jobs: int, keep_going: bool) -> bool:
    """Train the missing cells of a family; → whether some failed and the others are finished."""
    command = [sys.executable, "-m", "harness.launch", "--family", family, "--jobs", str(jobs)]
    status = call([*command, *(["--keep-going"] if keep_going else [])], SOME_FAILED)
    return status == SOME_FAILED


def dvc(*arguments: str) -> None:
    """`dvc repro`, of all stages of dvc.yaml if none is named."""
    with whole_locks():
        call([*DVC, "repro", *arguments])


def call(command: Sequence[str], *passes: int) -> int:
    """The status of a process at its end; SystemExit where it is not among those that pass, after
    the process has said why. It ends with this one, and all below it do."""
    shown = {"PYTHONIOENCODING": f"{sys.stdout.encoding}:backslashreplace"}
    # DVC reads no path with letters that the locale lacks, unless Python takes all for UTF-8
    env = {**shown, **os.environ, WATCHED: "1", "PYTHONUTF8": "1"}
    child = subprocess.Popen(command, env=env, preexec_fn=end_with_parent)
    try:
        status = child.wait()
    except KeyboardInterrupt:
        _end(child)
        raise
    if status < 0 or status in (130, 143):  # it alone was told to end, or killed
        print(GO_ON, file=sys.stderr)
    if status not in (0, *passes):
        sys.exit(1)
    return status


def _end(child: subprocess.Popen[bytes]) -> None:
    """Wait until it has ended, and all below it."""
    all_below = psutil.Process().children(recursive=True)
    with suppress(subprocess.TimeoutExpired):
        child.wait(TOLD)
    child.terminate()
    latest = time.monotonic() + ENDING
    while left := list(filter(_runs, all_below)):
        if time.monotonic() > latest:
            for process in left:
                process.kill()
        time.sleep(0.1)


def _runs(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


if __name__ == "__main__":
    run(main)
