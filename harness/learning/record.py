"""Where and how a cell was made: hardware, versions, revision."""

import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import torch

from harness.learning.arithmetic import cpu

PACKAGES = ("torch", "lightning-fabric", "numpy", "scipy", "pandas", "dvc")


def environment() -> dict[str, Any]:
    """Plain facts of this moment and machine; git fields are null outside a repository."""
    gpu = torch.cuda.is_available()
    return {
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processor": cpu(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "gpu": torch.cuda.get_device_name() if gpu else None,
        "cuda": torch.version.cuda if gpu else None,
        "packages": {name: version(name) for name in PACKAGES},
        "revision": _git("rev-parse", "HEAD"),
        "modified": bool(_git("status", "--porcelain", "--untracked-files=no")),
    }


def _git(*arguments: str) -> str | None:
    try:
        answer = subprocess.run(["git", *arguments], capture_output=True, check=False)
    except OSError:  # no git here
        return None
    return answer.stdout.decode(errors="replace").strip() if answer.returncode == 0 else None
