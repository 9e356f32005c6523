"""Whatever is killed, at whatever moment, ends with the same bytes when it is started again."""

import os
import random
import shutil
import signal
import subprocess
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests.clone import PARAMS, SYNTHETIC, clone, environment, make_ready, small_params
from tests.tree import write_tree

KILLING = Path(__file__).parent / "killing"
OUTPUTS = ("data", "features", "runs", "results", "dvc.lock", "families")
KILLS = int(os.environ.get("KILLS", "30"))  # of a kind
NEVER = 10**9
DELAYS = (0.0, 0.0, 0.001, 0.01, 0.1)  # seconds: in the middle of what the change belongs to
SMALL = {
    "corpus": SYNTHETIC | {"clips": {"train": 16, "dev": 8, "test": 1}},
    "train": PARAMS["train"] | {"width": 0.0625},
    "readings": PARAMS["readings"] | {"epochs": 3},
}
PYTHON = ("python", "-m")
KINDS = {  # kind: where it starts, what is killed
    "cell": ("cells", (*PYTHON, "stages.train", "table2/cnn10-rrtn-ruwl", "--seed", "3")),
    "launch": ("cells", (*PYTHON, "harness.launch", "--family", "all")),
    "make repro": ("nothing", ("make", "repro")),
    "make family": ("table2", ("make", "family", "F=readings")),
    "stage source": ("table2", (*PYTHON, "stages.source")),
    "stage download": ("table2", (*PYTHON, "stages.download")),
    "stage table1": ("table2", (*PYTHON, "stages.table1")),
    "stage features": ("table2", (*PYTHON, "stages.features")),
    "stage collect": ("table2", (*PYTHON, "stages.collect", "table2")),
    "stage statistics": ("table2", (*PYTHON, "stages.statistics", "table2")),
    "stage table": ("table2", (*PYTHON, "stages.table", "table2")),
    "stage draw": ("table2", (*PYTHON, "stages.draw", "table2")),
    "stage audit": ("table2", (*PYTHON, "stages.audit")),
}


def run(folder, command, at=NEVER, after=0.0):
    """A finished run that is killed at the change of files number `at`, or `after` seconds later;
    and how many changes it came to."""
    count = folder.with_name(f"{folder.name}.count")
    count.unlink(missing_ok=True)
    env = environment(folder)
    env["PYTHONPATH"] = f"{KILLING}{os.pathsep}{env['PYTHONPATH']}"
    env |= {"KILL_BELOW": str(folder), "KILL_COUNT": str(count)}
    env |= {"KILL_AT": str(at), "KILL_AFTER": str(after)}
    done = subprocess.run(
        command,
        cwd=folder,
        env=env,
        capture_output=True,
        encoding="utf-8",
        start_new_session=True,
        check=False,
    )
    return done, count.stat().st_size if count.exists() else 0


def outputs(folder):
    """Path → bytes of all that a run leaves and that somebody reads; of a lock its content, whose
    order is that in which stages first ran."""
    found = {}
    for name in OUTPUTS:
        place = folder / name
        for file in [place] if place.is_file() else sorted(place.rglob("*")):
            if file.is_file() and not file.is_symlink():
                content = file.read_bytes()
                locked = file.suffix == ".lock"
                path = file.relative_to(folder).as_posix()
                found[path] = YAML(typ="safe").load(content) if locked else content
    return found


def copied(source, place):
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(source, place, symlinks=True)
    return place


@pytest.fixture(scope="module")
def cells(tmp_path_factory):
    """Features and rows, without DVC."""
    return write_tree(tmp_path_factory.mktemp("cells"))


@pytest.fixture(scope="module")
def nothing(tmp_path_factory):
    """A clone in which nothing is made."""
    folder = make_ready(clone(tmp_path_factory.mktemp("nothing")))
    small_params(folder, **SMALL)
    return folder


@pytest.fixture(scope="module")
def table2(nothing, tmp_path_factory):
    """A clone with Table 2."""
    folder = copied(nothing, tmp_path_factory.mktemp("table2") / "clone")
    done, _ = run(folder, KINDS["make repro"][1])
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def killed_and_compared(start, command, kills, rng, work):
    """Run, kill, run again … and compare what is left each time that a run comes to its end."""
    done, changes = run(copied(start, work), command)
    assert done.returncode == 0, done.stdout + done.stderr
    whole = outputs(work)
    copied(start, work)
    while kills:
        done, _ = run(work, command, rng.randint(1, changes), rng.choice(DELAYS))
        if done.returncode == -signal.SIGKILL:
            kills -= 1
            continue
        assert_whole(done, work, whole)
        copied(start, work)
    done, _ = run(work, command)
    assert_whole(done, work, whole)


def assert_whole(done, work, whole):
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    found = outputs(work)
    assert found.keys() == whole.keys()
    assert [path for path in found if found[path] != whole[path]] == []


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.long
def test_whatever_is_killed_ends_with_the_same_bytes(request, tmp_path, kind):
    place, command = KINDS[kind]
    start, kills = request.getfixturevalue(place), KILLS
    if kind.startswith("stage "):  # all of them together
        kills = -(-KILLS // sum(other.startswith("stage ") for other in KINDS))
    killed_and_compared(start, command, kills, random.Random(kind), tmp_path / "work")


@pytest.mark.parametrize("kind", ["cell"])
def test_a_killed_run_ends_with_the_same_bytes(request, tmp_path, kind):
    place, command = KINDS[kind]
    start = request.getfixturevalue(place)
    killed_and_compared(start, command, 2, random.Random(0), tmp_path / "work")
