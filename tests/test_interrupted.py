"""make repro, ended from outside or short of something: one clear line, no process left behind, and
the next one goes on. In a small clone and from outside, as a user would."""

import copy
import json
import os
import re
import shutil
import signal
import subprocess
import time

import pytest

from tests.checkpoints import told
from tests.clone import PARAMS, REPOSITORY, ROWS, clone, environment, make_ready, run, small_params
from tests.test_killed import SMALL, copied
from tests.verdict.small import commit

GO_ON = "interrupted; what is finished is kept, and the same command goes on from there\n"
LONG = SMALL | {"readings": PARAMS["readings"] | {"epochs": 60}, "seeds": [1]}
CHECKPOINTS = "scratch/small/table2/*/1.safetensors"


def heed_interrupts():
    """As in a terminal, though a shell that runs the tests in the background ignores them."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def make(folder, *arguments):
    """`make` at work, in a session of its own, as in a terminal of its own."""
    return subprocess.Popen(
        ["make", *arguments],
        cwd=folder,
        env=environment(folder),
        start_new_session=True,
        preexec_fn=heed_interrupts,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )


def processes(session):
    """What `ps` shows of a session, id → command line; not those that are dead and not yet told."""
    command = ["ps", "-s", str(session), "-o", "pid=,stat=,args="]
    lines = subprocess.run(command, capture_output=True, text=True, check=False).stdout.splitlines()
    found = [line.split(maxsplit=2) for line in lines]
    return {int(pid): args for pid, stat, args in found if not stat.startswith("Z")}


def until(condition, process, seconds=120):
    latest = time.monotonic() + seconds
    while not (found := condition()):
        assert process is None or process.poll() is None, process.communicate()
        assert time.monotonic() < latest
        time.sleep(0.01)
    return found


@pytest.fixture(scope="module")
def featured(tmp_path_factory):
    """A clone with features, and cells that take some seconds."""
    folder = tmp_path_factory.mktemp("featured") / "clone"
    folder.mkdir()
    make_ready(clone(folder))
    shutil.copy(REPOSITORY / "tolerances.yaml", folder)
    small_params(folder, **LONG)
    commit(folder, "Begin")
    done = run(folder, "dvc", "repro", "features")
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture
def tree(featured, tmp_path):
    return copied(featured, tmp_path / "clone")


MOMENTS = {
    "training": lambda tree, session: list(tree.glob(CHECKPOINTS)),
    "a stage of DVC": lambda tree, session: [
        args for args in processes(session).values() if args.endswith("-m stages.download")
    ],
}


@pytest.mark.long
@pytest.mark.parametrize("sign", ["SIGINT", "SIGTERM", "SIGKILL"])
@pytest.mark.parametrize("moment", MOMENTS)
def test_an_interrupted_run_says_how_to_go_on_and_leaves_no_process(tree, sign, moment):
    """SIGINT to all, as a terminal sends it; the others to make alone."""
    if moment != "training":
        (tree / "harness" / "corpora" / "synthetic.py").open("a").write("\n")  # runs it again
    with make(tree, "repro") as process:
        until(lambda: MOMENTS[moment](tree, process.pid), process)
        time.sleep(0.3)
        (os.killpg if sign == "SIGINT" else os.kill)(process.pid, getattr(signal, sign))
        _, said = process.communicate(timeout=60)
    until(lambda: not processes(process.pid), None, 60)
    assert process.returncode != 0
    assert said.count(GO_ON) == 1
    assert "Traceback" not in said
    assert not list((tree / "scratch" / "locks").rglob("*.lock"))  # DVC's are whole
    with make(tree, "repro") as again:
        if moment == "training":
            (checkpoint,) = list(tree.glob(CHECKPOINTS))[:1]
            before = told(checkpoint)["seconds"]
            until(lambda: len(told(checkpoint)["seconds"]) > len(before), again)
            assert told(checkpoint)["seconds"][: len(before)] == before
        until(lambda: list(tree.glob(CHECKPOINTS)), again)  # DVC is not in its own way
        os.killpg(again.pid, signal.SIGKILL)
        again.communicate()


def test_a_second_run_in_one_clone_says_who_is_at_work_and_the_first_goes_on(tree):
    with make(tree, "repro") as first:
        until(lambda: list(tree.glob(CHECKPOINTS)), first)
        with make(tree, "repro") as second:
            _, said = second.communicate(timeout=60)
        assert second.returncode != 0
        (pid,) = re.findall(
            r"^error: `make repro` in this clone is under way .*\((\d+) on ", said, re.M
        )
        assert "harness.repro" in processes(first.pid)[int(pid)]
        assert first.poll() is None
        os.killpg(first.pid, signal.SIGKILL)
        first.communicate()


BAD = '''"""A loss that does harm in the second half of the training."""

import os
import signal

from harness.learning.terms import Term


class Bad(Term):
    def forward(self, step):
        return step.ccc[0] if step.progress < 0.5 else {harm}
'''
HARMS = {
    "not a number": (
        "float('nan') * step.ccc[0]",
        r"no longer finite in epoch 2; .* \(epoch 1 was the last good one: scratch/small/table2/b",
    ),
    "killed": ("os.kill(os.getpid(), signal.SIGKILL)", "most often for want of memory"),
    "fault": ("step.nothing", "has no attribute 'nothing'"),
}


@pytest.fixture
def failing(tree):
    """Two of Table 2's four cells fail, each in its own way; → what is written of a harm."""
    rows = copy.deepcopy(ROWS)
    rows["table2"]["bad"] = rows["table2"]["cnn10"] | {"terms": ["parts.bad"]}
    settings = SMALL | {"readings": PARAMS["readings"] | {"epochs": 2}, "seeds": [1, 2, 3]}
    small_params(tree, rows, **settings)

    def does(harm):
        (tree / "parts" / "bad.py").write_text(BAD.format(harm=harm))

    return does


