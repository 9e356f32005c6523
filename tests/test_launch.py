"""harness.launch: the cells that are missing, side by side, with the bytes of the train stage."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from dvc.repo import Repo
from ruamel.yaml import YAML

from harness import launch
from harness.board import Board
from harness.errors import FeaturesError, RunError
from harness.launch import asked_for, missing
from harness.learning.cell import read_cell
from tests.clone import make_ready
from tests.processes import environment, run
from tests.tree import VANILLA, small, write, write_tree

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:dvc")  # of DVC itself

REPOSITORY = Path(__file__).parents[1]
ROW = "table2/cnn10-rrtn-ruwl"
ROWS = ("table2/cnn10", ROW)


@pytest.fixture
def tree(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return write_tree(tmp_path)


@pytest.fixture(scope="module")
def launched(tmp_path_factory):
    """A tree with every cell of every family, two of whose rows are `with_students`' own; and the
    launch of them all."""
    folder = write_tree(tmp_path_factory.mktemp("launched"))
    with_students(folder)
    return folder, run("harness.launch", "--family", "all", "--jobs", "2", folder=folder)


@pytest.fixture
def made(tree, launched):
    """The tree, with these cells: their keys are the same wherever they lie."""
    shutil.copytree(launched[0] / "runs", tree / "runs")
    return tree


@pytest.fixture
def left(made):
    """The same, but for Table 2's cells, which a launch that was broken off left in scratch/."""
    (made / "scratch" / "toy").mkdir(parents=True)
    (made / "runs" / "toy" / "table2").rename(made / "scratch" / "toy" / "table2")
    return made


def files(folder):
    return {f.name: f.read_bytes() for f in folder.iterdir()}


def labels(family="table2"):
    return [cell.label for cell in missing(asked_for(family))]


def test_launched_cells_are_kept_by_the_stage_and_are_the_ones_it_would_make(made):
    assert labels() == []
    cell = read_cell(ROW, 1)
    launched = files(cell.kept)
    kept = run("stages.train", ROW, folder=made)
    assert kept.stdout.startswith(f"{ROW}-1: kept")

    (cell.kept / "record.json").write_text("{}")
    assert labels() == [f"{ROW}-1"]
    again = run("stages.train", ROW, folder=made)
    assert f"{ROW}-1: epoch 2/2" in again.stdout
    assert files(cell.kept) == launched


def test_a_launch_makes_one_family_or_all(made):
    assert labels("all") == []
    shutil.rmtree(made / "runs" / "toy" / "mine")
    shutil.rmtree(made / "runs" / "toy" / ROW)
    table2 = labels()
    assert table2 == [f"{ROW}-{seed}" for seed in (1, 2)]
    assert run("harness.launch", "--family", "mine", folder=made).returncode == 0
    assert labels("all") == table2
    assert run("harness.launch", "--family", "all", folder=made).returncode == 0
    assert labels("all") == []
    wrong = run("harness.launch", "--family", "mime", folder=made)
    assert wrong.returncode == 1
    assert "did you mean 'mine'?" in wrong.stderr
    assert wrong.stderr.count("\n") == 1


def test_a_cell_of_a_launch_that_was_broken_off_is_taken(left):
    cells = [read_cell(row, seed) for row in ROWS for seed in (1, 2)]
    assert labels() == []
    taken = run("stages.train", ROW, folder=left)
    assert taken.returncode == 0
    assert "epoch" not in taken.stdout  # nothing was trained
    assert [cell.is_in(cell.kept) for cell in cells] == [False, False, True, True]
    assert run("harness.launch", folder=left).returncode == 0
    assert all(cell.is_in(cell.kept) for cell in cells)


def test_a_change_that_touches_a_cell_makes_it_missing_again(made):
    params, rows = small()
    params["train"]["learning_rate"] = 0.002
    write(made, params, rows)
    assert len(labels()) == 4
    params, rows = small()
    write(made, params | {"seeds": [2, 1, 3]}, rows)
    assert labels() == [f"{row}-3" for row in ROWS]
    rows["table2"]["cnn10"]["readings"] = {"mask_fill": "mean"}
    write(made, params, rows)
    assert labels() == ["table2/cnn10-1", "table2/cnn10-2"]


