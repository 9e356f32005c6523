"""What tests of several stages start from."""

import shutil
from pathlib import Path

import pytest

from stages import collect, statistics
from tests.fabricated import PAPER, write_tree

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory):
    """A folder with the paper's rows, fabricated, after collect and statistics."""
    folder = tmp_path_factory.mktemp("evaluated")
    shutil.copy(ROOT / "paper.yaml", folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        write_tree(PAPER)
        collect.main(["table2"])
        statistics.main(["table2"])
    return folder