@pytest.mark.parametrize(
    "harm", ["killed", *(pytest.param(h, marks=pytest.mark.long) for h in HARMS if h != "killed")]
)
def test_the_other_cells_are_finished_and_the_row_is_missing(tree, failing, harm):
    code, reason = HARMS[harm]
    failing(code)
    with make(tree, "repro", "KEEP_GOING=1") as process:
        _, said = process.communicate(timeout=600)
    assert process.returncode != 0
    assert re.findall(r"^failed: (table2/bad-\d): .*", said, re.M) == [
        f"table2/bad-{seed}" for seed in (1, 2, 3)
    ], said
    assert re.search(reason, said)
    assert "error: 3 cells are not finished (table2/bad-1, table2/bad-2, table2/bad-3)" in said
    table = (tree / "results" / "small" / "table2.md").read_text(encoding="utf-8")
    assert re.search(r"^\| bad [| ]+ MISSING \|", table, re.M)
    rows = json.loads((tree / "results/small/table2.json").read_text(encoding="utf-8"))
    assert [row["row"] for row in rows["rows"]] == ["cnn10", "cnn10-rrtn-ruwl"]
    assert rows["missing"] == ["bad"]
    for row in ("cnn10", "cnn10-rrtn-ruwl"):
        for seed in (1, 2, 3):
            assert (tree / "runs/small/table2" / row / str(seed) / "record.json").is_file()
    check = run(tree, "python", "-m", "harness.cli", "check")
    assert check.returncode == 1, check.stdout + check.stderr
    assert check.stdout.splitlines()[-1].startswith("FAILS")

    failing("step.ccc[0]")  # it is mended
    kept = {path: path.stat().st_mtime_ns for path in tree.glob("runs/small/table2/cnn10*/*/*")}
    with make(tree, "repro") as process:
        _, said = process.communicate(timeout=600)
    assert process.returncode == 0, said
    assert {path: path.stat().st_mtime_ns for path in kept} == kept  # not trained again
    assert "MISSING" not in (tree / "results/small/table2.md").read_text(encoding="utf-8")
