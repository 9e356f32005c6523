"""harness check and diff where a file is broken or the terminal is: statuses and one line."""

import re
from pathlib import Path

import pytest

from harness.cli import main
from tests.processes import ENCODINGS, SINKS, run, status_into
from tests.verdict import small

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:dvc")  # of DVC itself

MARKERS = "<<<<<<< HEAD\n{old}=======\n{new}>>>>>>> other\n"


def conflict(text):
    first, *rest = text.splitlines(keepends=True)
    return first + MARKERS.format(old=rest[0] if rest else "", new=first) + "".join(rest)


YAML = {
    "conflict": conflict,
    "duplicate": lambda text: text + re.search("^[a-z]+:", text, re.MULTILINE)[0] + " 1\n",
    "latin-1": lambda text: text.encode() + b"# Zo\xeb\n",
    "control": lambda text: text + "note: a\x07b\n",
    "timestamp": lambda text: text + "note: 2026-13-45\n",
    "date as key": lambda text: text + "2026-13-45 10:00:00: 1\n",
    "list": lambda text: "- 1\n",
    "number": lambda text: text + f"note: {'9' * 5000}\n",
}
JSON = {
    "conflict": conflict,
    "duplicate": lambda text: '{"cnn10": 0.5, "cnn10": 0.6}',
    "latin-1": lambda text: text.replace("cnn10", "cnn\xe9").encode("latin-1"),
    "control": lambda text: text.replace("cnn10", "cnn\x0710"),
    "list": lambda text: "[1]",
    "text": lambda text: text.replace("0.5", '"much"'),
}
CSV = {
    "conflict": conflict,
    "duplicate": lambda text: text + text.splitlines(keepends=True)[-1],
    "latin-1": lambda text: (text + "cnn\xe9,1,last,mean,0.5\n").encode("latin-1"),
    "cut": lambda text: text[:-10],
    "text": lambda text: text.replace("0.4", "much"),
}
FILES = {
    "params.yaml": YAML,
    "tolerances.yaml": YAML,
    "rows.yaml": YAML,
    "results/small/table2/metrics.json": JSON,
    "results/small/table2.json": JSON,
    "results/small/table2/scores.csv": CSV,
}
CASES = [(file, damage) for file, damages in FILES.items() for damage in damages]


def broken(file, damage):
    done = FILES[file][damage](Path(file).read_text(encoding="utf-8"))
    Path(file).write_bytes(done if isinstance(done, bytes) else done.encode())


def refused(capsys, *arguments):
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    shown = capsys.readouterr()
    assert ended.value.code == 2
    assert shown.out == ""
    assert shown.err.count("\n") == 1
    assert shown.err.startswith("error: ")
    return shown.err


@pytest.mark.parametrize(("file", "damage"), CASES, ids=map(" ".join, CASES))
def test_a_broken_file_is_named_in_one_line_and_is_no_verdict(clone, capsys, file, damage):
    broken(file, damage)
    assert file in refused(capsys, "check")
    assert file in refused(capsys, "diff", "HEAD")


@pytest.mark.parametrize(("file", "damage"), CASES, ids=map(" ".join, CASES))
def test_a_file_that_is_broken_in_a_revision_is_named_with_it(clone, capsys, file, damage):
    broken(file, damage)
    small.commit(clone, "Break it")
    small.git(clone, "checkout", "--quiet", "HEAD~1", "--", file)
    assert file in refused(capsys, "diff", "HEAD", "HEAD~1")
    assert file in refused(capsys, "diff", "HEAD~1", "HEAD")


@pytest.mark.parametrize("file", ["dvc.yaml", "dvc.lock"])
def test_what_dvc_cannot_read_is_no_verdict_either(clone, capsys, file):
    Path(file).write_text(conflict(Path(file).read_text()))
    assert file in refused(capsys, "check")


def test_a_repository_may_hold_file_names_of_any_bytes(clone, capsys):
    Path(b"Zo\xeb.txt".decode("utf-8", "surrogateescape")).write_text("")
    small.commit(clone, "Add a file with a name of latin-1")
    main(["diff", "HEAD~1", "HEAD"])
    assert "0 parameters differ" in capsys.readouterr().out


COMMANDS = {"passes": (["check"], 0), "fails": (["check"], 1), "diff": (["diff", "HEAD"], 0)}


@pytest.fixture(params=COMMANDS)
def command(request, clone):
    """Arguments and their status, with or without a score that is too low."""
    arguments, status = COMMANDS[request.param]
    if request.param == "fails":
        small.write(Path("results/small"), small.results(small.CCC | {"cnn10-rrtn": 0.1}))
    return arguments, status


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_verdict_is_shown_in_the_letters_that_there_are(command, encoding):
    arguments, status = command
    env = {"PYTHONIOENCODING": encoding}
    done = run("harness.cli", *arguments, env=env, text=False)
    assert done.returncode == status, done.stderr
    assert "small" in done.stdout.decode(encoding)


@pytest.mark.parametrize("sink", SINKS)
def test_a_verdict_keeps_its_status_though_nobody_can_be_shown_it(command, sink):
    arguments, status = command
    assert status_into(sink, "harness.cli", *arguments) == status
