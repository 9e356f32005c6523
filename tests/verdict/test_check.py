"""harness check on a clean clone of a real repository: verdicts, exit status, JSON, Markdown."""

import fcntl
import json
import os
import pty
import shutil
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest
from dvc.repo import Repo

from harness.cli import main
from harness.paper import read_paper
from tests.verdict import small

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:dvc")  # of DVC itself


def run(*arguments):
    """Exit status of the command line."""
    with pytest.raises(SystemExit) as ended:
        main(["check", *arguments])
    return ended.value.code


def found(*arguments):
    """Exit status, and the JSON report."""
    status = run("--json", "out/check.json", *arguments)
    return status, json.loads(Path("out/check.json").read_text())


def verdicts(report, profile="small"):
    one = next(one for one in report["profiles"] if one["profile"] == profile)
    return {(cell["row"], cell["metric"]): cell["verdict"] for cell in one["cells"]}


def test_a_clean_clone_passes_without_data(clone):
    status, report = found()
    assert status == 0
    assert report["passes"]
    assert report["stale"] == {}
    assert set(verdicts(report).values()) == {"OK"}
    assert len(verdicts(report)) == 6


def test_an_edit_of_the_code_makes_every_row_stale(clone):
    small.replace("train.sh", "echo", "echo ")
    status, report = found()
    assert status == 1
    assert set(report["stale"]) == small.TRAIN
    assert set(verdicts(report).values()) == {"STALE"}


def test_an_edit_of_one_row_makes_only_its_numbers_stale(clone):
    small.replace("rows.yaml", *small.LONGER)
    status, report = found()
    assert status == 1
    stale = {row for (row, _), verdict in verdicts(report).items() if verdict == "STALE"}
    assert stale == {"cnn10-rrtn"}


def test_results_that_are_gone_are_missing(clone):
    shutil.rmtree("results/small")
    status, report = found()
    assert status == 1
    assert set(verdicts(report).values()) == {"MISSING"}


@pytest.mark.parametrize(
    ("expected", "verdict", "status"),
    [(0.601, "OK", 0), (0.612, "OKish", 0), (0.7, "LOW", 1), (0.5, "HIGH", 1)],
)
def test_against_a_folder_each_verdict_of_two_numbers(clone, expected, verdict, status):
    small.write(Path("theirs/small"), small.results(small.CCC | {"cnn10-rrtn": expected}))
    code, report = found("--against", "theirs")
    assert verdicts(report)["cnn10-rrtn", "ccc"] == verdict
    assert verdicts(report)["cnn10", "ccc"] == "OK"
    assert (code, report["passes"]) == (status, status == 0)


def test_against_a_revision_it_is_that_revisions_results(clone):
    small.write(clone, small.results({"cnn10": 0.5, "cnn10-rrtn": 0.9}))
    with Repo(".") as repo:
        repo.reproduce()
    small.commit(clone, "Score higher")
    assert run() == 0
    status, report = found("--against", "HEAD~1")
    assert status == 0  # scores.csv, which the results are taken from, changed too
    assert verdicts(report)["cnn10-rrtn", "ccc"] == "CHANGED"
    assert run("--against", "HEAD~1", "--strict") == 1


def paper_results():
    ccc = {row: printed.ccc.value for row, printed in read_paper().table2.items()}
    files = small.results(ccc, spread={1: 0.0}, corpus="hume-vb")
    table = json.loads(files["table2.json"])
    for row in table["rows"]:
        row["params"] = round(read_paper().table2[row["row"]].params_m.value * 1e6)
    return files | {"table2.json": json.dumps(table)}


def test_the_papers_corpus_is_judged_by_the_paper_and_by_no_commit(clone):
    small.write(Path("results/hume-vb"), paper_results())
    status, report = found("--profile", "hume-vb")
    assert status == 0
    assert report["stale"] is None  # the locks are of another profile
    assert set(verdicts(report, "hume-vb").values()) == {"OK"}
    assert len(verdicts(report, "hume-vb")) == 32
    files = {name: text.replace("0.678", "0.648") for name, text in paper_results().items()}
    small.write(Path("results/hume-vb"), files)
    status, report = found("--profile", "hume-vb")
    assert status == 1
    assert verdicts(report, "hume-vb")["cnn14-rrtn-ruwl", "ccc"] == "LOW"


