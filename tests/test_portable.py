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


def test_without_the_switches_it_may_have_others():
    """Fast arithmetic is another one wherever the processor has more than AVX2."""
    flags = Path("/proc/cpuinfo").read_text().split()
    if "avx512f" not in flags:
        pytest.skip("this processor has nothing beyond AVX2")
    probe = (
        "import harness, torch; print(torch.backends.cpu.get_cpu_capability()); "
        "from harness.portable import TORCH; import os; print(sum(n in os.environ for n in TORCH))"
    )
    for released, expected in (("", "AVX2\n3\n"), ("1", "AVX512\n0\n")):
        env = {k: v for k, v in os.environ.items() if k not in portable.TORCH}
        env |= {portable.RELEASED: released}
        command = [sys.executable, "-c", probe]
        done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True)
        assert done.stdout == expected


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
