"""Display never kills results: letters that an encoding lacks, closed streams, full disks."""

import io
import json
import shutil
import sys
from pathlib import Path

import pytest

from harness import display
from tests import fabricated
from tests.processes import ENCODINGS, REPOSITORY, SINKS, run, status_into
from tests.tree import write_cells

ROW = "table2/cnn10-rrtn-ruwl"
CELL = [ROW, "--seed", "3"]
COMMANDS = {"stages.train": CELL, "harness.launch": ["--jobs", "1"]}
MADE = {"stages.train": "3", "harness.launch": "1"}


@pytest.fixture
def tree(tmp_path):
    write_cells(tmp_path, epochs=1, seeds=[1])
    return tmp_path


def made(tree, module):
    folder = tree / "runs" / "toy" / ROW / MADE[module]
    return bool(json.loads((folder / "record.json").read_text())["key"])


@pytest.mark.parametrize(
    ("module", "encoding"),
    [*(("stages.train", encoding) for encoding in ENCODINGS), ("harness.launch", ENCODINGS[0])],
)
def test_a_cell_is_kept_whatever_letters_its_terminal_has(tree, module, encoding):
    done = run(module, *COMMANDS[module], folder=tree, env={"PYTHONIOENCODING": encoding})
    assert (done.returncode, done.stderr) == (0, "")
    assert "dev C " in done.stdout
    assert made(tree, module)


@pytest.mark.parametrize("sink", SINKS)
@pytest.mark.parametrize("module", COMMANDS)
def test_a_cell_is_kept_though_nobody_can_be_shown_anything(tree, module, sink):
    assert status_into(sink, module, *COMMANDS[module], folder=tree) == 0
    assert made(tree, module)


@pytest.mark.parametrize("sink", SINKS)
def test_a_fault_keeps_its_status_though_nobody_can_be_shown_it(tree, sink):
    text = (tree / "params.yaml").read_text()
    (tree / "params.yaml").write_text(text.replace("batch: 8", "batch: -8"))
    assert status_into(sink, "stages.train", *CELL, folder=tree) == 1
    assert status_into(sink, "harness.launch", "--jobs", "0", folder=tree) == 2


@pytest.fixture
def collected(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copy(REPOSITORY / "paper.yaml", tmp_path)
    fabricated.write_tree({"cnn10": 0.4, "cnn10-rrtn": 0.42}, (1, 2, 3))
    for stage in ("collect", "statistics"):
        assert run(f"stages.{stage}", "table2").returncode == 0
    return tmp_path


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_the_table_is_shown_in_the_letters_that_there_are(collected, encoding):
    done = run("stages.table", "table2", env={"PYTHONIOENCODING": encoding}, text=False)
    assert (done.returncode, done.stderr) == (0, b"")
    shown = done.stdout.decode(encoding)
    assert "cnn10-rrtn" in shown
    assert "C ± sd" in shown or "C +- sd" in shown
    assert "Ĉ" in Path("results/toy/table2.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("sink", SINKS)
def test_the_table_is_written_though_nobody_can_be_shown_it(collected, sink):
    assert status_into(sink, "stages.table", "table2") == 0
    assert Path("results/toy/table2.tex").is_file()


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_help_has_letters_that_every_encoding_has(encoding):
    done = run("harness.cli", "--help", env={"PYTHONIOENCODING": encoding}, text=False)
    assert done.returncode == 0
    assert "params, C and verdicts" in " ".join(done.stdout.decode(encoding).split())


def test_a_stream_of_another_is_left_alone(monkeypatch):
    other = io.StringIO()
    monkeypatch.setattr(sys, "stdout", other)
    display.forgive()
    assert sys.stdout is other
