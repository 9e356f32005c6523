"""Where git cannot read the repository: its own words, a remedy that is true, and no verdict."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from harness.cli import main
from tests.verdict import small

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:dvc")  # of DVC itself

COMMANDS = [
    ("check",),
    ("check", "--against", "theirs"),
    ("check", "--stale-only"),
    ("diff", "HEAD"),
]


def refused(capsys, *arguments):
    """The one line with which a command ends, which is no verdict."""
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    shown = capsys.readouterr()
    assert ended.value.code == 2
    assert shown.out == ""
    assert shown.err.count("\n") == 1
    assert "is no revision" not in shown.err
    return shown.err


def unpacked(clone, folder):
    """What an archive of the repository holds; current directory, with no repository above it."""
    folder.mkdir()
    archive = subprocess.run(["git", "archive", "HEAD"], cwd=clone, check=True, capture_output=True)
    subprocess.run(["tar", "x", "-C", str(folder)], input=archive.stdout, check=True)
    return folder


@pytest.fixture
def theirs(clone):
    """Results in a folder, which need no git to be read."""
    small.write(clone / "theirs" / "small", small.results())
    return clone


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_repository_of_another_user(theirs, capsys, monkeypatch, command):
    if os.geteuid() != 0:
        pytest.skip("only root can give a folder to another user")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    subprocess.run(["chown", "-R", "nobody", str(theirs)], check=True)
    said = refused(capsys, *command)
    assert "detected dubious ownership in repository" in said
    assert f"git config --global --add safe.directory {theirs}" in said
    assert "belong to another user" in said


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_an_unpacked_archive(theirs, tmp_path, capsys, monkeypatch, command):
    folder = unpacked(theirs, tmp_path / "zip")
    shutil.copytree("theirs", folder / "theirs")
    monkeypatch.chdir(folder)
    said = refused(capsys, *command)
    assert "fatal: not a git repository" in said
    assert "clone the repository instead" in said


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_no_git_at_all(theirs, capsys, monkeypatch, command):
    monkeypatch.setenv("PATH", str(theirs / "runs"))
    assert "git cannot be started" in refused(capsys, *command)


@pytest.mark.parametrize(
    ("depth", "remedy"), [(["--depth", "1"], "git fetch --unshallow"), ([], "git log --all")]
)
def test_a_revision_that_is_not_there(clone, tmp_path, capsys, monkeypatch, depth, remedy):
    """Only where git reads the repository can a name be no revision of it."""
    small.git(clone, "commit", "--quiet", "--allow-empty", "--message", "Change nothing")
    small.git(tmp_path, "clone", "--quiet", *depth, f"file://{clone}", "another")
    monkeypatch.chdir(tmp_path / "another")
    for command in (["check", "--against", "HEAD~2"], ["diff", "HEAD~2"]):
        with pytest.raises(SystemExit) as ended:
            main(command)
        assert ended.value.code == 2
        assert remedy in capsys.readouterr().err


@pytest.mark.parametrize("target", ["repro", "family", "all"])
def test_make_stops_before_anything_is_installed(clone, tmp_path, target):
    folder = unpacked(clone, tmp_path / "zip")
    shutil.copy(small.ROOT / "Makefile", folder)
    done = subprocess.run(["make", target], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stdout == ""
    git, ours, make = done.stderr.splitlines()
    assert git.startswith("fatal: not a git repository")
    assert ours.startswith("error: git cannot read this folder; clone the repository")
    assert make.startswith("make: ***")
    assert not Path(folder, ".venv").exists()


def test_make_asks_which_family_before_anything_is_installed(clone):
    shutil.copy(small.ROOT / "Makefile", clone)
    done = subprocess.run(["make", "family"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    ours, make = done.stderr.splitlines()
    assert ours == "error: name a family of params.yaml: make family F=readings"
    assert make.startswith("make: ***")
    assert not Path(".venv").exists()
