"""results/simulation/: what the simulation found, as JSON, CSV, Markdown and three plots."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
from scipy.stats import binomtest
from tabulate import tabulate

from harness.evaluation.simulation import (
    ALPHA,
    GAINS,
    LEVEL,
    NULL,
    SEED_SDS,
    SEEDS,
    SIZES,
    TESTS,
    Plan,
)

FALSE_POSITIVES = (0.04, 0.06)  # what the headline must keep
COVERAGE = (0.93, 0.97)
FROM_SEEDS = 3
WORST = 5  # missed settings that are named
PEERS = ("deep-significance", "rliable")
Setting = dict[str, Any]


def write(folder: Path, plan: Plan, settings: list[Setting]) -> None:
    """All files of the report into `folder`; `settings` as harness.evaluation.simulation's."""
    folder.mkdir(parents=True, exist_ok=True)
    order = list(TESTS)
    settings = sorted(
        settings,
        key=lambda s: (s["speakers"], s["seed_sd"], s["gain"], s["seeds"], order.index(s["test"])),
    )
    about = {"draws": plan.draws, "seed": plan.seed, "resamples": plan.resamples}
    content = {**about, "level": LEVEL, "alpha": ALPHA, "settings": settings}
    text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
    (folder / "simulation.json").write_text(text, encoding="utf-8")
    table = pd.DataFrame(settings)
    table.to_csv(folder / "simulation.csv", index=False, float_format="%.6g", lineterminator="\n")
    (folder / "simulation.md").write_text(markdown(plan, settings), encoding="utf-8")
    plots(folder, table)


def outside(settings: list[Setting]) -> list[Setting]:
    """Settings of the headline, from three seeds up, that miss what it must keep."""
    missed = []
    for each in settings:
        if each["test"] != "headline" or each["seeds"] < FROM_SEEDS:
            continue
        false = (
            each["gain"] == 0 and not FALSE_POSITIVES[0] <= each["rejected"] <= FALSE_POSITIVES[1]
        )
        if false or not COVERAGE[0] <= each["covered"] <= COVERAGE[1]:
            missed.append(each)
    return missed


def band(draws: int) -> tuple[float, float]:
    """The 95 % binomial band around α: where an exact test's rate lies in 95 of 100 settings."""
    found = binomtest(round(ALPHA * draws), draws).proportion_ci(0.95, method="wilson")
    return float(found.low), float(found.high)


def markdown(plan: Plan, settings: list[Setting]) -> str:
    """Ranges over all settings first, then false positives, coverage and power one by one."""
    low, high = band(NULL * plan.draws)
    missed = sorted(outside(settings), key=lambda s: abs(s["covered"] - LEVEL), reverse=True)
    kept = f"false positives within {_percents(FALSE_POSITIVES)}, coverage {_percents(COVERAGE)}"
    verdict = f"The headline keeps to its target ({kept}) in every setting from three seeds up."
    if missed:
        worst = "; ".join(map(_name, missed[:WORST]))
        verdict = (
            f"The headline misses its target ({kept}) in {len(missed)} settings, first {worst}."
        )
    intro = (
        f"{plan.draws:,} draws of each setting, {NULL * plan.draws:,} where nothing differs, "
        f"{plan.resamples} resamples of each bootstrap and "
        f"permutation, seed {plan.seed}; `harness simulate` makes this file. Speakers "
        f"{', '.join(map(str, SIZES))} (the last with Hume-VB's {SIZES[568]:,} clips), seeds "
        f"{', '.join(map(str, SEEDS))}, standard deviation of the difference of Ĉ over seeds "
        f"{', '.join(map(str, SEED_SDS))}, true gains {', '.join(map(str, GAINS))}. At α = "
        f"{ALPHA:g} an exact test shows {100 * low:.1f} to {100 * high:.1f} % where nothing "
        "differs, by the draws' own noise. "
        f"{' and '.join(PEERS)} are peers' tests as commonly used, by their published formulas; "
        "deep-significance is one-sided by design. The truth: other seeds and other speakers."
    )
    parts = ["# How far each test can be trusted", intro, f"**{verdict}**", _ranges(settings)]
    for title, key, null in (
        ("False positives (%) where nothing differs", "rejected", True),
        ("Coverage (%) of the 95 % interval where nothing differs", "covered", True),
        ("Power (%) at the true gain in the column's head", "rejected", False),
    ):
        parts += [f"## {title}", _each(settings, key, null)]
    return "\n\n".join(parts) + "\n"


def _percents(ends: tuple[float, float]) -> str:
    return f"{100 * ends[0]:g} to {100 * ends[1]:g} %"


