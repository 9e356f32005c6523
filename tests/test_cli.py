"""The command line: what its help promises is there, and it says where it has to be run."""

import re
from pathlib import Path

import pytest

from harness.cli import EXAMPLES, command_line
from harness.config.rows import read_rows
from tests.processes import run

REPOSITORY = Path(__file__).parents[1]
COMMANDS = re.findall(r"^  .{27}  (.+)$", EXAMPLES.partition("exit status")[0], re.MULTILINE)
PARTS = [part.split() for command in COMMANDS for part in command.split(" && ")]


def test_help_shows_five_things_that_people_do():
    assert len(COMMANDS) == 5
    assert {words[0] for words in PARTS} == {"harness", "make"}


@pytest.mark.parametrize("words", PARTS, ids=" ".join)
def test_an_example_of_the_help_is_a_command_that_exists(words):
    if words[0] == "make":
        targets = re.findall(r"^(\w+):", (REPOSITORY / "Makefile").read_text(), re.MULTILINE)
        assert words[1] in targets
        return
    options = command_line().parse_args(words[1:])
    assert callable(options.command)
    if words[1] == "listen":
        rows = read_rows(REPOSITORY / "rows.yaml")
        assert {f"table2/{options.row}", f"table2/{options.against}"} <= set(rows)


@pytest.mark.parametrize("module", ["harness", "harness.cli"])
def test_the_package_runs_as_a_module(module):
    done = run(module, "--help", env={"COLUMNS": "60"})
    assert done.returncode == 0
    assert EXAMPLES.rstrip() in done.stdout
    assert max(map(len, done.stdout.splitlines())) < 80


def test_help_names_every_status_that_a_command_ends_with():
    told = set(re.findall(r"^  (\d+) ", EXAMPLES, re.MULTILINE))
    code = "".join((REPOSITORY / "harness" / name).read_text() for name in ("cli.py", "stage.py"))
    ended = set(re.findall(r"sys\.exit\((\d+)", code)) | {"0", "1"}
    assert told == ended


@pytest.mark.parametrize(
    "words", [["validate"], ["check"], ["diff", "main"], ["listen", "--row", "cnn10"], ["readme"]]
)
def test_outside_of_a_clone_a_command_says_what_it_needs_one_for(words, tmp_path):
    done = run("harness", *words, folder=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: {tmp_path} is no clone of rrtn-harness")
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""
