"""The lines of a launch: on a terminal of any width, without one, and what they say."""

import os
import pty
import re
import sys
from pathlib import Path

import pytest

from harness.board import Board, Planned, Told, duration, tell
from tests.processes import environment, run
from tests.tree import write_tree

WIDTHS = [20, 40, 80, 200]
PLANNED = {"table2/cnn10-1": Planned(8, "cnn10"), "table2/cnn14-1": Planned(8, "cnn14")}
TEXT = "dev Ĉ 0.312  losses 0.5 0.6 0.01  weights 1 1 0.001"


@pytest.fixture
def board(capsys):
    return Board(PLANNED, 2)


def test_the_time_left_is_that_of_the_epochs_to_come(board):
    assert board.left() is None
    for at, epoch in ((0, 0), (3, 1), (5, 2)):
        board.hear(Told("table2/cnn10-1", epoch, 8, ""), float(at))
    assert board.left() == pytest.approx((6 * 2.5 + 8 * 2.5) / 2)  # cnn14 as if it were cnn10
    board.hear(Told("table2/cnn14-1", 0, 8, ""), 5.0)
    board.hear(Told("table2/cnn14-1", 1, 8, ""), 15.0)
    assert board.left() == pytest.approx((6 * 2.5 + 7 * 10) / 2)
    board.finish("table2/cnn10-1")
    assert board.left() == pytest.approx(7 * 10)  # one cell, so one job


def test_a_cell_that_goes_on_from_its_fifth_epoch_counts_one(board):
    board.hear(Told("table2/cnn10-1", 0, 8, ""), 0.0)
    board.hear(Told("table2/cnn10-1", 5, 8, ""), 2.0)
    assert board.left() == pytest.approx((3 * 2 + 8 * 2) / 2)


def test_a_cell_that_failed_is_at_work_no_more_and_takes_no_time(board):
    for at, epoch in ((0, 0), (2, 1)):
        for name in PLANNED:
            board.hear(Told(name, epoch, 8, ""), float(at))
    board.drop("table2/cnn10-1")
    assert board.left() == pytest.approx(7 * 2)
    whole, *others = board.lines(80)
    assert "0 of 2 cells done, 1 failed, about 14 s left" in whole
    assert ["table2/cnn14-1" in line for line in others] == [True]
    board.finish("table2/cnn10-1")  # tried again
    assert "1 of 2 cells done, about" in board.total()


@pytest.mark.parametrize("width", WIDTHS)
def test_no_line_is_wider_than_the_terminal_and_the_whole_comes_first(board, width):
    for name in PLANNED:
        board.hear(Told(name, 0, 8, ""), 0.0)
        board.hear(Told(name, 3, 8, TEXT), 9.0)
    lines = board.lines(width)
    assert len(lines) == 3
    assert max(map(len, lines)) <= width
    assert "0 of 2 cells" in lines[0]
    assert [name in line for name, line in zip(PLANNED, lines[1:], strict=True)] == [True] * 2


def test_durations_are_in_the_unit_that_one_thinks_in():
    found = [duration(seconds) for seconds in (0.2, 40, 89.4, 90, 3600, 7800)]
    assert found == ["1 s", "40 s", "89 s", "2 min", "60 min", "2 h 10 min"]


def test_what_is_told_of_a_cell_is_shown_before_that_it_is_made(capsys):
    with Board(PLANNED, 2) as board:
        for epoch in range(9):
            tell(board.told, "table2/cnn10-1", epoch, 8, TEXT)
        board.finish("table2/cnn10-1")
    last, whole = capsys.readouterr().out.splitlines()[-2:]
    assert last == f"table2/cnn10-1: epoch 8/8  {TEXT}"
    assert whole.startswith("1 of 2 cells done")


def test_a_worker_waits_for_no_board(board):
    board.told.setblocking(True)
    for epoch in range(10_000):  # more than anybody keeps unread
        tell(board.told, "table2/cnn10-1", epoch, 8, TEXT)
    board.heard.close()
    tell(board.told, "table2/cnn10-1", 8, 8, TEXT)


def in_terminal(folder, width, **env):
    """What a launch writes to a terminal of this width; warnings of libraries go elsewhere."""
    pid, stream = pty.fork()
    if pid == 0:
        os.chdir(folder)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        size = {"COLUMNS": str(width), "LINES": "24", "TERM": "xterm-256color"}
        command = [sys.executable, "-m", "harness.launch", "--jobs", "2"]
        os.execve(sys.executable, command, environment(**size, **env))
    told = b""
    while True:
        try:
            part = os.read(stream, 65536)
        except OSError:  # the other end is closed
            break
        if not part:
            break
        told += part
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0, told
    return told


@pytest.fixture
def tree(tmp_path):
    return write_tree(tmp_path)


@pytest.mark.parametrize(
    "env", [{"NO_COLOR": "1", "LC_ALL": "C"}, {"PYTHONIOENCODING": "ascii", "LC_ALL": "C"}]
)
def test_a_narrow_terminal_without_colours_or_letters_gets_lines_that_fit(tree, env):
    told = in_terminal(tree, 40, **env).decode()
    assert not re.search(r"\x1b\[[\d;]*[1-9][\d;]*m", told)  # no colour, nothing bold
    lines = [line for line in re.split(r"[\r\n]+", re.sub(r"\x1b\[[\d;?]*\w", "", told)) if line]
    assert max(map(len, lines)) <= 40
    assert lines[-1].startswith("4 of 4 cells done")
    if "ascii" in env.values():
        assert told.isascii()


@pytest.mark.parametrize("env", [{}, {"FORCE_COLOR": "1"}])
def test_without_a_terminal_there_are_plain_lines(tree, env):
    done = run("harness.launch", "--jobs", "2", folder=tree, env=env)
    assert done.returncode == 0, done.stderr
    assert "\x1b" not in done.stdout
    lines = done.stdout.splitlines()
    assert lines[-1] == "4 of 4 cells done"
    assert sum("epoch 2/2  dev Ĉ" in line for line in lines) == 4
    assert Path(tree, "runs/toy/table2/cnn10/2/record.json").is_file()
