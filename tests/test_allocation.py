"""harness.allocation: what is freed is used again, without the kernel."""

import ctypes
import subprocess
import sys

import pytest

SCRIPT = """
import resource, sys
import numpy as np
from harness.allocation import keep_freed_memory
if sys.argv[1] == "kept":
    keep_freed_memory()
np.ones(2**23)  # 64 MiB
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    np.ones(2**23)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="the C library is not glibc")
def test_an_array_after_another_costs_no_page_faults():
    faults = {
        how: int(subprocess.check_output([sys.executable, "-c", SCRIPT, how], text=True))
        for how in ("kept", "returned")
    }
    assert faults["kept"] < 100
    assert faults["returned"] > faults["kept"] + 200  # with huge pages 32 an array
