"""Missing cells as jobs of a Slurm cluster: submit them, tell how far they are, cancel them.

submitit writes the batch files; Slurm queues, starts and repeats the jobs. Only which job is which
cell stands here, in scratch/<profile>/slurm/jobs.json. Every node sees this folder at its path.
"""

import json
import shutil
import subprocess
from collections import Counter
from itertools import groupby
from pathlib import Path
from typing import Any

from tabulate import tabulate

from harness.config.strict import block, profile
from harness.config.training import Train
from harness.errors import RunError
from harness.launch import asked_for, keep, level, missing, told, train, validate
from harness.learning.cell import Cell, read_cell
from harness.portable import choose
from harness.processes import locked
from harness.stage import read_json, run

MINUTES = 24 * 60  # that a job may take, unless asked otherwise
TURNS = 20  # that a cell may have of that time, each going on where the one before ended
RETRY = [  # what the batch file does when the cell's process has ended: two more tries
    "status=$?",
    '[ "$status" = 0 ] || [ "${SLURM_RESTART_COUNT:-0}" -ge 2 ] ||',
    '  scontrol requeue "$SLURM_JOB_ID"',
    'exit "$status"',
]
KINDS = ("done", "running", "waiting", "failed", "not submitted")


class Job:
    """One cell on a node, provided that it still is the one that was submitted."""

    def __init__(self, cell: Cell) -> None:
        self.name, self.seed, self.key = cell.name, cell.seed, cell.key

    def __call__(self) -> None:
        run(self._make)

    def checkpoint(self) -> Any:
        """submitit calls it shortly before the time is up, and puts it into the queue again."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self)

    def _make(self) -> None:
        cell = read_cell(self.name, self.seed)
        if cell.key != self.key:
            raise RunError(
                f"{cell.label}: parameters, features or code are others than when it was "
                "submitted; run `harness launch --slurm` again, or check out what they were"
            )
        if before := cell.unfinished():
            raise RunError(f"{cell.label} comes after {before.label}, which is not finished")
        choose(cell.train.arithmetic)
        told(cell.label, train, cell)
        keep([cell])


class Jobs:
    """Which job every cell of a family has, and in what state it is."""

    def __init__(self, family: str, dry: bool = False) -> None:
        """`dry`: there may be no Slurm."""
        self.file = Path("scratch", profile(), "slurm", "jobs.json")
        self.known = read_json(self.file, "remove it") if self.file.is_file() else {}
        self.queue = _queue(dry)  # before a look at the cells: what ends in between is done
        self.cells = asked_for(family)
        self.missing = {cell.label: cell for cell in missing(self.cells)}

    def of(self, cell: Cell) -> str:
        """The number of the cell's job; "" if it has none as it is asked for now."""
        job, key = self.known.get(cell.label, ("", ""))
        return job if key == cell.key else ""

    def state(self, cell: Cell) -> str:
        """One of KINDS."""
        job = self.of(cell)
        if cell.label not in self.missing:
            return "done"
        if job in self.queue:
            running = self.queue[job] in ("RUNNING", "COMPLETING", "CONFIGURING")
            return "running" if running else "waiting"
        return "failed" if job else "not submitted"

    def remember(self, cells: list[Cell], numbers: list[str]) -> None:
        """Their jobs, in the file too."""
        for cell, number in zip(cells, numbers, strict=True):
            self.known[cell.label] = (number, cell.key)
        part = self.file.with_suffix(".part")
        part.write_text(json.dumps(self.known, indent=1) + "\n", encoding="utf-8")
        part.replace(self.file)


def submit(family: str, options: list[str], dry: bool) -> None:
    """Submit the missing cells of a family, each level an array that waits for those before it.

    `options`: "KEY=VALUE" as sbatch or submitit calls them; `dry`: only tell. What Slurm has
    already stays. Raises RunError for what cannot be submitted.
    """
    with locked(Path("scratch", profile(), "launch.lock"), f"a launch of profile {profile()}"):
        if not dry:
            keep(asked_for(family))
        jobs = Jobs(family, dry)
        cells = list(jobs.missing.values())
        new = [cell for cell in cells if jobs.state(cell) in ("failed", "not submitted")]
        parameters = _parameters(options)
        _check_order(new, jobs)
        if new and not dry:
            validate()
        for number, group in groupby(sorted(new, key=level), level):
            array = list(group)
            earlier = {jobs.of(cell).partition("_")[0] for cell in cells if level(cell) < number}
            after = {"dependency": f"afterany:{':'.join(sorted(earlier))}"} if earlier else {}
            options = [f"{key}={value}" for key, value in (parameters | after).items()]
            print(f"level {number}: {len(array)} cells, {array[0].label} … {array[-1].label}")
            print(f"  {' '.join(options)}")
            if not dry:
                jobs.remember(array, _submit(array, parameters | after, jobs.file.parent))
        queued = len(cells) - len(new)
        print(f"{len(new)} cells {'to submit' if dry else 'submitted'}, {queued} there already")


