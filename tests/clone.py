"""A copy of the repository's pipeline in an empty folder, and DVC at work in it."""

import contextlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import networkx
from dvc.repo import Repo

REPOSITORY = Path(__file__).parents[1]
FILES = ("dvc.yaml", "paper.yaml", "Makefile", ".dvcignore", ".gitignore", ".gitattributes")


def clone(folder):
    """Code, profiles and pipeline without results, as a git repository; → the folder."""
    for name in ("harness", "stages", "profiles"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(REPOSITORY / name, folder / name, ignore=ignored)
    for name in FILES:
        shutil.copy(REPOSITORY / name, folder)
    (folder / ".dvc").mkdir()
    for name in ("config", ".gitignore"):
        shutil.copy(REPOSITORY / ".dvc" / name, folder / ".dvc")
    subprocess.run(["git", "init", "--quiet"], cwd=folder, check=True)
    return folder


def environment(folder):
    """The environment of a command in the clone: this Python first, DVC's locks in the clone."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    site = str(folder / ".dvc" / "site")
    return {**os.environ, "PATH": path, "PYTHONPATH": str(folder), "DVC_SITE_CACHE_DIR": site}


def run(folder, *command):
    """A finished process in the clone, its output as text."""
    env = environment(folder)
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)


def dvc(folder, *arguments):
    """Output of `dvc ...` in the clone, which must succeed."""
    done = run(folder, sys.executable, "-m", "dvc", *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def stale(folder):
    """Stages that `dvc repro` would run: those changed, and all that depend on what they write."""
    with contextlib.chdir(folder), Repo(str(folder)) as repo:
        graph = {stage.addressing: stage for stage in repo.index.graph}
        changed = {graph[name] for name in repo.status()}
        below = {stage for one in changed for stage in networkx.ancestors(repo.index.graph, one)}
        return {stage.addressing for stage in changed | below}
