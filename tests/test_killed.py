"""Whatever is killed, at whatever moment, ends with the same bytes when it is started again."""

import os
import random
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from tests.clone import PARAMS, SYNTHETIC, clone, environment, make_ready, small_params

KILLING = Path(__file__).parent / "killing"
OUTPUTS = ("data", "features", "runs", "results", "dvc.lock", "families")
NEVER = 10**9
DELAYS = (0.0, 0.0, 0.001, 0.01, 0.1)  # seconds: in the middle of what the change belongs to
SMALL = {
    "corpus": SYNTHETIC | {"clips": {"train": 16, "dev": 8, "test": 1}},
    "train": PARAMS["train"] | {"width": 0.0625},
    "readings": PARAMS["readings"] | {"epochs": 3},
}
CELL = ("python", "-m", "stages.train", "table2/cnn10-rrtn-ruwl", "--seed", "2")
STAGES = {  # in the order in which they need each other
    "source": (),
    "download": (),
    "features": (),
    "table1": (),
    "audit": (),
    "collect": ("table2",),
    "statistics": ("table2",),
    "table": ("table2",),
    "draw": ("table2",),
}
KINDS = {  # kind: what is there before, what is killed
    "cell": ("features", CELL),
    "launch": ("features", ("python", "-m", "harness.launch", "--jobs", "2")),
    "make repro": ("nothing", ("make", "repro")),
    "make family": ("table 2", ("make", "family", "F=readings")),
    **{
        f"stage {name}": ("table 2", ("python", "-m", f"stages.{name}", *arguments))
        for name, arguments in STAGES.items()
    },
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
    """Path → bytes of all that a run leaves and that somebody reads."""
    found = {}
    for name in OUTPUTS:
        place = folder / name
        for file in [place] if place.is_file() else sorted(place.rglob("*")):
            if file.is_file() and not file.is_symlink():
                found[file.relative_to(folder).as_posix()] = file.read_bytes()
    return found


def copied(source, place):
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(source, place, symlinks=True)
    return place


@pytest.fixture(scope="module")
def states(tmp_path_factory):
    """A clone with nothing made, with features, with Table 2; its locks are those of all that can
    be made, as in a user's clone."""
    base = tmp_path_factory.mktemp("states")
    found = {name: base / name.replace(" ", "-") for name in ("nothing", "features", "table 2")}
    found["nothing"].mkdir()
    make_ready(clone(found["nothing"]))
    small_params(found["nothing"], **SMALL)
    whole = copied(found["nothing"], base / "whole")
    done, _ = run(whole, KINDS["make family"][1])
    assert done.returncode == 0, done.stdout + done.stderr
    for lock in ("dvc.lock", "families/dvc.lock"):
        shutil.copy(whole / lock, found["nothing"] / lock)
    for name, command in (
        ("features", ("dvc", "repro", "features")),
        ("table 2", ("make", "repro")),
    ):
        done, _ = run(copied(found["nothing"], found[name]), command)
        assert done.returncode == 0, done.stdout + done.stderr
    return found


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
def test_whatever_is_killed_ends_with_the_same_bytes(states, tmp_path, kind):
    state, command = KINDS[kind]
    kills = 4 if kind.startswith("stage ") else 30
    killed_and_compared(states[state], command, kills, random.Random(kind), tmp_path / "work")


def test_a_killed_run_ends_with_the_same_bytes(states, tmp_path):
    command = KINDS["make repro"][1]
    killed_and_compared(states["nothing"], command, 2, random.Random(0), tmp_path / "work")
