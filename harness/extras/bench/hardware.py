"""What a section was measured on; without it a number says nothing."""

import os
import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from harness.learning.record import environment

CPUINFO = Path("/proc/cpuinfo")
SHOWN = ("avx2", "avx512_f", "avx512_bf16", "amx_bf16")


def hardware() -> dict[str, Any]:
    """Processor, cores, memory, instruction sets, GPU, versions, revision, load and date."""
    facts = environment()
    known = torch.cpu.get_capabilities()
    return {
        **facts,
        "processor": _model() or facts["processor"],
        "cores": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "instructions": [name for name in SHOWN if known.get(name)],
        "machine": platform.machine(),
        "load_before": round(os.getloadavg()[0], 2),
        "date": datetime.now(UTC).date().isoformat(),
    }


def _model() -> str | None:
    if not CPUINFO.is_file():
        return None
    lines = [line for line in CPUINFO.read_text().splitlines() if line.startswith("model name")]
    return lines[0].split(":", 1)[1].strip() if lines else None
