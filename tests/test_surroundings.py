"""make repro in odd surroundings, as a user would call it: the same bytes, or one clear line."""

import os
import shutil
import subprocess

import pytest

from tests.clone import REPOSITORY, ROWS, clone, environment, make_ready, small_params
from tests.test_killed import SMALL, outputs
from tests.verdict.small import commit, git

TINY = SMALL | {"seeds": [1], "families": {}}
ONE_ROW = {"table2": {"cnn10": ROWS["table2"]["cnn10"]}, "rows": {}, "after": {}}
NO_IDENTITY = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
ASCII = {"LC_ALL": "C", "LANG": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
THREADS = {f"{name}_NUM_THREADS": "1000" for name in ("OMP", "MKL", "OPENBLAS", "NUMEXPR")}
SURROUNDINGS = {  # what is odd: how the repository is cloned, the clone's name, the environment
    "a folder of blanks and umlauts": ([], "mein großer Ordner (2)", {}),
    "no HOME": ([], "clone", {"HOME": None}),
    "a HOME that is not there": ([], "clone", {"HOME": "/nowhere/at/all"}),
    "nobody's name in git": ([], "clone", NO_IDENTITY),
    "ASCII": ([], "clone", ASCII),
    "line ends of Windows": (["-c", "core.autocrlf=true", "-c", "core.eol=crlf"], "clone", {}),
    "no history": (["--depth", "1"], "clone", {}),
    "a thousand threads": ([], "clone", THREADS),
    "no shell": ([], "clone", {"SHELL": None}),
    "all of it": (
        ["--depth", "1", "-c", "core.autocrlf=true"],
        "mein großer Ordner (2)",
        {"HOME": None, "SHELL": None, **NO_IDENTITY, **ASCII, **THREADS},
    ),
}


def make(folder, *arguments, **changes):
    """A finished `make`, its output as text; a variable that is None is not set."""
    env = environment(folder) | {"PYTHONPATH": "", **changes}
    return subprocess.run(
        ["make", *arguments],
        cwd=folder,
        env={key: value for key, value in env.items() if value is not None},
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )


def ready(folder):
    shutil.rmtree(folder / ".venv", ignore_errors=True)
    return make_ready(folder)


@pytest.fixture(scope="module")
def origin(tmp_path_factory):
    """A repository of one row with one seed, as it is pushed."""
    folder = tmp_path_factory.mktemp("origin") / "origin"
    folder.mkdir()
    make_ready(clone(folder))
    small_params(folder, ONE_ROW, **TINY)
    commit(folder, "Begin")
    return folder


@pytest.fixture(scope="module")
def expected(origin, tmp_path_factory):
    """What a run leaves where nothing is odd."""
    folder = tmp_path_factory.mktemp("plain") / "clone"
    git(origin, "clone", "--quiet", str(origin), str(folder))
    assert_made(folder)
    return outputs(folder)


def assert_made(folder, expected=None, **changes):
    done = make(ready(folder), "repro", **changes)
    assert done.returncode == 0, done.stdout + done.stderr
    if expected is not None:
        assert outputs(folder) == expected


@pytest.mark.parametrize(
    "odd",
    [
        odd if odd == "all of it" else pytest.param(odd, marks=pytest.mark.long)
        for odd in SURROUNDINGS
    ],
)
def test_the_same_bytes_come_out_in_odd_surroundings(origin, expected, tmp_path, odd):
    options, name, changes = SURROUNDINGS[odd]
    folder = tmp_path / name
    git(tmp_path, "clone", "--quiet", *options, f"file://{origin}", str(folder))
    assert_made(folder, expected, **changes)
    changed = subprocess.run(
        ["git", "diff", "--name-only"], cwd=folder, capture_output=True, text=True, check=True
    )
    assert changed.stdout == ""


@pytest.mark.long
def test_the_same_bytes_come_out_in_a_worktree(origin, expected, tmp_path):
    git(origin, "worktree", "add", "--quiet", "--detach", str(tmp_path / "tree"))
    assert_made(tmp_path / "tree", expected)


@pytest.mark.long
def test_the_same_bytes_come_out_below_another_repository(origin, expected, tmp_path):
    git(tmp_path, "init", "--quiet")
    shutil.copytree(origin, tmp_path / "below", ignore=shutil.ignore_patterns(".git", ".venv"))
    assert_made(tmp_path / "below", expected)


def test_a_check_out_of_another_user_is_one_line_with_gits_words(origin, tmp_path):
    if os.geteuid() != 0:
        pytest.skip("only root can give a folder to another user")
    folder = tmp_path / "clone"
    git(tmp_path, "clone", "--quiet", str(origin), str(folder))
    subprocess.run(["chown", "-R", "nobody", str(ready(folder))], check=True)
    done = make(folder, "repro", **NO_IDENTITY)
    assert done.returncode != 0
    assert f"git config --global --add safe.directory {folder}" in done.stderr
    assert done.stderr.count("error: ") == 1
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("jobs", ["0", "-1", "two", "100000", "1.5", "2 3"])
def test_a_number_of_jobs_that_is_none_is_refused_before_anything_is_made(origin, tmp_path, jobs):
    folder = tmp_path / "clone"
    git(tmp_path, "clone", "--quiet", str(origin), str(folder))
    done = make(ready(folder), "repro", f"JOBS={jobs}")
    assert done.returncode != 0
    assert done.stderr.count("error: ") == 1
    assert "Traceback" not in done.stderr
    assert not (folder / "data").exists()


def test_more_threads_than_cores_are_refused_before_anything_is_made(origin, tmp_path):
    folder = tmp_path / "clone"
    git(tmp_path, "clone", "--quiet", str(origin), str(folder))
    text = (folder / "params.yaml").read_text()
    many = text.replace("threads: 1", "threads: 1000").replace("portable", "fast")
    (folder / "params.yaml").write_text(many)
    done = make(ready(folder), "repro")
    assert done.returncode != 0
    assert "train.threads = 1000: this machine has" in done.stderr
    assert done.stderr.count("error: ") == 1
    assert not list(folder.glob("runs/*"))


def test_a_command_in_a_sub_folder_says_where_it_belongs(origin):
    for module, *arguments in (
        ["harness.launch"],
        ["stages.train", "table2/cnn10"],
        ["harness.repro"],
    ):
        done = subprocess.run(
            ["python", "-m", module, *arguments],
            cwd=origin / "profiles",
            env=environment(origin),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 1
        assert done.stderr.startswith("error: "), done.stderr
        assert done.stderr.endswith(".yaml is missing; run from the repository's root\n")
        assert done.stderr.count("\n") == 1
        assert not (origin / "profiles" / "scratch").exists()


def test_an_environment_that_was_left_unfinished_is_made_anew_and_none_that_is_being_made(tmp_path):
    """Up to the first program of it that is called, which is none."""
    shutil.copy(REPOSITORY / "Makefile", tmp_path)
    (tmp_path / "requirements.lock").touch()
    (tmp_path / ".venv").mkdir()
    half, unfinished = tmp_path / ".venv" / "half", tmp_path / ".venv" / "unfinished"
    half.touch()
    unfinished.write_text(str(os.getpid()))
    done = make(tmp_path, "setup", "PYTHON=true")
    assert done.returncode != 0
    assert f"error: process {os.getpid()} makes .venv; wait for it" in done.stderr
    assert half.exists()
    with subprocess.Popen(["true"]) as dead:
        pass
    unfinished.write_text(str(dead.pid))
    assert make(tmp_path, "setup", "PYTHON=true").returncode != 0
    assert not half.exists()
    assert unfinished.exists()
