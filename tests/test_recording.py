"""harness.recording: DVC's locks are whole again, whatever a kill left of them."""

import json
import os
import random
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest

from harness.recording import AT_WORK, COPIES, LOCKS, mend, whole_locks

REPOSITORY = Path(__file__).parents[1]
LOCK = LOCKS[0]
WHOLE = (REPOSITORY / LOCK).read_text(encoding="utf-8")
FIRST = WHOLE[: WHOLE.index("\n  table1:")]  # its stages before that one


@pytest.fixture
def left(tmp_path, monkeypatch):
    """Leaves a lock as a DVC that was killed would: as it was before, and now."""
    monkeypatch.chdir(tmp_path)

    def leave(before, now):
        (COPIES / LOCK).parent.mkdir(parents=True, exist_ok=True)
        (COPIES / LOCK).write_text(before, encoding="utf-8")
        LOCK.write_text(now, encoding="utf-8")

    return leave


def test_a_lock_that_is_cut_off_anywhere_is_as_before(left):
    rng, lines = random.Random(0), WHOLE.splitlines(keepends=True)
    cuts = [0, 1, len(WHOLE) - 1, *(rng.randrange(len(WHOLE)) for _ in range(20))]
    cuts += [len("".join(lines[:number])) for number in rng.sample(range(len(lines)), 10)]
    for cut in cuts:
        left(WHOLE, WHOLE[:cut])
        mend()
        assert LOCK.read_text(encoding="utf-8") == WHOLE
        assert not (COPIES / LOCK).exists()


def test_a_changed_lock_that_lacks_its_last_stages_is_as_before(left):
    left(WHOLE, FIRST.replace("md5: ", "md5: 0", 1) + "\n")
    mend()
    assert LOCK.read_text(encoding="utf-8") == WHOLE


@pytest.mark.parametrize(
    ("before", "now"),
    [(FIRST + "\n", WHOLE), (WHOLE, WHOLE.replace("size: 1", "size: 2")), ("", WHOLE)],
    ids=["more stages", "other values", "the first"],
)
def test_a_whole_lock_stays(left, before, now):
    assert before != now
    left(before, now)
    mend()
    assert LOCK.read_text(encoding="utf-8") == now


def test_half_of_the_first_lock_is_removed(left):
    left("", WHOLE[:1000])
    mend()
    assert not LOCK.exists()


def test_the_locks_are_kept_while_dvc_is_at_work_and_mended_whatever_ends_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    LOCK.with_suffix(".yaml").touch()
    LOCK.write_text(WHOLE, encoding="utf-8")
    with suppress(KeyboardInterrupt), whole_locks():
        assert (COPIES / LOCK).read_text(encoding="utf-8") == WHOLE
        LOCK.write_text(WHOLE[:5000], encoding="utf-8")
        raise KeyboardInterrupt
    assert LOCK.read_text(encoding="utf-8") == WHOLE
    assert not (COPIES / LOCK).exists()


@pytest.mark.parametrize("cut", [None, 30])
def test_who_is_at_work_is_forgotten_when_he_is_dead(tmp_path, monkeypatch, cut):
    monkeypatch.chdir(tmp_path)
    AT_WORK.parent.mkdir(parents=True)
    with subprocess.Popen(["true"]) as dead:
        pass
    for pid, stays in ((dead.pid, False), (os.getpid(), True)):
        found = {"write": {"a": {"pid": pid, "cmd": "dvc repro"}}, "read": {}}
        AT_WORK.write_text(json.dumps(found)[:cut], encoding="utf-8")
        mend()
        assert AT_WORK.exists() == stays


def test_an_index_that_was_left_locked_is_unlocked_and_an_older_lock_stays(left, tmp_path):
    subprocess.run(["git", "init", "--quiet"], check=True)
    lock = tmp_path / ".git" / "index.lock"
    for age, stays in ((0, False), (60, True)):
        left(WHOLE, WHOLE)
        lock.touch()
        os.utime(lock, (lock.stat().st_atime, (COPIES / LOCK).stat().st_mtime + 1 - age))
        mend()
        assert lock.exists() == stays