def status(family: str) -> str:
    """A table of the cells that are on their way, and how many there are of each kind."""
    jobs = Jobs(family)
    states = [jobs.state(cell) for cell in jobs.cells]
    lines = []
    for cell, state in zip(jobs.cells, states, strict=True):
        if state not in ("done", "not submitted"):
            log = jobs.file.with_name(f"{jobs.of(cell)}_0_log.out")
            lines.append([cell.label, state, jobs.of(cell), _last_line(log), log])
    table = tabulate(lines, ["cell", "state", "job", "last line", "log"], disable_numparse=True)
    counts = Counter(states)
    summary = ", ".join(f"{kind} {counts[kind]}" for kind in KINDS)
    if not jobs.missing:
        summary += "; `make repro` records them and makes the table"
    return f"{table}\n\n{summary}" if lines else summary


def cancel(family: str) -> int:
    """Cancel the jobs of the family's cells; → how many. What is finished is kept."""
    jobs = Jobs(family)
    found = [jobs.of(cell) for cell in jobs.cells if jobs.of(cell) in jobs.queue]
    if found:
        _slurm("scancel", *found)
    return len(found)


def _submit(cells: list[Cell], parameters: dict[str, Any], folder: Path) -> list[str]:
    """One array of jobs; → the number of each."""
    try:
        from submitit import SlurmExecutor
        from submitit.core.utils import FailedJobError
    except ImportError:
        raise RunError("submitit is not installed; run `uv pip install submitit`") from None
    if not shutil.which("srun"):
        raise RunError("srun is not here; run this on a machine of a Slurm cluster")
    executor = SlurmExecutor(folder, max_num_timeout=TURNS)
    own = {k: v for k, v in parameters.items() if k in executor._valid_parameters()}
    sbatchs = {k.replace("_", "-"): v for k, v in parameters.items() if k not in own}
    more = {"additional_parameters": {"requeue": True, **sbatchs}}
    executor.update_parameters(teardown=RETRY, stderr_to_stdout=True, **own, **more)
    try:
        return [job.job_id for job in executor.submit_array([Job(cell) for cell in cells])]
    except FailedJobError as error:
        raise RunError(f"sbatch refuses: {error}") from None


def _parameters(options: list[str]) -> dict[str, Any]:
    """What sbatch is told: defaults, and over them what the command line says."""
    threads = block(Train, "train").threads
    found: dict[str, Any] = {"job_name": profile(), "time": MINUTES, "cpus_per_task": threads}
    for option in options:
        key, _, value = option.partition("=")
        if not key or not value or (key == "time" and not value.isdigit()):
            raise RunError(
                f"--sbatch {option}: write KEY=VALUE, e.g. partition=gpu; time is in minutes"
            )
        found[key.replace("-", "_")] = int(value) if value.isdigit() else value
    return found


def _check_order(cells: list[Cell], jobs: Jobs) -> None:
    """RunError where a cell comes after one that is neither kept nor asked for."""
    for cell in cells:
        for before in cell.after:
            if before.label not in jobs.missing and not before.is_in(before.kept):
                raise RunError(
                    f"{cell.label} comes after {before.label}, which is not finished; submit its "
                    "family first, or `--family all`"
                )


def _queue(dry: bool) -> dict[str, str]:
    """Number of a job → its state in Slurm's words, of all of this user's that have not ended."""
    try:
        told = _slurm("squeue", "--me", "--noheader", "--array", "--format=%i %T")
    except RunError:
        if dry:
            return {}
        raise
    return dict(line.split(maxsplit=1) for line in told.splitlines())


def _last_line(log: Path) -> str:
    """Of a job's log, but for srun's own word that the process ended."""
    text = log.read_text(encoding="utf-8", errors="replace") if log.is_file() else ""
    lines = [line for line in text.splitlines() if line and "Exited with exit code" not in line]
    return lines[-1][:100] if lines else ""


def _slurm(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
    except FileNotFoundError:
        raise RunError(
            f"{command[0]} is not here; run this on a machine of a Slurm cluster"
        ) from None
    if done.returncode:
        raise RunError(f"`{command[0]}` failed: {done.stderr}")
    return done.stdout