def test_seeds_that_are_no_longer_asked_for_are_removed(made):
    params, rows = small()
    write(made, params | {"seeds": [1]}, rows)
    assert run("harness.launch", folder=made).returncode == 0
    assert [f.name for f in read_cell(ROW, 1).kept.parent.iterdir()] == ["1"]


def with_students(tree):
    """Two rows after each other, and these after one of Table 2."""
    params, rows = small()
    rows["after"] = {
        "mine/second": VANILLA | {"after": "mine/first"},
        "mine/first": VANILLA | {"after": "table2/cnn10"},
    }
    write(tree, params, rows)


def test_rows_that_come_after_others_train_when_these_are_finished(launched, monkeypatch):
    folder, done = launched
    monkeypatch.chdir(folder)
    assert done.returncode == 0, done.stderr
    assert labels("all") == []
    told = [line.partition(":")[0] for line in done.stdout.splitlines() if "epoch 2/2" in line]
    assert told[-2:] == ["mine/first-1", "mine/second-1"]
    before = [read_cell(f"mine/{name}", 1).before for name in ("first", "second")]
    assert all(cell.is_in(cell.kept) for cell in before)


def test_a_row_that_comes_after_a_missing_one_is_refused_with_the_command(made):
    with_students(made)
    for row in ("mine/first", "mine/resnet18", "table2/cnn10"):
        shutil.rmtree(made / "runs" / "toy" / row)
    done = run("harness.launch", "--family", "mine", folder=made)
    assert done.returncode == 1
    assert done.stderr == (
        "error: mine/first-1 comes after table2/cnn10-1, which is not finished; run "
        "`python -m harness.launch --family table2` first\n"
    )
    assert "mine/resnet18-1" in labels("mine")  # which could have been trained, was not


@pytest.mark.parametrize("name", ["train.npy", "train.csv", "dev.npy", "dev.csv"])
def test_a_launch_without_features_names_the_file_and_starts_no_worker(tree, monkeypatch, name):
    (tree / "features" / "toy" / name).unlink()
    monkeypatch.setattr(launch, "side_by_side", lambda *arguments: pytest.fail("it trains"))
    with pytest.raises(
        FeaturesError, match=rf"^features/toy/{name} is missing; run `dvc repro features`$"
    ):
        launch.launch("table2", 2)


def test_a_fault_in_a_worker_is_one_line(tree):
    params, rows = small()
    rows["table2"]["cnn10"]["encoder"] = "cnn11"
    write(tree, params, rows)
    done = run("harness.launch", folder=tree)
    assert done.returncode == 1
    assert done.stderr.startswith("error: rows.yaml: table2/cnn10: encoder 'cnn11' is not there")
    assert done.stderr.count("\n") == 1


def test_cells_of_parameters_that_were_edited_meanwhile_are_not_recorded(left, monkeypatch):
    train = launch.side_by_side
    params, rows = small()
    params["train"]["learning_rate"] = 0.002

    def edited_meanwhile(*arguments):
        failed = train(*arguments)
        write(left, params, rows)
        return failed

    monkeypatch.setattr(launch, "side_by_side", edited_meanwhile)
    monkeypatch.setattr(sys, "argv", ["harness.launch"])
    with pytest.raises(RunError, match=r"4 cells \(table2/cnn10-1 first\) are others now; run it"):
        launch.main()
    assert not (left / "runs" / "toy" / "table2").exists()
    write(left, *small())
    assert labels() == []  # and nothing was lost


def stage(key):
    """A train stage as the repository's, which only has to be valid."""
    return {
        "cmd": f"echo {key}",
        "params": ["seeds"],
        "outs": [{f"runs/toy/{key}": {"persist": True}}],
    }


@pytest.fixture
def pipeline(left):
    """A DVC repository in which a launch can record cells that one before it left."""
    tree = left
    subprocess.run(["git", "init", "--quiet"], cwd=tree, check=True)
    assert run("dvc", "init", "--quiet", folder=tree).returncode == 0
    table2 = {"train": {"foreach": ["cnn10", "cnn10-rrtn-ruwl"], "do": stage("table2/${item}")}}
    others = {
        "train": {"foreach": ["mine/resnet18", "other/row"], "do": stage("${item}")},
        "train-after": {"foreach": ["mine/first", "mine/second"], "do": stage("${item}")},
    }
    for each in others.values():
        each["do"]["wdir"] = ".."
    (tree / "families").mkdir()
    for file, stages in (("dvc.yaml", table2), ("families/dvc.yaml", others)):
        YAML().dump({"stages": stages}, tree / file)
    return tree


