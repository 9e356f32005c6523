"""harness.launch: the cells that are missing, side by side, with the bytes of the train stage."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from dvc.repo import Repo

from harness import launch
from harness.errors import RunError
from harness.launch import missing, wanted
from tests.learning.test_training import PARAMS, write_tree

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:dvc")  # of DVC itself

REPOSITORY = Path(__file__).parents[1]
ROW = "cnn10-rrtn-ruwl"


def run(module, *arguments, folder):
    command = [sys.executable, "-m", module, *arguments]
    env = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)


@pytest.fixture
def tree(tmp_path, monkeypatch):
    write_tree(tmp_path, PARAMS.replace("epochs: 20", "epochs: 2"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def files(folder):
    return {f.name: f.read_bytes() for f in folder.iterdir()}


def test_launched_cells_are_kept_by_the_stage_and_are_the_ones_it_would_make(tree):
    assert [cell.name for cell in missing(wanted("table"))] == [f"{ROW}-1", f"{ROW}-2"]
    assert run("harness.launch", "--jobs", "2", folder=tree).returncode == 0
    assert missing(wanted("table")) == []
    launched = files(tree / "runs" / "toy" / f"{ROW}-1")
    kept = run("stages.train", "--row", ROW, "--seed", "1", folder=tree)
    assert kept.stdout.startswith(f"{ROW}-1: kept")

    (tree / "runs" / "toy" / f"{ROW}-1" / "record.json").write_text("{}")
    assert [cell.name for cell in missing(wanted("table"))] == [f"{ROW}-1"]
    made = run("stages.train", "--row", ROW, "--seed", "1", folder=tree)
    assert "epoch 2/2" in made.stdout
    assert files(tree / "runs" / "toy" / f"{ROW}-1") == launched


def test_a_cell_of_a_launch_that_was_broken_off_is_taken(tree):
    assert run("harness.launch", folder=tree).returncode == 0
    (tree / "scratch" / "toy").mkdir(parents=True, exist_ok=True)
    (tree / "runs" / "toy" / f"{ROW}-1").rename(tree / "scratch" / "toy" / f"{ROW}-1")
    assert missing(wanted("table")) == []
    taken = run("stages.train", "--row", ROW, "--seed", "1", folder=tree)
    assert (taken.returncode, taken.stdout) == (0, "")  # nothing was trained
    assert (tree / "runs" / "toy" / f"{ROW}-1" / "record.json").is_file()

    (tree / "runs" / "toy" / f"{ROW}-2").rename(tree / "scratch" / "toy" / f"{ROW}-2")
    assert run("harness.launch", folder=tree).returncode == 0
    assert (tree / "runs" / "toy" / f"{ROW}-2" / "record.json").is_file()


def test_a_change_that_touches_a_cell_makes_it_missing_again(tree):
    assert run("harness.launch", folder=tree).returncode == 0
    text = (tree / "params.yaml").read_text()
    (tree / "params.yaml").write_text(text.replace("learning_rate: 0.001", "learning_rate: 0.002"))
    assert len(missing(wanted("table"))) == 2
    (tree / "params.yaml").write_text(text.replace("seeds: [1, 2]", "seeds: [2, 1, 3]"))
    assert [cell.seed for cell in missing(wanted("table"))] == [3]


def test_a_fault_in_a_worker_is_one_line(tree):
    text = (tree / "params.yaml").read_text()
    (tree / "params.yaml").write_text(text.replace("encoder: cnn10", "encoder: cnn11"))
    done = run("harness.launch", folder=tree)
    assert done.returncode == 1
    assert done.stderr.startswith("error: params.yaml: rows.cnn10-rrtn-ruwl: no encoder 'cnn11'")
    assert done.stderr.count("\n") == 1


def test_cells_of_parameters_that_were_edited_meanwhile_are_not_recorded(tree, monkeypatch):
    params, train = tree / "params.yaml", launch.side_by_side
    before = params.read_text()

    def edited_meanwhile(cells, jobs):
        train(cells, jobs)
        params.write_text(before.replace("learning_rate: 0.001", "learning_rate: 0.002"))

    monkeypatch.setattr(launch, "side_by_side", edited_meanwhile)
    monkeypatch.setattr(sys, "argv", ["harness.launch"])
    with pytest.raises(RunError, match=rf"2 cells \({ROW}-1 first\) are others now; run it again"):
        launch.main()
    assert not (tree / "runs").exists()
    params.write_text(before)
    assert missing(wanted("table")) == []  # and nothing was lost


DVC = f"""\
stages:
  train:
    matrix:
      row: [{ROW}]
      seed: [1, 2]
    cmd: echo ${{item.row}} ${{item.seed}}
    outs:
      - runs/toy/${{item.row}}-${{item.seed}}:
          persist: true
"""


@pytest.fixture
def pipeline(tree):
    """The tree as a DVC repository, one in which a launch can record its cells."""
    subprocess.run(["git", "init", "--quiet"], cwd=tree, check=True)
    assert run("dvc", "init", "--quiet", folder=tree).returncode == 0
    (tree / "dvc.yaml").write_text(DVC)
    return tree


def test_dvcs_own_words_are_told_when_another_dvc_is_at_work(pipeline):
    with Repo(str(pipeline)) as repo, repo.lock:
        done = run("harness.launch", folder=pipeline)
    assert done.returncode == 1
    assert "`dvc commit dvc.yaml:train` failed: ERROR: " in done.stderr
    assert "acquire lock" in done.stderr
    assert "`dvc repro` records them without training" in done.stderr
    assert done.stderr.count("\n") == 1
    assert missing(wanted("table")) == []  # the cells are kept


def test_dvcs_own_words_are_told_when_it_cannot_read_its_files(pipeline):
    (pipeline / "dvc.yaml").write_text(DVC + "  : nonsense\n- 1\n")
    done = run("harness.launch", folder=pipeline)
    assert done.returncode == 1
    assert "dvc.yaml' is invalid" in done.stderr.partition("failed: ")[2]


def test_make_repro_tells_dvcs_own_words(pipeline):
    """The environment is this one's; what fails is the first call of DVC."""
    shutil.copy(REPOSITORY / "Makefile", pipeline)
    (pipeline / ".venv").mkdir()
    (pipeline / ".venv" / "bin").symlink_to(Path(sys.executable).parent)
    (pipeline / "requirements.lock").touch()
    (pipeline / ".venv" / "ready").touch()
    env = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    with Repo(str(pipeline)) as repo, repo.lock:
        done = subprocess.run(
            ["make", "repro"], cwd=pipeline, env=env, capture_output=True, text=True, check=False
        )
    assert done.returncode == 2
    assert "acquire lock" in done.stderr
