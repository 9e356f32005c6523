"""Clips per second and peak memory of a training step, encoder by encoder, width by width."""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch

from harness.bench import memory
from harness.bench.autrainer import MODELS, Autrainer
from harness.bench.clips import write_clips
from harness.bench.steps import Bare, Ours, Setting, cell_of, fastest_bare, objective_of, on_device
from harness.bench.textbook import Textbook
from harness.bench.timing import Round, interleaved, rates, ratios
from harness.config.features import Features
from harness.config.strict import block
from harness.config.training import Train

ENCODERS = ("resnet18", "cnn10", "cnn14")
ROUND = 1.0  # seconds that a round lasts at least, where a step is shorter
STEPS = 64  # in a round at most
VIEWS = 2  # a clip in RRTN; autrainer's loop has one


def train(
    encoders: list[str], widths: list[float], threads: int, budget: float, autrainer: str | None
) -> dict[str, Any]:
    """One entry a cell; `budget`: seconds of its turns; `autrainer`: a Python that has it."""
    own = block(Train, "train")
    gpu = torch.cuda.is_available()
    batches = [own.batch, 128] if gpu else [own.batch]
    cells = []
    with tempfile.TemporaryDirectory() as folder:
        clips = max(batches) * STEPS
        write_clips(Path(folder), clips, own.frames, block(Features, "features").bands)
        for width in sorted({*(widths or [1.0, own.width])}, reverse=True):
            for encoder in encoders or ENCODERS:
                for batch in batches:
                    setting = Setting(encoder, width, batch, own.frames, threads, folder)
                    cells.append(_cell(setting, budget, autrainer))
                    print(_line(cells[-1]), flush=True)
    missing = {} if autrainer else {"autrainer": "not installed"}
    return {"device": "cuda" if gpu else "cpu", "cells": cells, "missing": missing}


def _cell(setting: Setting, budget: float, autrainer: str | None) -> dict[str, Any]:
    cell = cell_of(setting)
    with ExitStack() as stack:
        ours = Ours(cell, 1)
        data, device = ours.data, ours.fabric.device
        seconds, best, died = fastest_bare(setting, device)
        steps = max(1, min(STEPS, round(ROUND / seconds)))
        variants = dict(_variants(setting, steps, best))
        peer = autrainer and setting.width == 1 and setting.encoder in MODELS
        if peer:
            shape = (setting.batch, setting.frames, data.levels.shape[1])
            other = Autrainer(
                str(autrainer), MODELS[setting.encoder], steps, setting.threads, *shape
            )
            variants["autrainer"] = stack.enter_context(other).epoch
        amount = dict.fromkeys(variants, float(steps * setting.batch))
        taken = interleaved(variants, budget)
    peaks = {
        name: memory.peak("harness.bench.steps:one_step", name, list(setting), best)
        for name in ("ours", "bare", "textbook")
    }
    return {
        **{k: v for k, v in setting._asdict().items() if k != "folder"},
        "device": str(device),
        "steps_a_round": steps,
        "bare": {**best, "died": died},
        "clips_per_second": rates(taken, amount),
        "ours_over": ratios(taken, amount, "ours"),
        "bare_over": ratios(taken, amount, "bare"),
        "views_a_clip": {name: 1 if name == "autrainer" else VIEWS for name in variants},
        "peak_mib": peaks,
    }


def _variants(setting: Setting, steps: int, best: dict[str, Any]) -> Iterator[tuple[str, Round]]:
    cell = cell_of(setting)
    ours = Ours(cell, steps)
    data, device = ours.data, ours.fabric.device
    yield "ours", on_device(ours.epoch, device)
    yield "bare", on_device(Bare(cell, data, steps, **best).epoch, device)
    for workers in (0, 2):
        textbook = Textbook(cell, objective_of(cell, data), steps, workers, device)
        yield f"textbook, {workers} workers", on_device(textbook.epoch, device)


def _line(cell: dict[str, Any]) -> str:
    speeds = (f"{name} {v['median']:.1f}" for name, v in cell["clips_per_second"].items())
    return f"{cell['encoder']} × {cell['width']:g}, batch {cell['batch']}: " + ", ".join(speeds)
