"""Launches and stages beside each other, killed, and on machines that lack something: for real."""

import errno
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
import soundfile
import torch

from harness.errors import HarnessError
from harness.stage import run as run_stage
from tests.checkpoints import told
from tests.processes import REPOSITORY, environment, run
from tests.tree import write_cells

ROW = "table2/cnn10-rrtn-ruwl"
CELL = [ROW, "--seed", "3"]
LONG, SHORT = 400, 2  # epochs


def start(module, *arguments, folder):
    command = [sys.executable, "-m", module, *arguments]
    pipes = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(
        command, cwd=folder, env=environment(), preexec_fn=heed_interrupts, **pipes
    )


def heed_interrupts():
    """As in a terminal, though a shell that runs the tests in the background ignores them."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def until(condition, process):
    while not (found := condition()):
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    return found


def workers_of(process):
    """Process ids of its children, and of theirs."""
    with open(f"/proc/{process.pid}/task/{process.pid}/children") as file:
        return [int(pid) for pid in file.read().split()]


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.fixture
def launched(tmp_path):
    """A launch that has one cell at work, in a tree of its own."""
    write_cells(tmp_path, LONG)
    with start("harness.launch", "--jobs", "1", folder=tmp_path) as process:
        checkpoint = tmp_path / "scratch" / "toy" / ROW / "1.safetensors"
        until(checkpoint.is_file, process)
        yield tmp_path, process
        process.kill()


def test_a_second_launch_says_who_is_at_work_and_the_first_goes_on(launched):
    tree, first = launched
    second = run("harness.launch", "--jobs", "1", folder=tree)
    assert second.returncode == 1
    assert re.fullmatch(
        rf"error: a launch of profile toy is under way .*{first.pid} on {socket.gethostname()}.*\n",
        second.stderr,
    )
    assert first.poll() is None


def test_a_stage_beside_a_launch_says_who_is_at_the_cell(launched):
    tree, first = launched
    stage = run("stages.train", ROW, "--seed", "1", folder=tree)
    assert stage.returncode == 1
    (pid,) = re.findall(rf"cell {ROW}-1 is under way .*\((\d+) on ", stage.stderr)
    assert int(pid) in workers_of(first)
    assert stage.stderr.count("\n") == 1
    assert first.poll() is None


def test_a_cell_beside_a_launch_comes_out_as_alone(tmp_path):
    """Whoever is first trains it, and the other leaves it whole."""
    for name in ("beside", "alone"):
        write_cells(tmp_path / name, SHORT)
    together = [
        start("harness.launch", folder=tmp_path / "beside"),
        start("stages.train", ROW, "--seed", "2", folder=tmp_path / "beside"),
    ]
    for process in together:
        _, said = process.communicate()
        assert process.returncode == 0 or "is under way" in said, said
    assert run("harness.launch", folder=tmp_path / "beside").returncode == 0
    assert run("harness.launch", folder=tmp_path / "alone").returncode == 0
    for seed in (1, 2):
        one, other = (
            tmp_path / name / "runs" / "toy" / ROW / str(seed) / "predictions.npz"
            for name in ("beside", "alone")
        )
        assert one.read_bytes() == other.read_bytes()


@pytest.mark.parametrize("sign", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_killed_launch_leaves_no_worker_and_a_new_one_goes_on(launched, sign):
    tree, process = launched
    workers = workers_of(process)
    assert workers
    process.send_signal(sign)
    process.wait(60)
    deadline = time.monotonic() + 60
    while any(map(alive, workers)) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not any(map(alive, workers))

    checkpoint = tree / "scratch" / "toy" / ROW / "1.safetensors"
    seconds = told(checkpoint)["seconds"]
    with start("harness.launch", "--jobs", "1", folder=tree) as again:
        until(lambda: len(told(checkpoint)["seconds"]) > len(seconds), again)
        again.kill()
    assert told(checkpoint)["seconds"][: len(seconds)] == seconds


POOLS = {
    "simulation": ("harness.cli", "simulate", "--draws", "400", "--speakers", "568", "--jobs", "2"),
    "synthetic corpus": ("stages.download",),
    "features": ("stages.features",),
}


def write_long_corpus(folder):
    """Two sounds of a minute under a thousand names, of profile synthetic."""
    for name in ("a.wav", "b.wav"):
        soundfile.write(folder / name, np.full(60 * 16000, 0.1), 16000)
    both = {"path": ["a.wav", "b.wav"], "split": ["train", "dev"], "sha256": "", "Awe": 0.5}
    clips = pd.DataFrame(both | {"speaker": ["a", "b"], "country": ""})
    clips = pd.concat([clips] * 1000).assign(clip=[f"{number:04d}" for number in range(2000)])
    data = folder / "data" / "synthetic"
    data.mkdir(parents=True)
    clips.to_csv(data / "clips.csv", index=False)
    (data / "corpus.json").write_text('{"root": "../..", "targets": ["Awe"]}', encoding="utf-8")


@pytest.mark.parametrize("pool", POOLS)
def test_no_pool_outlives_its_parent(tmp_path, pool):
    shutil.copy(REPOSITORY / "params.yaml", tmp_path)
    if pool == "features":
        write_long_corpus(tmp_path)
    with start(*POOLS[pool], folder=tmp_path) as process:
        workers = until(lambda: set(workers_of(process)), process)
        while len(workers) < 2:  # a pool of two, whatever else it has started
            workers |= until(lambda: set(workers_of(process)), process)
        time.sleep(0.5)
        assert process.poll() is None
        process.kill()
    deadline = time.monotonic() + 60
    while any(map(alive, workers)) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not any(map(alive, workers))


@pytest.mark.parametrize("jobs", ["0", "-1", "two", "100000"])
def test_jobs_are_bounded(tmp_path, jobs):
    write_cells(tmp_path, SHORT)
    done = run("harness.launch", "--jobs", jobs, folder=tmp_path)
    assert done.returncode == 2
    assert f"argument --jobs: {jobs}" in done.stderr or "is no whole number" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_cell_says_nothing_of_a_slurm_that_it_does_not_use(tmp_path):
    write_cells(tmp_path, SHORT)
    (tmp_path / "srun").touch(mode=0o755)
    done = run(
        "stages.train", *CELL, folder=tmp_path, env={"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    )
    assert (done.returncode, done.stderr) == (0, "")


# What the machine lacks


@pytest.fixture
def mounted(tmp_path):
    """Mounts a small disk of memory; skips where this user may not."""
    folders = []

    def mount(folder, size):
        folder.mkdir(parents=True, exist_ok=True)
        command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
        if subprocess.run(command, capture_output=True, check=False).returncode:
            pytest.skip("this user may mount no tmpfs")
        folders.append(folder)
        return folder

    yield mount
    for folder in folders:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def assert_one_line(done, *words):
    assert done.returncode == 1, done.stderr
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert [word for word in words if word not in done.stderr] == []


@pytest.mark.parametrize("module", ["stages.train", "harness.launch"])
def test_a_full_disk_is_named_and_what_is_finished_is_kept(tmp_path, mounted, module):
    write_cells(tmp_path, SHORT)
    assert run("stages.train", ROW, "--seed", "2", folder=tmp_path).returncode == 0
    scratch = tmp_path / "scratch"
    mounted(scratch, "60k")  # a checkpoint takes more
    arguments = [ROW, "--seed", "1"] if module == "stages.train" else []
    done = run(module, *arguments, folder=tmp_path)
    assert_one_line(done, "scratch", os.strerror(errno.ENOSPC), "make room")
    assert (tmp_path / "runs" / "toy" / ROW / "2" / "record.json").is_file()
    assert not list(scratch.rglob("*.part"))

    subprocess.run(["mount", "-o", "remount,size=100m", str(scratch)], check=True)
    assert run(module, *arguments, folder=tmp_path).returncode == 0
    assert (tmp_path / "runs" / "toy" / ROW / "1" / "record.json").is_file()


def test_a_disk_that_may_only_be_read_is_named(tmp_path, mounted):
    write_cells(tmp_path, SHORT)
    scratch = mounted(tmp_path / "scratch", "1m")
    subprocess.run(["mount", "-o", "remount,ro", str(scratch)], check=True)
    for module, *arguments in (("stages.train", *CELL), ("harness.launch",)):
        assert_one_line(
            run(module, *arguments, folder=tmp_path), "scratch", os.strerror(errno.EROFS)
        )


def test_cells_are_taken_to_another_disk(tmp_path, mounted):
    write_cells(tmp_path, SHORT)
    mounted(tmp_path / "runs", "10m")
    assert run("stages.train", *CELL, folder=tmp_path).returncode == 0
    assert (tmp_path / "runs" / "toy" / ROW / "3" / "record.json").is_file()
    assert not (tmp_path / "scratch" / "toy" / ROW / "3").exists()


@pytest.mark.parametrize("module", ["stages.train", "harness.launch"])
def test_a_limit_on_files_is_named(tmp_path, module):
    write_cells(tmp_path, SHORT)
    arguments = CELL if module == "stages.train" else []
    small = (30_000, 30_000)
    limit = {"preexec_fn": lambda: resource.setrlimit(resource.RLIMIT_FSIZE, small)}
    done = run(module, *arguments, folder=tmp_path, **limit)
    assert_one_line(done, "scratch", os.strerror(errno.EFBIG), "ulimit -f")


@pytest.mark.parametrize("module", ["stages.train", "harness.launch"])
def test_a_limit_on_memory_is_named(tmp_path, module):
    write_cells(tmp_path, SHORT)
    arguments = CELL if module == "stages.train" else []
    little = (1 << 30, 1 << 30)
    limit = {"preexec_fn": lambda: resource.setrlimit(resource.RLIMIT_AS, little)}
    done = run(module, *arguments, folder=tmp_path, **limit)
    assert_one_line(done, "there is not enough memory", "ulimit -v")


def full_disk():
    with open("/dev/full", "wb") as file:
        np.save(file, np.zeros(100_000))


def full_array():
    with open("/dev/full", "wb") as file:
        np.zeros(100_000).tofile(file)


def full_stream():
    with open("/dev/full", "w") as file:
        file.write("a" * 100_000)


def open_files():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))
    files = []
    try:
        while True:
            files.append(open(REPOSITORY / "README.md"))  # noqa: SIM115
    finally:
        for file in files:
            file.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize(
    ("lack", "resource_named", "remedy"),
    [
        (full_disk, os.strerror(errno.ENOSPC), "make room"),
        (full_array, "disk is full", "make room"),
        (full_stream, os.strerror(errno.ENOSPC), "make room"),
        (open_files, os.strerror(errno.EMFILE), "ulimit -n"),
        (lambda: bytearray(1 << 60), "not enough memory", "JOBS=1"),
        (lambda: np.empty(1 << 55), "not enough memory", "train.batch"),
        (lambda: torch.empty(1 << 50), "not enough memory", "train.batch"),
    ],
    ids=[
        "numpy's disk",
        "numpy's stream",
        "disk",
        "files",
        "memory",
        "numpy's memory",
        "torch's memory",
    ],
)
def test_whatever_lacks_is_one_line_with_a_remedy(lack, resource_named, remedy):
    with pytest.raises(SystemExit) as ended:
        run_stage(lack)
    line = str(ended.value)
    assert line.startswith("error: ")
    assert "\n" not in line
    assert resource_named in line
    assert remedy in line


def test_a_fault_of_the_harness_keeps_its_traceback():
    with pytest.raises(ZeroDivisionError):
        run_stage(lambda: 1 / 0)
    with pytest.raises(SystemExit, match=r"^error: a b$"):
        run_stage(lambda: (_ for _ in ()).throw(HarnessError("a\nb")))
