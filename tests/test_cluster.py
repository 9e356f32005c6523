"""harness launch --slurm: cells as jobs of a real Slurm, killed and started again, with the bytes
of a launch on one machine."""

import json
import os
import shutil
import signal
import tempfile
from importlib.util import find_spec
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from harness.learning.cell import read_cell
from tests.processes import REPOSITORY, run
from tests.slurm import OneNode, absent, until
from tests.tree import VANILLA, small, write, write_tree

EPOCHS = 4  # of each cell
KILLED = "table2/resnet18"  # is trained fifty times as long, so that it can be hit
NOT_HERE = "" if find_spec("submitit") else "submitit is not installed (the extra slurm)"
needs_slurm = pytest.mark.skipif(bool(NOT_HERE or absent()), reason=NOT_HERE or absent())


def nine_rows():
    """Table 2's own rows, one seed each, and a row that comes after one of them."""
    params, rows = small()
    params |= {"seeds": [1], "families": {"mine": {}}}
    params["readings"]["epochs"] = EPOCHS
    rows["table2"] = YAML(typ="safe").load(REPOSITORY / "rows.yaml")["table2"]
    rows["table2"]["resnet18"]["longer"] = 50
    rows["rows"] = {}
    rows["after"] = {"mine/student": VANILLA | {"after": "table2/cnn10"}}
    return params, rows


