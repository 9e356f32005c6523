"""stages.train: a row with all its seeds, each cell kept as soon as it is finished."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from harness.errors import ParamsError, RunError
from harness.learning import outputs
from harness.learning.cell import read_cell
from stages.train import main
from tests.checkpoints import told
from tests.processes import environment
from tests.tree import VANILLA, small, write, write_tree

ROW = "table2/cnn10-rrtn-ruwl"
CELL = {"predictions.npz", "history.csv", "weights.csv", "metrics.json", "record.json"}


@pytest.fixture
def tree(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return write_tree(tmp_path)


def seeds(tree, row=ROW):
    return sorted(folder.name for folder in (tree / "runs" / "toy" / row).glob("*"))


def files(folder):
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_all_seeds_of_the_row_are_made_once(tree, capsys):
    main([ROW])
    assert seeds(tree) == ["1", "2"]
    made = [files(read_cell(ROW, seed).kept) for seed in (1, 2)]
    assert set(made[0]) == CELL
    assert made[0]["predictions.npz"] != made[1]["predictions.npz"]
    capsys.readouterr()
    main([ROW])
    assert capsys.readouterr().out == "".join(
        f"{ROW}-{seed}: kept; nothing that it depends on has changed\n" for seed in (1, 2)
    )
    assert [files(read_cell(ROW, seed).kept) for seed in (1, 2)] == made


def test_a_row_of_a_family_has_the_familys_seeds(tree):
    main(["mine/resnet18"])
    assert seeds(tree, "mine/resnet18") == ["1"]


def test_one_more_seed_trains_itself_and_one_less_is_removed(tree, capsys):
    main([ROW])
    first = files(read_cell(ROW, 2).kept)
    params, rows = small()
    write(tree, params | {"seeds": [2, 3], "families": {"mine": {}}}, rows)
    (tree / "runs" / "toy" / ROW / "notes").mkdir()
    capsys.readouterr()
    main([ROW])
    said = capsys.readouterr().out
    assert f"{ROW}-2: kept" in said
    assert f"{ROW}-3: epoch 2/2" in said
    assert f"runs/toy/{ROW}/1: removed; no such seed is asked for" in said
    assert seeds(tree) == ["2", "3", "notes"]
    assert files(read_cell(ROW, 2).kept) == first


def test_one_seed_alone_leaves_the_others(tree):
    main([ROW, "--seed", "1"])
    main([ROW, "--seed", "9"])
    assert seeds(tree) == ["1", "9"]


def test_a_finished_cell_is_kept_though_the_next_one_fails(tree, monkeypatch):
    finish = outputs.finish

    def first_alone(cell):
        if cell.seed == 2:
            raise RunError("no more")
        finish(cell)

    monkeypatch.setattr(outputs, "finish", first_alone)
    with pytest.raises(RunError, match="no more"):
        main([ROW])
    assert read_cell(ROW, 1).is_in(read_cell(ROW, 1).kept)
    assert seeds(tree) == ["1"]


def test_a_cell_that_a_launch_left_is_taken(tree, capsys):
    main([ROW])
    cell = read_cell(ROW, 1)
    made = files(cell.kept)
    cell.kept.rename(cell.staged)
    capsys.readouterr()
    main([ROW])
    assert "epoch" not in capsys.readouterr().out
    assert files(cell.kept) == made
    assert not cell.staged.exists()


def test_why_tells_what_changed_and_trains_nothing(tree, capsys):
    main([ROW, "--seed", "1"])
    params, rows = small()
    params["train"]["epsilon"] = 1e-7
    params["readings"]["mask_fill"] = "mean"
    write(tree, params, rows)
    record = (read_cell(ROW, 1).kept / "record.json").read_bytes()
    capsys.readouterr()
    main([ROW, "--why"])
    assert capsys.readouterr().out == (
        f"{ROW}-1: changed: train, readings\n{ROW}-2: not trained yet\n"
    )
    assert (read_cell(ROW, 1).kept / "record.json").read_bytes() == record
    write(tree, *small())
    main([ROW, "--why", "--seed", "1"])
    assert capsys.readouterr().out == f"{ROW}-1: nothing that it depends on has changed\n"


def test_a_row_that_comes_after_another_waits_for_it(tree):
    params, rows = small()
    rows["after"]["mine/student"] = VANILLA | {"after": "table2/cnn10"}
    write(tree, params, rows)
    with pytest.raises(
        RunError, match=r"mine/student-1 comes after table2/cnn10-1, .* stages.train table2/cnn10"
    ):
        main(["mine/student"])
    main(["table2/cnn10"])
    main(["mine/student"])
    parts = json.loads((tree / "runs/toy/mine/student/1/record.json").read_text())["key_parts"]
    assert "before" in parts


@pytest.mark.parametrize("row", ["table2/cnn11", "mime/resnet18", "cnn10"])
def test_a_row_that_does_not_exist_is_one_line(tree, row):
    with pytest.raises(ParamsError, match="did you mean"):
        main([row])


def test_taking_and_telling_do_not_wait_for_torch(tree):
    main([ROW])
    script = "import sys; from stages.train import main; main(sys.argv[1:]); print(*sys.modules)"
    for arguments in ([ROW], [ROW, "--why"]):
        done = subprocess.run(
            [sys.executable, "-c", script, *arguments],
            cwd=tree,
            env=environment(),
            capture_output=True,
            text=True,
            check=True,
        )
        assert {"torch", "numpy"}.isdisjoint(done.stdout.split())


def test_a_stage_killed_by_the_system_goes_on_where_it_was(tmp_path, monkeypatch):
    params, rows = small()
    params["readings"]["epochs"] = 12
    for name in ("killed", "whole"):
        (tmp_path / name).mkdir()
        write_tree(tmp_path / name, params, rows)
    scratch = tmp_path / "killed" / "scratch" / "toy" / ROW
    command = [sys.executable, "-m", "stages.train", ROW, "--seed", "3"]
    with subprocess.Popen(
        command, cwd=tmp_path / "killed", env=environment(), stdout=subprocess.DEVNULL
    ) as process:
        while not (scratch / "3.safetensors").exists() and process.poll() is None:
            time.sleep(0.005)
        os.kill(process.pid, signal.SIGKILL)
    done = told(scratch / "3.safetensors")["seconds"]
    assert 0 < len(done) < 12
    for name in ("killed", "whole"):
        monkeypatch.chdir(tmp_path / name)
        main([ROW, "--seed", "3"])
    kept = [tmp_path / name / "runs" / "toy" / ROW / "3" for name in ("killed", "whole")]
    assert files(kept[0]) == files(kept[1])
    seconds = json.loads((scratch / "3.json").read_text())["epoch_seconds"]
    assert seconds[: len(done)] == done  # these epochs were not trained again
    assert not list(scratch.glob("3.[sb]*"))  # neither checkpoint is left
