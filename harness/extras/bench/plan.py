"""What a profile costs before it is run: FLOPs, parameters, memory, hours and money.

FLOPs and activations are counted on tensors without memory, so counting needs neither a GPU nor
the data. A time is counted FLOPs over a published peak times an assumed efficiency, or, on a GPU
that is here, measured steps; each row says which.
"""

import statistics
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from harness.config.features import Features
from harness.config.readings import Readings, read_readings
from harness.config.rows import TABLE2, Family, Row, read_family
from harness.config.strict import Strict, block, parse, read_yaml, section
from harness.config.training import Train
from harness.errors import ParamsError
from harness.extras.bench.clips import write_clips
from harness.extras.bench.steps import Ours, on_device
from harness.extras.bench.timing import interleaved
from harness.learning.cell import Cell
from harness.learning.cost import ADAM, count_step
from harness.learning.network import parameters

GPUS = Path(__file__).with_name("gpus.yaml")
TARGETS = 10


class Gpu(Strict):
    """Published peak (dense bf16) and memory."""

    bf16_tflops: float
    memory_gb: float


def plan(profile: Path, names: list[str], prices: list[str], efficiency: float) -> dict[str, Any]:
    """The profile's rows, and its hours and cost on each GPU.

    `prices`: "NAME=PER_HOUR", in whatever currency; without one there is no cost. Raises
    ParamsError for an unknown GPU.
    """
    asked, hourly = gpus(names), _prices(prices)
    train, readings = block(Train, "train", profile), read_readings(path=profile)
    table, clips = read_family(TABLE2, profile), clips_of(profile)
    bands = block(Features, "features", profile).bands
    rows = {
        table.label(name): count_row(row, train, row.read(profile), bands, clips)
        for name, row in table.rows.items()
        if isinstance(row, Row)
    }
    cells = len(table.seeds)
    flops = cells * sum(row["flops"] for row in rows.values())
    measured = measure(profile, table, clips["train"]) if torch.cuda.is_available() else None
    return {
        "profile": str(profile),
        "clips": clips,
        "epochs": readings.epochs,
        "seeds": cells,
        "batch": train.batch,
        "width": train.width,
        "efficiency": efficiency,
        "rows": rows,
        "flops": flops,
        "gpus": {
            name: _on(gpu, flops, rows, efficiency, hourly.get(name)) for name, gpu in asked.items()
        },
        **({"measured": measured} if measured else {}),
    }


def count_row(
    row: Row, train: Train, readings: Readings, bands: int, clips: dict[str, int]
) -> dict[str, Any]:
    """What a cell of the row takes; `clips`: of the train and dev splits."""
    step = count_step(row, train, readings, bands, TARGETS)
    steps = clips["train"] // train.batch
    count = parameters(row, train, readings, bands, TARGETS)
    epoch = steps * step.training + clips["dev"] * step.evaluation
    return {
        "parameters": count,
        "flops_a_step": step.training,
        "steps_an_epoch": steps,
        "flops": readings.epochs * epoch,
        "memory_gb": (ADAM * count + step.activations) / 1e9,
    }


def _on(
    gpu: Gpu, flops: int, rows: dict[str, Any], efficiency: float, price: float | None
) -> dict[str, Any]:
    hours = flops / (gpu.bf16_tflops * 1e12 * efficiency) / 3600
    return {
        **gpu.model_dump(),
        "hours": hours,
        "cost": None if price is None else hours * price,
        "fits": max(row["memory_gb"] for row in rows.values()) < gpu.memory_gb,
        "from": f"counted FLOPs, {efficiency:.0%} of the published peak assumed",
    }


def measure(profile: Path, table: Family, clips: int) -> dict[str, Any]:
    """Hours of the profile's steps on the GPU that is here, from a few steps of each row.

    `clips`: of the train split.
    """
    train = block(Train, "train", profile)
    bands, few = block(Features, "features", profile).bands, 8
    seconds, total = {}, 0.0
    with tempfile.TemporaryDirectory() as folder:
        write_clips(Path(folder), few * train.batch, train.frames, bands)
        place = Path(folder)
        for name, row in table.rows.items():
            cell = Cell(name, 1, row, train, row.read(profile), place, place, place, {})
            ours = Ours(cell, few)
            one = on_device(ours.epoch, ours.fabric.device)
            step = statistics.median(interleaved({"ours": one}, 3.0)["ours"]) / few
            seconds[table.label(name)] = step
            total += step * (clips // train.batch) * cell.readings.epochs
    return {
        "gpu": torch.cuda.get_device_name(),
        "seconds_a_step": seconds,
        "hours": total * len(table.seeds) / 3600,
        "from": "measured training steps, without evaluation",
    }


def clips_of(profile: Path) -> dict[str, int]:
    """Clips of the train and dev splits: what the corpus block says, else what features there are.

    Raises ParamsError where there is neither.
    """
    corpus = section("corpus", profile)
    known = corpus.get("expected") or corpus.get("clips")
    if isinstance(known, dict):
        return {split: int(known[split]) for split in ("train", "dev")}
    features = Path("features", section("profile", profile))
    files = {split: features / f"{split}.csv" for split in ("train", "dev")}
    if not all(file.is_file() for file in files.values()):
        raise ParamsError(
            f"{profile}: its corpus block does not say how many clips each split has; run `dvc "
            "repro features` first, or plan a profile with corpus.expected or corpus.clips"
        )
    return {split: len(pd.read_csv(file)) for split, file in files.items()}


def gpus(names: Iterable[str]) -> dict[str, Gpu]:
    """The GPUs of these names in gpus.yaml, or all; ParamsError for one that it lacks."""
    known = {name: parse(Gpu, node, name, GPUS) for name, node in read_yaml(GPUS).items()}
    for name in names:
        if name not in known:
            raise ParamsError(f"{GPUS.name} has no '{name}'; it has {list(known)}")
    return {name: known[name] for name in names or known}


def _prices(prices: Iterable[str]) -> dict[str, float]:
    found = {}
    for text in prices:
        name, sign, price = text.partition("=")
        try:
            found[name] = float(price)
        except ValueError:
            sign = ""
        if not sign or name not in gpus([]):
            raise ParamsError(f"--price {text}: give NAME=PER_HOUR, with a name in {GPUS.name}")
    return found
