"""harness bench: measure the sections that are asked for, each replacing its former self."""

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from harness.errors import HarnessError, ParamsError
from harness.extras.bench.hardware import hardware
from harness.extras.bench.report import merge

Measure = Callable[[], dict[str, Any]]


def bench(options: argparse.Namespace) -> None:
    """Measure, write after every section, and print where."""
    if options.autrainer and not Path(options.autrainer).is_file():
        raise ParamsError(f"--autrainer {options.autrainer}: no such Python; give a path to one")
    folder = Path(options.out)
    for name, measure in _sections(options):
        facts = hardware()
        section = {"hardware": facts, **measure()}
        place = "train-gpu" if section.get("device") == "cuda" else name
        merge(folder, place, section)
        print(f"{name}: {folder / 'bench.md'}", flush=True)


def _sections(options: argparse.Namespace) -> Iterator[tuple[str, Measure]]:
    # each section's module is imported when its turn comes
    wanted = {
        "train": _train,
        "features": _features,
        "statistics": _statistics,
        "pipeline": _pipeline,
        "plan": _plan,
        "rows": _rows,
    }
    for name, make in wanted.items():
        if options.section == name or (options.section == "all" and name != "rows"):
            yield name, make(options)


def _train(options: argparse.Namespace) -> Measure:
    from harness.extras.bench.train import ENCODERS, train

    unknown = set(options.encoders) - set(ENCODERS)
    if unknown:
        raise HarnessError(f"--encoders {sorted(unknown)}: the bench knows {list(ENCODERS)}")
    arguments = (options.encoders, options.widths, _threads(options), options.budget)
    return lambda: train(*arguments, options.autrainer)


def _features(options: argparse.Namespace) -> Measure:
    from harness.extras.bench.features import features

    return lambda: features(_threads(options), options.budget)


def _statistics(options: argparse.Namespace) -> Measure:
    from harness.extras.bench.statistics import statistics

    return lambda: statistics(options.budget)


def _pipeline(options: argparse.Namespace) -> Measure:
    from harness.extras.bench.pipeline import pipeline

    return lambda: pipeline(options.cold)


def _plan(options: argparse.Namespace) -> Measure:
    from harness.extras.bench.plan import plan

    profile = Path(options.profile)
    return lambda: plan(profile, options.gpu, options.price, options.efficiency)


def _rows(options: argparse.Namespace) -> Measure:
    from harness.extras.bench.rows import rows

    return lambda: rows(options.families, options.budget)


def _threads(options: argparse.Namespace) -> int:
    return int(options.threads or hardware()["cores"])
