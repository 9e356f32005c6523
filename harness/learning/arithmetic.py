"""How this machine computes a cell: device, precision, memory layout."""

from __future__ import annotations

import platform
from typing import TYPE_CHECKING

import torch

from harness import portable
from harness.errors import RunError

if TYPE_CHECKING:  # a cell does not depend on the code of what is only named here
    from harness.config.training import Train


def is_portable(train: Train) -> bool:
    """Whether a cell gets the same bytes here as elsewhere: asked for, and possible here.

    Raises RunError where torch was loaded before `harness` could tell it what to use.
    """
    if train.arithmetic == "fast" or not portable.supported():
        return False
    if torch.backends.cpu.get_cpu_capability() != "AVX2":
        raise RunError(
            "portable arithmetic was chosen after torch had loaded; import harness before torch"
        )
    return True


def accelerator(train: Train) -> str:
    """ "cuda" where there is such a GPU and any arithmetic will do, else "cpu"."""
    return "cuda" if torch.cuda.is_available() and not is_portable(train) else "cpu"


def cpu() -> str:
    """The CPU's name and the instructions that torch uses, on which rounding depends."""
    name = torch.cpu.get_capabilities().get("cpu_name") or platform.processor()
    return f"{name} ({torch.backends.cpu.get_cpu_capability()})"


def fast_bf16() -> bool:
    """Whether the GPU, or without one the CPU, multiplies in bf16; emulated, it takes longer."""
    if torch.cuda.is_available():
        return torch.cuda.is_bf16_supported(including_emulation=False)
    known = torch.cpu.get_capabilities()
    return bool(known.get("amx_bf16") or known.get("avx512_bf16"))


def precision_for(train: Train) -> str:
    """`train.precision`; "auto": bf16 where the hardware multiplies in it, else float32."""
    if is_portable(train):
        return "32-true"
    if train.precision != "auto":
        return train.precision
    return "bf16-mixed" if fast_bf16() else "32-true"


def layout_for(train: Train, device: torch.device) -> torch.memory_format:
    """Channels-last, but for networks too narrow for it on CPUs without AVX-512 BF16 or with AMX.

    There torch 2.14.1 also dies in the backward of ResNet-18 × 1/16 in channels-last (AVX2); all
    three encoders were tried at widths from .13 to 1 and hold. Portably every CPU is such a one.
    """
    if not is_portable(train):
        known = torch.cpu.get_capabilities()
        if device.type != "cpu" or (known.get("avx512_bf16") and not known.get("amx_bf16")):
            return torch.channels_last
    narrow = 0.25 if precision_for(train) == "bf16-mixed" else 0.125
    return torch.contiguous_format if train.width <= narrow else torch.channels_last


def arithmetic(train: Train) -> str:
    """What a table says of it, whatever the machine: "portable float32", "fast bf16-mixed"."""
    if is_portable(train):
        return "portable float32"
    kind = f"fast {precision_for(train)}"
    asked = train.arithmetic == "portable"
    return f"{kind} (portable needs Linux on an x86-64 CPU with AVX2)" if asked else kind


def rounding(train: Train) -> str:
    """What decides how numbers are rounded here: fast arithmetic depends on the processor too."""
    if is_portable(train):
        return arithmetic(train)
    processor = torch.cuda.get_device_name() if torch.cuda.is_available() else cpu()
    return f"{arithmetic(train)} on {processor}"
