"""harness.stage: a folder is the old one or the new one, wherever a run was killed."""

import os
import shutil

import pytest

from harness.stage import discard, move, replacing, write_whole


class Killed(BaseException):
    """What a kill is to the code that it meets: no handler of it runs."""


def files(folder):
    return {f.relative_to(folder).as_posix(): f.read_text() for f in folder.rglob("*.txt")}


def fill(folder, text):
    folder.mkdir(parents=True)
    for name in ("a.txt", "b.txt"):
        (folder / name).write_text(text)


def replace_it(folder):
    with replacing(folder) as fresh:
        for name in ("a.txt", "b.txt"):
            (fresh / name).write_text("new")


def move_it(folder):
    move(folder.with_name("made"), folder)


CHANGES = ("rename", "unlink", "rmdir", "mkdir")  # of os, by which pathlib and shutil change files


def killed_at(change, work, *arguments):
    """Whether `work` came to its change number so many; from then on it does nothing more."""
    count = 0

    def and_die(function):
        def changed(*given, **named):
            nonlocal count
            if count == change:
                raise Killed
            count += 1
            return function(*given, **named)

        return changed

    with pytest.MonkeyPatch.context() as patch:
        for name in CHANGES:
            patch.setattr(os, name, and_die(getattr(os, name)))
        try:
            work(*arguments)
        except Killed:
            return True
    return False


@pytest.mark.parametrize("work", [replace_it, move_it, discard])
def test_a_kill_at_any_change_leaves_the_old_folder_the_new_one_or_none(tmp_path, work):
    expected = {"a.txt": "new", "b.txt": "new"} if work is not discard else {}
    seen, change, killed = [], 0, True
    while killed:
        shutil.rmtree(tmp_path)
        folder, made = tmp_path / "folder", tmp_path / "made"
        fill(folder, "old")
        fill(made, "new")
        killed = killed_at(change, work, folder)
        found = files(folder) if folder.exists() else {}
        assert found in ({"a.txt": "old", "b.txt": "old"}, expected, {})
        assert found or work is not move_it or files(made)  # what was finished is somewhere
        seen.append(found)
        if made.exists() or work is not move_it:
            work(folder)
        assert files(folder) == expected if folder.exists() else expected == {}
        assert {f.name for f in tmp_path.iterdir()} <= {"folder", "made"}
        change += 1
    assert len(seen) > 3
    assert seen[-1] == expected


def test_a_folder_is_back_when_a_run_fails_after_one_that_was_killed(tmp_path):
    """Killed between the two renames, so that the old folder had its hidden name."""
    fill(tmp_path / ".folder.old", "old")
    with pytest.raises(ZeroDivisionError), replacing(tmp_path / "folder"):
        1 / 0  # noqa: B018
    assert files(tmp_path / "folder") == {"a.txt": "old", "b.txt": "old"}


def test_a_text_is_whole_or_not_at_all(tmp_path):
    file = tmp_path / "a.txt"
    write_whole(file, "old")
    assert killed_at(0, write_whole, file, "new") or file.read_text() == "new"
    assert file.read_text() in ("old", "new")
    write_whole(file, "new")
    assert files(tmp_path) == {"a.txt": "new"}
