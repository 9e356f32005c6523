"""Portable arithmetic: the same bytes on every x86-64 CPU with AVX2, whoever made it.

Numerical libraries choose their kernels by the processor that they find, and every kernel rounds
differently. These switches let all of them choose as if the processor had AVX2 and no more. They
are read when a library loads or is first called, so they are set when `harness` is imported.
Measured: native runs on an Intel with AMX and an AMD with AVX-512, and emulated Haswell, EPYC-Rome
and Skylake-Server, give equal features, weights and predictions (tests/test_portable.py). Without
MKL_CBWR the makers differ; without the first two a CPU with AVX-512 does.
"""

import os
import platform
from functools import cache
from pathlib import Path

TORCH = {
    "ATEN_CPU_CAPABILITY": "avx2",  # torch's own loops
    "ONEDNN_MAX_CPU_ISA": "AVX2",  # convolutions
    "MKL_CBWR": "COMPATIBLE",  # matrix products, alike on Intel's processors and on others
}
NUMPY = {
    "NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512_ICL AVX512_SPR",  # exp, log, sin, …
    "OPENBLAS_CORETYPE": "Haswell",  # matrix products
    "OPENBLAS_NUM_THREADS": "1",  # how many there are decides how a sum is split
}

CPUINFO = Path("/proc/cpuinfo")


@cache
def supported() -> bool:
    """Whether this is Linux on an x86-64 CPU with AVX2; elsewhere nothing can be pinned."""
    if platform.machine() != "x86_64" or not CPUINFO.is_file():
        return False
    return "avx2" in CPUINFO.read_text(encoding="utf-8", errors="replace").split()


def pin() -> None:
    """Let every library that loads from now on compute portably, here and in children."""
    if supported():
        os.environ.update(TORCH | NUMPY)


def choose(arithmetic: str) -> None:
    """What torch may use here once it loads: "portable" or "fast"; every process chooses anew."""
    if arithmetic == "fast":
        release()


def release() -> None:
    """Let torch, if it has computed nothing yet, use all that the processor has."""
    for name in TORCH:
        os.environ.pop(name, None)
