"""The simulation's figures, one a question; the same numbers give the same bytes."""

from pathlib import Path
from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from harness.evaluation import floors
from harness.extras.simulation.trials import ALPHA, LEVEL, TESTS

PEERS = ("deep-significance", "rliable")
OVER_SPEAKERS = ("headline", "bootstrap", "bootstrap BCa", "permutation")


def plots(folder: Path, table: pd.DataFrame, from_speakers: int, band: tuple[float, float]) -> None:
    """few-speakers.svg; from `from_speakers` up false-positives.svg, coverage.svg and power.svg.

    `table`: a line a setting; `band`: where an exact test's false positives lie by chance.
    """
    _by_speakers(folder / "few-speakers.svg", table[table["gain"] == 0])
    large = table[table["speakers"] >= from_speakers]
    if large.empty:
        return
    null, gain = large[large["gain"] == 0], table["gain"].max()
    half = (band[1] - band[0]) / 2
    around = (LEVEL - half, LEVEL + half)
    _by_seeds(folder / "false-positives.svg", null, "rejected", band, "false positives (%)")
    label = f"coverage of the {100 * LEVEL:g} % interval (%)"
    _by_seeds(folder / "coverage.svg", null, "covered", around, label)
    _by_seeds(
        folder / "power.svg",
        large[large["gain"] == gain],
        "rejected",
        None,
        f"power, gain {gain:g}",
    )


def _by_seeds(
    path: Path, table: pd.DataFrame, key: str, expected: tuple[float, float] | None, label: str
) -> None:
    """A panel for each size and seed variance, seeds along it."""
    sizes, spreads = (sorted(table[name].unique()) for name in ("speakers", "seed_sd"))
    figure = Figure(figsize=(3.2 * len(spreads), 2.4 * len(sizes)), layout="constrained")
    axes = figure.subplots(len(sizes), len(spreads), sharex=True, sharey=True, squeeze=False)
    shown = table.dropna(subset=[key])
    for size, row in zip(sizes, axes, strict=True):
        for spread, panel in zip(spreads, row, strict=True):
            panel.set_title(f"{size} speakers, sd over seeds {spread:g}", fontsize=8)
            if expected:
                panel.axhspan(*(100 * end for end in expected), color="0.85")
            here = shown[(shown["speakers"] == size) & (shown["seed_sd"] == spread)]
            _lines(panel, here, "seeds", key, tuple(TESTS))
            panel.set_xticks(sorted(table["seeds"].unique()))
    _save(figure, path, "seeds", label)


def _by_speakers(path: Path, table: pd.DataFrame) -> None:
    """A panel for each number of seeds, at the least and the most variance over them."""
    seeds, sizes = (sorted(table[name].unique()) for name in ("seeds", "speakers"))
    spreads = sorted({table["seed_sd"].min(), table["seed_sd"].max()})
    figure = Figure(figsize=(2.5 * len(seeds), 2.6 * len(spreads)), layout="constrained")
    axes = figure.subplots(len(spreads), len(seeds), sharex=True, sharey=True, squeeze=False)
    for spread, row in zip(spreads, axes, strict=True):
        for n, panel in zip(seeds, row, strict=True):
            panel.set_title(f"{n} seed{'s' if n > 1 else ''}, sd over seeds {spread:g}", fontsize=8)
            panel.axhline(100 * ALPHA, color="0.6", linewidth=1)
            panel.axvspan(sizes[0], floors.FEWEST["mrmc"], color="0.93")
            here = table[(table["seeds"] == n) & (table["seed_sd"] == spread)]
            _lines(panel, here, "speakers", "rejected", OVER_SPEAKERS)
            panel.set_xscale("log")
            panel.set_xticks(sizes, [str(size) for size in sizes], fontsize=6)
            panel.minorticks_off()
    label = "false positives (%), before any floor; grey: no headline"
    _save(figure, path, "speakers", label)


def _lines(panel: Axes, table: pd.DataFrame, along: str, key: str, tests: tuple[str, ...]) -> None:
    for test in (test for test in tests if (table["test"] == test).any()):
        line = table[table["test"] == test].sort_values(along)
        look: dict[str, Any] = {"linewidth": 1}
        if test == "headline":
            look = {"linewidth": 2.5, "color": "black"}
        style = "--" if test in PEERS else "-"
        panel.plot(line[along], 100 * line[key], style, marker=".", label=test, **look)


def _save(figure: Figure, path: Path, along: str, label: str) -> None:
    mpl.rcParams["svg.hashsalt"] = "simulation"  # the same bytes for the same numbers
    mpl.rcParams["svg.fonttype"] = "none"  # text stays text: a third of the size
    figure.supxlabel(along, fontsize=9)
    figure.supylabel(label, fontsize=9)
    handles, names = max(
        (axis.get_legend_handles_labels() for axis in figure.axes), key=lambda found: len(found[1])
    )
    figure.legend(handles, names, loc="outside right center", fontsize=8, frameon=False)
    figure.savefig(path, metadata={"Date": None})
