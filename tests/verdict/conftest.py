"""The small pipeline, run once: with its data and cache, and as a clean clone has it."""

import contextlib
import shutil

import pytest
from dvc.repo import Repo

from tests.verdict import small


@pytest.fixture(scope="session")
def ran(tmp_path_factory):
    """The repository after `dvc repro`, data and cache in place, everything committed."""
    folder = tmp_path_factory.mktemp("verdict") / "ran"
    patch = pytest.MonkeyPatch()
    patch.setenv("DVC_SITE_CACHE_DIR", str(folder.parent / "site"))
    small.create(folder)
    with contextlib.chdir(folder), Repo(".") as repo:
        repo.reproduce()
    small.commit(folder, "Run the small pipeline")
    yield folder
    patch.undo()


@pytest.fixture
def clone(ran, tmp_path, monkeypatch):
    """A clean clone, current directory: what git has and nothing else; to be edited by a test."""
    folder = tmp_path / "clone"
    small.git(tmp_path, "clone", "--quiet", str(ran), str(folder))
    assert not (folder / "runs").exists()
    assert not (folder / ".dvc" / "cache").exists()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def full(ran, tmp_path, monkeypatch):
    """A copy with data and cache, current directory."""
    folder = tmp_path / "full"
    shutil.copytree(ran, folder, symlinks=True)
    monkeypatch.chdir(folder)
    return folder
