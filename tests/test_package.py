"""What `pip install` of a source distribution gives, and that it says when it needs a clone."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]


def python(*words, folder, **more):
    env = {**os.environ, **more}
    command = [sys.executable, *words]
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)


def tracked():
    """The files that git has or would take, as a fresh checkout has them."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True)
    return [name for name in done.stdout.splitlines() if (REPOSITORY / name).is_file()]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A folder with what pip installs from the source distribution, and nothing else of ours."""
    place = tmp_path_factory.mktemp("package")
    tree = place / "tree"
    for name in tracked():
        if not name.startswith(("results/", "tests/")) and not name.endswith(".lock"):
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            (tree / name).write_bytes((REPOSITORY / name).read_bytes())
    script = "from setuptools.build_meta import build_sdist; print(build_sdist('..'))"
    built = python("-c", script, folder=tree)
    assert built.returncode == 0, built.stderr
    archive = place / built.stdout.split()[-1]
    command = ["-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    done = python(*command, "--target", str(place / "site"), str(archive), folder=place)
    assert done.returncode == 0, done.stderr
    return place / "site"


def harness(site, folder, *words):
    """`harness words` of the installed package alone."""
    script = "import sys, harness; assert harness.__file__.startswith(sys.argv.pop(1)); "
    script += "from harness.cli import main; main()"
    return python("-P", "-c", script, str(site), *words, folder=folder, PYTHONPATH=str(site))


def test_an_installed_package_has_every_file_that_its_code_reads(site):
    kinds = (".py", ".yaml", ".jinja", ".j2", ".css", ".js")
    own = {name for name in tracked() if name.startswith(("harness/", "stages/"))}
    wanted = {name for name in own if name.endswith(kinds)}
    assert {name for name in own if not name.endswith(kinds)} == set()
    assert {name for name in wanted if not (site / name).is_file()} == set()
    assert (site / "bin" / "harness").is_file()


def test_an_installed_package_helps_and_says_what_it_needs_a_clone_for(site, tmp_path):
    assert "harness check" in harness(site, tmp_path, "--help").stdout
    for command in (["validate"], ["check"], ["listen", "--row", "cnn10"]):
        done = harness(site, tmp_path, *command)
        assert done.returncode == 2
        assert "is no clone of rrtn-harness" in done.stderr
        assert done.stderr.count("\n") == 1
