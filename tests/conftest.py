"""What all tests share."""

import os
import sys

import pytest

from harness.portable import pin  # first, as in a stage: numpy and torch load in its arithmetic
from tests.committed import users_own


def pytest_collection_modifyitems(items):
    """Skip the tests of what upstream committed where a user's own runs have taken its place."""
    committed = [item for item in items if item.get_closest_marker("committed")]
    if committed and (reason := users_own()):
        for item in committed:
            item.add_marker(pytest.mark.skip(reason=reason))


# Lightning warns in every cell where Slurm is installed; a test may count the lines of an error
os.environ["PYTHONWARNINGS"] = "ignore:The `srun` command"
for name in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL"):  # a test may call make, and be called by it
    os.environ.pop(name, None)


@pytest.fixture(autouse=True)
def reproducible():
    """One torch thread and one seed: the same sums in the same order, and cores left for others.

    What a cell sets for its whole process is undone. A test file that does not import torch is not
    made to wait for it.
    """
    torch = sys.modules.get("torch")
    if torch is None:
        yield
        pin()  # what a stage that asked for fast arithmetic set free
        return
    threads, deterministic = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    yield
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(deterministic)
    torch.set_flush_denormal(False)
    pin()
