"""Portable arithmetic: the same bytes on every x86-64 CPU with AVX2, whoever made it.

Numerical libraries choose their kernels by the processor that they find, and every kernel rounds
differently. These switches let all of them choose as if the processor had AVX2 and no more. They
are read when a library loads or is first called, so they are set when `harness` is imported.
"""

import os

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


def pin() -> None:
    """Let every library that loads from now on compute portably, here and in children."""
    os.environ.update(TORCH | NUMPY)


def release() -> None:
    """Let torch, if it is not loaded yet, use all that the processor has."""
    for name in TORCH:
        os.environ.pop(name, None)