def _name(setting: Setting) -> str:
    covered = f"coverage {100 * setting['covered']:.1f} %"
    rate = f"rejects {100 * setting['rejected']:.1f} %"
    size = f"{setting['speakers']} speakers, {setting['seeds']} seeds"
    return f"{size}, sd {setting['seed_sd']:g}, gain {setting['gain']:g}: {rate}, {covered}"


def _ranges(settings: list[Setting]) -> str:
    """Test → the lowest and highest rate over all settings from three seeds up."""
    lines = []
    for test, covers in TESTS.items():
        some = [s for s in settings if s["test"] == test and s["seeds"] >= FROM_SEEDS]
        false = [s["rejected"] for s in some if s["gain"] == 0]
        covered = [s["covered"] for s in some if s["covered"] is not None]
        lines.append([test, covers, _range(false), _range(covered)])
    head = ["test", "covers", "false positives (%)", "coverage (%)"]
    return _table(lines, head, texts=2)


def _range(values: list[float]) -> str:
    return f"{100 * min(values):.1f} – {100 * max(values):.1f}" if values else "–"


def _each(settings: list[Setting], key: str, null: bool) -> str:
    some = [s for s in settings if (s["gain"] == 0) == null and s[key] is not None]
    tests = [test for test in TESTS if any(s["test"] == test for s in some)]
    names = ("speakers", "seeds", "seed_sd") if null else ("speakers", "seeds", "seed_sd", "gain")
    cells: dict[tuple[Any, ...], dict[str, float]] = {}
    for each in some:
        cells.setdefault(tuple(each[name] for name in names), {})[each["test"]] = each[key]
    lines = [
        [*map(str, where), *(f"{100 * rates[t]:.1f}" if t in rates else "–" for t in tests)]
        for where, rates in sorted(cells.items())
    ]
    return _table(lines, [*(name.replace("_", " ") for name in names), *tests], texts=0)


def _table(lines: list[list[str]], head: list[str], texts: int) -> str:
    align = [*["left"] * texts, *["right"] * (len(head) - texts)]
    return tabulate(lines, head, "github", disable_numparse=True, colalign=align)


def plots(folder: Path, table: pd.DataFrame) -> None:
    """false-positives.svg, coverage.svg and power.svg: a panel for each size and seed variance."""
    null = table[table["gain"] == 0]
    largest = table[table["gain"] == table["gain"].max()]
    low, high = band(int(null["draws"].min()))
    _plot(folder / "false-positives.svg", null, "rejected", (low, high), "false positives (%)")
    half = (high - low) / 2
    around = (LEVEL - half, LEVEL + half)
    _plot(folder / "coverage.svg", null, "covered", around, "coverage of the 95 % interval (%)")
    _plot(
        folder / "power.svg", largest, "rejected", None, f"power (%), gain {table['gain'].max():g}"
    )


def _plot(
    path: Path, table: pd.DataFrame, key: str, expected: tuple[float, float] | None, label: str
) -> None:
    import matplotlib as mpl
    from matplotlib.figure import Figure

    mpl.rcParams["svg.hashsalt"] = "simulation"  # the same bytes for the same numbers
    mpl.rcParams["svg.fonttype"] = "none"  # text stays text: a third of the size
    sizes, spreads = (sorted(table[name].unique()) for name in ("speakers", "seed_sd"))
    figure = Figure(figsize=(3.2 * len(spreads), 2.4 * len(sizes)), layout="constrained")
    axes = figure.subplots(len(sizes), len(spreads), sharex=True, sharey=True, squeeze=False)
    shown = table.dropna(subset=[key])
    for (i, size), (j, spread) in ((a, b) for a in enumerate(sizes) for b in enumerate(spreads)):
        panel = axes[i, j]
        panel.set_title(f"{size} speakers, sd over seeds {spread:g}", fontsize=8)
        if expected:
            panel.axhspan(*(100 * end for end in expected), color="0.85")
        here = shown[(shown["speakers"] == size) & (shown["seed_sd"] == spread)]
        for test in (test for test in TESTS if (here["test"] == test).any()):
            line = here[here["test"] == test].sort_values("seeds")
            bold = {"linewidth": 2.5, "color": "black"} if test == "headline" else {"linewidth": 1}
            style = "--" if test in PEERS else "-"
            panel.plot(line["seeds"], 100 * line[key], style, marker=".", label=test, **bold)
        panel.set_xticks(sorted(table["seeds"].unique()))
    figure.supxlabel("seeds", fontsize=9)
    figure.supylabel(label, fontsize=9)
    handles, names = max(
        (a.get_legend_handles_labels() for a in axes.flat), key=lambda h: len(h[1])
    )
    figure.legend(handles, names, loc="outside right center", fontsize=8, frameon=False)
    figure.savefig(path, metadata={"Date": None})