def locked(file):
    return set(YAML(typ="safe").load(file)["stages"]) if file.exists() else set()


def test_dvc_records_the_rows_that_were_launched_and_no_others(pipeline):
    with_students(pipeline)
    (pipeline / "runs" / "toy" / "mine").rename(pipeline / "scratch" / "toy" / "mine")
    lock = pipeline / "families" / "dvc.lock"
    done = run("harness.launch", folder=pipeline)
    assert done.returncode == 0, done.stderr
    assert locked(pipeline / "dvc.lock") == {"train@cnn10", "train@cnn10-rrtn-ruwl"}
    assert locked(lock) == set()
    done = run("harness.launch", "--family", "mine", folder=pipeline)
    assert done.returncode == 0, done.stderr
    after = {"train-after@mine/first", "train-after@mine/second"}
    assert locked(lock) == {"train@mine/resnet18", *after}


def test_dvcs_own_words_are_told_when_another_dvc_is_at_work(pipeline):
    with Repo(str(pipeline)) as repo, repo.lock:
        done = run("harness.launch", folder=pipeline)
    assert done.returncode == 1
    assert "`dvc commit dvc.yaml:train@cnn10` failed: ERROR: " in done.stderr
    assert "acquire lock" in done.stderr
    assert "`dvc repro` records them without training" in done.stderr
    assert done.stderr.count("\n") == 1
    assert labels() == []  # the cells are kept


def test_dvcs_own_words_are_told_when_it_cannot_read_its_files(pipeline):
    text = (pipeline / "dvc.yaml").read_text()
    (pipeline / "dvc.yaml").write_text(text + "  : nonsense\n- 1\n")
    done = run("harness.launch", folder=pipeline)
    assert done.returncode == 1
    assert "dvc.yaml' is invalid" in done.stderr.partition("failed: ")[2]


def test_make_repro_tells_dvcs_own_words(pipeline):
    """The environment is this one's; what fails is the first call of DVC."""
    shutil.copy(REPOSITORY / "Makefile", pipeline)
    make_ready(pipeline)
    with Repo(str(pipeline)) as repo, repo.lock:
        done = subprocess.run(
            ["make", "repro"],
            cwd=pipeline,
            env=environment(),
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 2
    assert "acquire lock" in done.stderr


def gpu_of_one_of(count, folder):
    """In a worker: which GPU it sees, as soon as `count` workers are at it."""
    (folder / str(os.getpid())).touch()
    while len(list(folder.iterdir())) < count:
        time.sleep(0.01)
    return os.environ.get("CUDA_VISIBLE_DEVICES")


def seen(jobs, folder):
    folder.mkdir()
    with Board({}, jobs) as board, launch.pool_of(jobs, "fast", board.told) as pool:
        return sorted(pool.map(gpu_of_one_of, [jobs] * jobs, [folder] * jobs), key=str)


def test_every_worker_has_a_gpu_of_its_own_as_long_as_there_are_enough(tmp_path, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,GPU-5")
    assert seen(2, tmp_path / "enough") == ["3", "GPU-5"]
    assert seen(3, tmp_path / "shared") == ["3", "3", "GPU-5"]


def test_without_a_choice_workers_share_out_what_the_driver_lists(tmp_path, monkeypatch):
    driver = tmp_path / "bin" / "nvidia-smi"
    driver.parent.mkdir()
    driver.write_text(
        "#!/bin/sh\nprintf 'GPU 0: one (UUID: a)\\n  MIG\\nGPU 1: one (UUID: b)\\n'\n"
    )
    driver.chmod(0o755)
    monkeypatch.setenv("PATH", str(driver.parent), prepend=os.pathsep)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert seen(2, tmp_path / "two") == ["0", "1"]
    driver.unlink()
    if not shutil.which("nvidia-smi"):
        assert seen(2, tmp_path / "none") == [None, None]
