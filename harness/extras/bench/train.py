"""Clips per second and peak memory of a training step, encoder by encoder, width by width."""

import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch

from harness.config.features import Features
from harness.config.strict import block
from harness.config.training import Train
from harness.extras.bench.apart import Apart
from harness.extras.bench.autrainer import MODELS, Autrainer
from harness.extras.bench.clips import write_clips
from harness.extras.bench.goals import REST
from harness.extras.bench.steps import Workload, bare, fastest_bare, ours, rest, textbook
from harness.extras.bench.timing import Round, interleaved, rates, ratios

ENCODERS = ("resnet18", "cnn10", "cnn14")
ROUND = 1.0  # seconds that a round lasts at least, where a step is shorter
STEPS = 64  # in a round at most
VIEWS = 2  # a clip in RRTN; autrainer's loop has one


def train(
    encoders: list[str], widths: list[float], threads: int, budget: float, autrainer: str | None
) -> dict[str, Any]:
    """One entry a cell; `budget`: seconds of its turns; `autrainer`: a Python that has it."""
    own, bands = block(Train, "train"), block(Features, "features").bands
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    batches = [own.batch, 128] if device.type == "cuda" else [own.batch]
    cells = []
    with tempfile.TemporaryDirectory() as folder:
        clips = max(batches) * STEPS
        write_clips(Path(folder), clips, own.frames, bands)
        for width in sorted({*(widths or [1.0, own.width])}, reverse=True):
            for encoder in encoders or ENCODERS:
                for batch in batches:
                    setting = Workload(encoder, width, batch, own.frames, threads, folder)
                    cells.append(_cell(setting, bands, device, budget, autrainer))
                    print(_line(cells[-1]), flush=True)
    missing = {} if autrainer else {"autrainer": "not installed"}
    return {"device": device.type, "cells": cells, "missing": missing}


def _cell(
    setting: Workload, bands: int, device: torch.device, budget: float, autrainer: str | None
) -> dict[str, Any]:
    seconds, best, failed = fastest_bare(setting)
    steps = max(1, min(STEPS, round(ROUND / seconds)))
    rounds = {
        "ours": Apart(ours, setting, steps),
        REST: Apart(rest, setting, steps),
        "bare": Apart(bare, setting, steps, best),
        **{f"textbook, {n} workers": Apart(textbook, setting, steps, n) for n in (0, 2)},
    }
    with ExitStack() as stack:
        variants: dict[str, Round] = {n: stack.enter_context(one) for n, one in rounds.items()}
        if autrainer and setting.width == 1 and setting.encoder in MODELS:
            sizes = (steps, setting.threads, setting.batch, setting.frames, bands)
            other = Autrainer(autrainer, MODELS[setting.encoder], *sizes)
            variants["autrainer"] = stack.enter_context(other).epoch
        taken = interleaved(variants, budget)
        peaks = {name: one.peak() for name, one in rounds.items()}
    amount = dict.fromkeys(variants, float(steps * setting.batch))
    return {
        **{k: v for k, v in setting._asdict().items() if k != "folder"},
        "device": str(device),
        "steps_a_round": steps,
        "bare": {**best, "failed": failed},
        "clips_per_second": rates(taken, amount),
        "ours_over": ratios(taken, amount, "ours"),
        "bare_over": ratios(taken, amount, "bare"),
        "views_a_clip": {name: 1 if name == "autrainer" else VIEWS for name in variants},
        "peak_mib": peaks,
    }


def _line(cell: dict[str, Any]) -> str:
    speeds = (f"{name} {v['median']:.1f}" for name, v in cell["clips_per_second"].items())
    return f"{cell['encoder']} × {cell['width']:g}, batch {cell['batch']}: " + ", ".join(speeds)