def test_how_the_training_differs_from_the_papers_is_said(clone):
    small.write(Path("results/hume-vb"), paper_results())
    _, report = found("--profile", "hume-vb")
    assert "epochs is 4.0, there 60.0" in report["profiles"][0]["remarks"]


def test_another_profile_is_compared_as_it_is_though_the_locks_are_stale(clone):
    small.write(Path("results/other"), small.results())
    small.commit(clone, "Add results of another profile")
    small.replace("train.sh", "echo", "echo ")
    status, report = found("--profile", "other")
    assert status == 0
    status, report = found()
    assert status == 1
    assert set(verdicts(report, "other").values()) == {"OK"}
    assert set(verdicts(report, "small").values()) == {"STALE"}


def test_a_profile_that_was_never_committed_has_nothing_to_pass_against(clone):
    small.write(Path("results/other"), small.results())
    status, report = found("--profile", "other")
    assert status == 1
    assert set(verdicts(report, "other").values()) == {"MISSING"}


def test_the_gate_alone_looks_at_no_results(clone):
    assert run("--stale-only") == 0
    shutil.rmtree("results/small")
    status, report = found("--stale-only")
    assert status == 1
    assert report["profiles"] == []
    assert set(report["stale"]) == {"collect", "table"}


@pytest.mark.parametrize(
    "arguments",
    [
        ("--against", "nowhere"),
        ("--against=--all",),
        ("--profile", "nobody"),
        ("--json", "params.yaml/x"),
        ("--nonsense",),
    ],
)
def test_what_cannot_be_done_is_exit_status_2(clone, arguments):
    assert run(*arguments) == 2


def test_each_rows_command_names_its_stages(clone):
    _, report = found()
    with Repo(".") as repo:
        stages = {stage.addressing for stage in repo.index.stages}
    for cell in report["profiles"][0]["cells"]:
        words = cell["command"].split()
        targets = words[2:]
        assert words[:2] == ["dvc", "repro"]
        assert targets == [f"train@{cell['row']}", "table"]
        assert set(targets) <= stages


def test_markdown_and_plain_text_tell_what_moved_and_have_no_colour(clone, capsys):
    small.write(Path("theirs/small"), small.results(small.CCC | {"cnn10-rrtn": 0.9}))
    assert run("--against", "theirs", "--md", "out/check.md") == 1
    plain, markdown = capsys.readouterr().out, Path("out/check.md").read_text()
    assert "\x1b" not in plain + markdown
    assert "| cnn10-rrtn | ccc" in markdown
    assert "| cnn10      | ccc" in markdown  # every number, also one that did not move
    assert "cnn10 " not in plain.replace("cnn10-rrtn", "")
    assert "`dvc repro train@cnn10 table`" in markdown
    for text in (plain, markdown):
        assert "small against small of theirs:" in text
        assert "LOW" in text
        assert text.splitlines()[-1].startswith("FAILS: ")


def test_on_a_terminal_verdicts_have_colours(clone):
    small.write(Path("theirs/small"), small.results(small.CCC | {"cnn10-rrtn": 0.6001}))
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 160, 0, 0))
    env = {**os.environ, "PYTHONPATH": str(small.ROOT), "TERM": "xterm-256color"}
    env = {key: value for key, value in env.items() if key not in ("NO_COLOR", "COLUMNS", "CI")}
    command = [sys.executable, "-m", "harness.cli", "check", "--against", "theirs"]
    with subprocess.Popen(command, stdout=theirs, stderr=theirs, env=env) as process:
        os.close(theirs)
        shown = b""
        while True:
            try:
                more = os.read(ours, 65536)
            except OSError:  # Linux says so at the end
                break
            if not more:
                break
            shown += more
    os.close(ours)
    assert process.returncode == 0, shown.decode()
    assert b"\x1b[32mOK" in shown
    assert b"train@cnn10-rrtn table" in shown
