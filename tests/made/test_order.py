"""DVC sees what a made row is made of: it makes members first, by the same two foreach stages."""

import contextlib

import networkx
import pytest
from dvc.repo import Repo

from tests.clone import ROWS, clone, small_params

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:dvc")  # of DVC itself

VANILLA = ROWS["table2"]["cnn10"]
MINE = {
    "table2": ROWS["table2"],
    "rows": {"mine/teachers": VANILLA | {"members": 2}, "mine/ridge": {"made": "ridge"}},
    "after": {
        "mine/ensemble": {"made": "ensemble", "after": "mine/teachers"},
        "mine/students": VANILLA | {"members": 2, "after": "mine/ensemble"},
        "mine/again": {"made": "ensemble", "after": "mine/students"},
        "mine/all": {"made": "ensemble", "after": "table2"},
    },
}


@pytest.fixture(scope="module")
def before(tmp_path_factory):
    """Row → all rows whose stages DVC runs before its own."""
    folder = clone(tmp_path_factory.mktemp("clone"))
    small_params(folder, MINE, families={"mine": {}})
    with contextlib.chdir(folder), Repo(str(folder)) as repo:
        graph = {stage.addressing: stage for stage in repo.index.graph}
        found = {name: networkx.descendants(repo.index.graph, graph[name]) for name in graph}
        return {
            name.partition("@")[2]: {
                stage.addressing.partition("@")[2] for stage in found[name] if "@" in stage.name
            }
            for name in graph
            if "train" in name
        }


def test_dvc_makes_members_first_through_every_generation(before):
    assert before["mine/teachers"] == before["mine/ridge"] == set()
    assert before["mine/ensemble"] == {"mine/teachers"}
    assert before["mine/students"] == {"mine/teachers", "mine/ensemble"}
    assert before["mine/again"] == {"mine/teachers", "mine/ensemble", "mine/students"}


def test_a_family_stands_for_all_its_rows(before):
    assert before["mine/all"] == set(ROWS["table2"])
