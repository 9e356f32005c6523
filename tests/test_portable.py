"""harness.portable: the same bytes natively and on other processors, emulated."""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from harness import portable

ROOT = Path(__file__).parents[1]
CHILD = ROOT / "tests" / "golden" / "child.py"
DIGESTS = (ROOT / "tests" / "golden" / "digests.txt").read_text(encoding="utf-8").splitlines()
ROWS = CHILD.with_name("rows.py")
OF_ROWS = ROWS.with_suffix(".txt").read_text(encoding="utf-8").splitlines()
ENCODERS = CHILD.with_name("encoders.py")
OF_ENCODERS = ENCODERS.with_suffix(".txt").read_text(encoding="utf-8").splitlines()
EMULATOR = shutil.which("qemu-x86_64")
CPUS = ("Haswell", "EPYC-Rome", "Skylake-Server")

pytestmark = pytest.mark.skipif(
    not portable.supported(), reason="needs Linux on an x86-64 CPU with AVX2"
)


def digests(*command, **environment):
    env = {k: v for k, v in os.environ.items() if k not in portable.TORCH | portable.NUMPY}
    done = subprocess.run(
        command, cwd=ROOT, env=env | environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return [line for line in done.stdout.splitlines() if re.fullmatch(r"\S+ [0-9a-f]{64}", line)]


def test_a_small_run_has_the_committed_bytes_on_this_processor():
    assert len(DIGESTS) == 14
    assert digests(sys.executable, str(CHILD)) == DIGESTS


def test_every_row_and_every_reading_keeps_its_bytes():
    assert len(OF_ROWS) == 30
    assert len({line.split()[1] for line in OF_ROWS}) == 30  # none is without effect
    assert digests(sys.executable, str(ROWS)) == OF_ROWS


def test_the_encoders_and_terms_of_other_families_keep_their_bytes():
    assert len(OF_ENCODERS) == 13
    assert len({line.split()[1] for line in OF_ENCODERS}) == 13
    assert digests(sys.executable, str(ENCODERS)) == OF_ENCODERS


PROBE = """
import os, sys
from harness.portable import TORCH, choose
choose(sys.argv[1])
import torch
print(torch.backends.cpu.get_cpu_capability(), sum(name in os.environ for name in TORCH))
"""


def capability(arithmetic, **environment):
    command = [sys.executable, "-c", PROBE, arithmetic]
    done = subprocess.run(
        command, cwd=ROOT, env=os.environ | environment, capture_output=True, text=True
    )
    return done.stdout.split()


def test_fast_arithmetic_is_another_one_wherever_the_processor_has_more_than_avx2():
    if "avx512f" not in Path("/proc/cpuinfo").read_text().split():
        pytest.skip("this processor has nothing beyond AVX2")
    assert capability("fast") == ["AVX512", "0"]


def test_portable_arithmetic_is_that_of_avx2_whatever_the_environment_says():
    assert capability("portable") == ["AVX2", "3"]
    assert capability("portable", ATEN_CPU_CAPABILITY="avx512", MKL_CBWR="AUTO") == ["AVX2", "3"]


def test_a_process_computes_portably_though_its_parent_does_not():
    nested = "import subprocess, sys; from harness.portable import choose; choose('fast'); " + (
        f"subprocess.run([sys.executable, '-c', {PROBE!r}, 'portable'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", nested], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["AVX2", "3"]


@pytest.mark.emulated
@pytest.mark.skipif(not EMULATOR, reason="needs qemu-x86_64 (Debian: qemu-user)")
@pytest.mark.parametrize("cpu", CPUS)
def test_a_small_run_has_the_committed_bytes_on_another_processor(cpu):
    packages = sysconfig.get_path("purelib")
    code = f"import sys; sys.path.insert(0, {packages!r}); __file__ = {str(CHILD)!r}; " + (
        "exec(open(__file__).read())"
    )
    python = str(Path(sys.executable).resolve())
    assert digests(EMULATOR, "-cpu", cpu, python, "-c", code) == DIGESTS