@pytest.fixture
def tree(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return write_tree(tmp_path, *nine_rows())


def launch(*options, folder=None, slurm=None):
    """`harness launch` for all families; its output, once it has succeeded."""
    env = slurm.environment if slurm else {}
    done = run("harness.cli", "launch", "--family", "all", *options, folder=folder, env=env)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def refusal(*options, folder, **env):
    """The one line of an error."""
    done = run("harness.cli", "launch", *options, folder=folder, env=env)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    return done.stderr


# What needs no Slurm.


def test_a_dry_run_tells_the_levels_and_what_sbatch_would_be_told(tree):
    told = launch("--slurm", "--dry-run", "--sbatch", "gpus_per_node=1", "time=90", folder=tree)
    assert "level 0: 9 cells, table2/resnet18-1 … table2/cnn14-rrtn-ruwl-1" in told
    assert "level 1: 1 cells, mine/student-1" in told
    assert "job_name=toy time=90 cpus_per_task=1 gpus_per_node=1" in told
    assert told.splitlines()[-1] == "10 cells to submit, 0 there already"
    assert not list((tree / "scratch").rglob("*.json"))


def test_what_slurm_could_not_do_is_one_line(tree):
    nowhere = {"PATH": "/nonexistent"}
    assert "squeue is not here" in refusal("--status", folder=tree, **nowhere)
    assert "squeue is not here" in refusal("--slurm", folder=tree, **nowhere)
    dry = ("--slurm", "--dry-run", "--sbatch")
    assert "--sbatch partition: write KEY=VALUE" in refusal(*dry, "partition", folder=tree)
    assert "time is in minutes" in refusal(*dry, "time=1:00:00", folder=tree)
    alone = refusal("--slurm", "--dry-run", "--family", "mine", folder=tree)
    assert "mine/student-1 comes after table2/cnn10-1, which is not finished" in alone


# What needs one.


@pytest.fixture(scope="module")
def slurm():
    folder = Path(tempfile.mkdtemp(prefix="slurm", dir="/tmp"))  # a socket's path has to be short
    node = OneNode(folder)
    try:
        node.begin()
    except AssertionError as error:
        node.end()
        pytest.skip(f"Slurm does not start on this machine: {error}")
    yield node
    node.end()
    shutil.rmtree(folder)


def table(tree, slurm):
    """The lines of --status, and its last one."""
    lines = launch("--status", folder=tree, slurm=slurm).splitlines()
    return lines, lines[-1]


def job_of(tree, label):
    return json.loads((tree / "scratch/toy/slurm/jobs.json").read_text())[label][0]


def bytes_of(tree):
    """Path → bytes of all finished cells."""
    files = [file for file in (tree / "runs").rglob("*") if file.is_file()]
    return {file.relative_to(tree).as_posix(): file.read_bytes() for file in files}


@pytest.mark.slurm
@needs_slurm
def test_slurm_gives_the_bytes_of_a_local_launch_though_a_job_and_the_daemon_are_killed(
    tree, slurm, tmp_path_factory
):
    told = launch("--slurm", "--sbatch", "begin=now+1hour", folder=tree, slurm=slurm)
    assert told.splitlines()[-1] == "10 cells submitted, 0 there already"
    again = launch("--slurm", folder=tree, slurm=slurm)
    assert again.endswith("0 cells submitted, 10 there already\n")

    cell = read_cell(KILLED, 1)
    for job in (job_of(tree, label) for label in (cell.label, "mine/student-1")):
        slurm.tell("scontrol", "update", f"JobId={job.partition('_')[0]}", "StartTime=now")
    until(cell.checkpoint.is_file, what="a first epoch")
    lock = cell.scratch / cell.name / f"{cell.seed}.lock"
    os.kill(int(lock.read_text().split()[0]), signal.SIGKILL)
    job = job_of(tree, cell.label)
    state = ("squeue", "--noheader", "--jobs", job, "--format=%T")
    until(lambda: "PENDING" in slurm.tell(*state), what="a requeue")
    slurm.kill_control()
    slurm.start("slurmctld", "-D")
    until(lambda: slurm.tell("sinfo", "--noheader"), what="the daemon")
    slurm.tell("scontrol", "update", f"JobId={job}", "StartTime=now")  # else in two minutes

    until(lambda: not slurm.tell("squeue", "--noheader"), 900, "all cells")
    _, last = table(tree, slurm)
    assert last.startswith("done 10, running 0, waiting 0, failed 0, not submitted 0; `make repro`")
    log = (tree / f"scratch/toy/slurm/{job}_0_log.out").read_text()
    assert "Killed" in log

    local = write_tree(tmp_path_factory.mktemp("local"), *nine_rows())
    launch(folder=local)
    assert bytes_of(tree) == bytes_of(local)
    assert len(bytes_of(tree)) > 40


@pytest.mark.slurm
@needs_slurm
def test_a_job_trains_only_what_was_submitted_and_the_table_tells_why_it_failed(tree, slurm):
    launch("--slurm", "--sbatch", "begin=now+1hour", folder=tree, slurm=slurm)
    lines, last = table(tree, slurm)
    assert last == "done 0, running 0, waiting 10, failed 0, not submitted 0"
    assert sum(" waiting " in line for line in lines[:-1]) == 10

    params, rows = nine_rows()
    params["train"]["learning_rate"] = 0.002
    write(tree, params, rows)
    assert table(tree, slurm)[1] == "done 0, running 0, waiting 0, failed 0, not submitted 10"
    job = job_of(tree, "table2/cnn10-1")
    log = tree / f"scratch/toy/slurm/{job}_0_log.out"

    def ended():
        slurm.tell("scontrol", "update", f"JobId={job}", "StartTime=now")  # also of another try
        return not slurm.tell("squeue", "--noheader", "--jobs", job)

    until(ended, seconds=300, what="three tries")
    assert log.read_text().count("are others than when it was submitted") == 3
    write(tree, *nine_rows())
    lines, last = table(tree, slurm)
    assert last == "done 0, running 0, waiting 9, failed 1, not submitted 0"
    failed = next(line for line in lines if " failed " in line)
    assert "error: table2/cnn10-1: parameters, features or code are others" in failed
    assert failed.endswith(f"{job}_0_log.out")

    assert launch("--cancel", folder=tree, slurm=slurm).startswith("9 jobs cancelled")
    until(lambda: not slurm.tell("squeue", "--noheader"), what="the end of the jobs")
    assert table(tree, slurm)[1] == "done 0, running 0, waiting 0, failed 10, not submitted 0"
