""".ci/check on real branches: only a number that moved without a reason fails."""

import contextlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.verdict import small

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:dvc")  # of DVC itself

FIRST = "0" * 40  # what GitHub says was before the first push


@pytest.fixture(scope="module")
def branches(ran, tmp_path_factory):
    """A repository with .ci/check on main and a branch for each case, each run anew where it says
    so. Main went on after they were forked."""
    folder = tmp_path_factory.mktemp("branches") / "clone"
    small.git(folder.parent, "clone", "--quiet", str(ran), str(folder))
    (folder / ".ci").mkdir()
    shutil.copy(small.ROOT / ".ci" / "check", folder / ".ci")
    low = small.CCC | {"cnn10-rrtn": 0.4}
    with contextlib.chdir(folder):
        small.commit(folder, "Check in CI")
        for name, change in {
            "nothing": lambda: Path("note").write_text("no number"),
            "edited": lambda: small.replace("results/small/table2/metrics.json", "0.6", "0.7"),
            "honest": lambda: (
                small.replace("rows.yaml", *small.LONGER),
                small.reproduce(scores=low),
            ),
            "code": lambda: (
                small.replace("train.sh", "echo", "echo "),
                small.reproduce(scores=low),
            ),
            "drifted": lambda: small.reproduce(scores=low),
            "beside": lambda: (
                small.replace("rows.yaml", *small.BASELINE),
                small.reproduce(scores=low),
            ),
        }.items():
            small.git(folder, "checkout", "--quiet", "-B", name, "main")
            change()
            small.commit(folder, f"Try {name}")
        small.git(folder, "checkout", "--quiet", "main")
        small.replace(
            "rows.yaml", "  cnn10: {encoder: cnn10,", "  cnn10: {encoder: cnn10, wide: 1,"
        )
        small.reproduce(scores=small.CCC | {"cnn10": 0.1})
        small.commit(folder, "Go on")
    return folder


def ci(folder, branch, base, **more):
    """Exit status of .ci/check on a branch, what it printed, and its summary."""
    small.git(folder, "checkout", "--quiet", branch)
    summary = folder.parent / "summary.md"
    summary.write_text("")
    env = {**os.environ, "BASE": base, "GITHUB_STEP_SUMMARY": str(summary), **more}
    env["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{env['PATH']}"
    env["PYTHONPATH"] = str(small.ROOT)
    done = subprocess.run(
        [".ci/check"], cwd=folder, env=env, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr, summary.read_text()


BRANCHES = {  # exit status, the word, and what the summary says of the row that fell
    "nothing": (0, "REPRODUCED", None),
    "edited": (1, "FAILS", "STALE"),
    "honest": (0, "WITHIN TOLERANCE", "CHANGED"),
    "code": (0, "WITHIN TOLERANCE", "CHANGED"),
    "drifted": (1, "FAILS", "LOW"),
    "beside": (1, "FAILS", "LOW"),  # another row's parameters excuse nothing
}


@pytest.mark.parametrize("branch", BRANCHES)
def test_ci_compares_a_branch_with_where_it_was_forked(branches, branch):
    expected, word, verdict = BRANCHES[branch]
    status, said, summary = ci(branches, branch, "main")
    assert status == expected, said
    fork = small.git(branches, "rev-parse", "--short", "main~1").strip()
    assert f"\n{word}: " in said
    assert f"results/small of {fork}" in summary
    if verdict:
        cells = [line.split("|")[1:] for line in summary.splitlines() if "| cnn10-rrtn" in line]
        ccc = [cell.strip() for cell in next(c for c in cells if c[1].strip() == "ccc")]
        new = {"edited": "0.7000"}.get(branch, "0.4000")
        assert (ccc[2], ccc[3], ccc[6]) == (new, "0.6000", verdict)


def test_ci_has_no_base_but_head_before_a_first_push(branches):
    """HEAD has the drifted numbers itself, so that nothing can be said of them."""
    for base in ("", FIRST):
        status, said, summary = ci(branches, "drifted", base)
        assert status == 0
        assert "REPRODUCED: 6 of 6 numbers are those of HEAD" in said
        assert ("share no commit in this clone" in summary) == bool(base)


def test_ci_compares_a_push_with_the_commit_before(branches):
    before = small.git(branches, "rev-parse", "drifted~1").strip()
    assert ci(branches, "drifted", before)[0] == 1


def test_ci_in_a_shallow_clone_says_that_there_is_no_base(branches, tmp_path):
    before = small.git(branches, "rev-parse", "drifted~1").strip()
    arguments = ["--quiet", "--depth", "1", "--branch", "drifted", f"file://{branches}", "shallow"]
    small.git(tmp_path, "clone", *arguments)
    status, _, summary = ci(tmp_path / "shallow", "drifted", before)
    assert status == 0
    assert "share no commit in this clone" in summary
