"""Peak memory of one piece of work, in a process of its own: what others left does not count."""

import importlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

STATUS = Path("/proc/self/status")  # Linux
MIB = 1024


def peak(function: str, *arguments: Any) -> dict[str, float] | None:
    """MiB that `module:function`(*arguments) needs at most above its imports: {"resident": …}.

    With a result that is a number, a count of bytes on the GPU, also {"device": …}. None where the
    system does not tell (only Linux does); arguments are plain JSON values.
    """
    if not STATUS.is_file():
        return None
    found = alone(function, *arguments)
    peaks = {"resident": found["resident"]}
    if found["result"] is not None:
        peaks["device"] = found["result"] / MIB**2
    return peaks


def alone(function: str, *arguments: Any) -> dict[str, Any]:
    """`module:function`(*arguments) in a process of its own: {"result": …, "resident": MiB}.

    Raises CalledProcessError when that process fails or dies.
    """
    script = "from harness.bench.memory import child; child()"
    command = [sys.executable, "-c", script, function, json.dumps(arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def child() -> None:
    """In the process of its own."""
    module, name = sys.argv[1].split(":")
    function = getattr(importlib.import_module(module), name)
    before = _status("VmRSS")
    result = function(*json.loads(sys.argv[2]))
    # not getrusage: its maximum is inherited from the process that started this one
    print(json.dumps({"result": result, "resident": (_status("VmHWM") - before) / MIB}))


def _status(key: str) -> float:
    """Of this process, in KiB; 0 where the system does not tell."""
    if not STATUS.is_file():
        return 0.0
    lines = dict(line.split(":", 1) for line in STATUS.read_text().splitlines())
    return float(lines[key].split()[0])
