"""A user's own params, rows and results are told from those that upstream committed."""

import shutil

import pytest

from tests.committed import ROOT, users_own
from tests.verdict.small import commit, git, replace

UPSTREAM = ("params.yaml", "rows.yaml", "paper.yaml")


@pytest.fixture
def tree(tmp_path):
    """A repository with params and rows as upstream has them, under a user's control."""
    folder = tmp_path / "tree"
    git(tmp_path, "init", "--quiet", str(folder))
    for file in UPSTREAM:
        shutil.copy(ROOT / file, folder)
    commit(folder, "Take it as it is")
    return folder


@pytest.mark.committed
def test_what_is_as_upstream_committed_it_is_nobodys_own(tree):
    assert users_own(tree) is None


@pytest.mark.committed
@pytest.mark.parametrize(
    ("file", "old", "new", "reason"),
    [
        ("params.yaml", "profile: synthetic", "profile: mine", "params.yaml is of profile mine"),
        ("rows.yaml", "  cnn14: &cnn14", "  mine: *cnn10\n  cnn14: &cnn14", "not the paper's"),
        ("rows.yaml", "  cnn14: &cnn14", "  cnn15: &cnn14", "is no row"),  # and broken
    ],
)
def test_another_profile_or_row_is_a_users_own_also_when_it_is_committed(
    tree, file, old, new, reason
):
    replace(tree / file, old, new)
    assert reason in users_own(tree)
    commit(tree, "Try my own")
    assert reason in users_own(tree)


@pytest.mark.committed
def test_what_is_not_committed_is_a_users_own(tree):
    replace(tree / "params.yaml", "raters: 5", "raters: 6")
    assert users_own(tree) == "not as committed: params.yaml"


def test_an_unpacked_archive_tells_nothing(tmp_path, monkeypatch):
    for file in UPSTREAM:
        shutil.copy(ROOT / file, tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert users_own(tmp_path)
