"""Pictures of what was measured; the same numbers give the same bytes.

They have no background and grey text, so that they can be read on a light and on a dark page.
"""

from pathlib import Path
from typing import Any

import matplotlib
import pandas as pd

from harness.evaluation.table import Gain, Table, TableRow, shown_kinds

matplotlib.use("svg")
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

GREY, FAINT = "#737b85", "#737b8533"
PARTS = ("text.color", "axes.edgecolor", "axes.labelcolor", "axes.titlecolor")
STYLE: Any = {
    "svg.hashsalt": "rrtn-harness",
    "svg.fonttype": "none",
    "savefig.transparent": True,
    "legend.frameon": False,
    **dict.fromkeys([*PARTS, "xtick.color", "ytick.color", "legend.labelcolor"], GREY),
}
matplotlib.rcParams.update(STYLE)

WEIGHT = "weight_"  # columns: what a loss counts in the total
TITLES = {
    "ccc": "CCC, clean view",
    "ccc_masked": "CCC, masked view",
    "barlow_twins": "Barlow Twins",
}
# without red and green beside each other, and none too dark or too light for a page
COLOURS = (
    *("#3b8eea", "#e08a1e", "#b07cc6", "#2aa198", "#c9a227", "#d0679d", "#8a6d3b", "#6c7a89"),
    *("#5f6fd0", "#7fa650", "#b5543a", "#4f8f9e", "#a37a9c"),
)
ACROSS, SMALLER = 3, 5  # panels in a line
CROWD = 5  # rows of an encoder above which each has a panel of its own
SMALL = 0.01  # a loss that counts less than this somewhere is drawn on a logarithmic axis


def over_steps(history: pd.DataFrame, runs: Path, rows: dict[str, str]) -> pd.DataFrame:
    """The weights of every cell as they moved: row, seed, `at` in epochs, weight_<loss>.

    `history`: row, seed, epoch and the columns weight_<loss>, at the end of every epoch; what
    stands where a cell has no weights.csv. `rows`: name in the history → full name below `runs`.
    """
    parts = []
    for (name, number), cell in history.groupby(["row", "seed"], sort=False):
        row, seed = str(name), int(str(number))
        file = runs / rows[row] / str(seed) / "weights.csv"
        if file.is_file():
            found = pd.read_csv(file)
            at = found["step"] * cell["epoch"].max() / found["step"].max()
            parts.append(found.assign(row=row, seed=seed, at=at))
        else:
            parts.append(cell.assign(at=cell["epoch"]))
    table = pd.concat(parts or [history.assign(at=0.0)], ignore_index=True)
    return table[["row", "seed", "at", *_weights(table)]]


def weights(found: pd.DataFrame, path: Path) -> None:
    """The factor of each loss over the epochs: a small panel a row, a line a loss and seed.

    `found`: as `over_steps` gives it. Rows with one loss only are left out.
    """
    columns = _weights(found)
    many = found[columns].notna().sum(axis=1) > 1
    shown = {str(row): cells for row, cells in found[many].groupby("row", sort=False)}
    colour = {name: COLOURS[place % len(COLOURS)] for place, name in enumerate(columns)}
    across = min(SMALLER, max(1, len(shown)))
    down = -(-len(shown) // across) or 1
    figure, axes = plt.subplots(
        down, across, figsize=(2.4 * across + 2, 1.8 * down), layout="constrained", squeeze=False
    )
    for axis, (row, cells) in zip(axes.flat, shown.items(), strict=False):
        _panel(axis, row, cells, colour)
    for axis in list(axes.flat)[len(shown) :]:
        axis.set_axis_off()
    figure.supxlabel("epoch", fontsize="small")
    figure.supylabel("weight in the total loss", fontsize="small")
    lines: dict[str, Any] = {}
    for axis in axes.flat:
        lines |= dict(zip(*reversed(axis.get_legend_handles_labels()), strict=True))
    if lines:
        figure.legend(lines.values(), lines.keys(), loc="outside right upper", fontsize="small")
    _save(figure, path)


def curves(history: pd.DataFrame, table: Table, encoders: dict[str, str], path: Path) -> None:
    """Dev Ĉ over epochs: the mean over seeds, with a band of a standard deviation either way.

    A panel an encoder; where that has more than `CROWD` rows, a panel a row with its baseline in
    grey. The epochs that the table's Ĉ is of are shaded. `history`: row, seed, epoch, dev_ccc;
    `encoders`: row → encoder, of those that are trained.
    """
    panels = _panels(table, encoders)
    down = -(-len(panels) // ACROSS) or 1
    across = min(ACROSS, len(panels)) or 1
    figure, axes = plt.subplots(
        down,
        across,
        figsize=(3.7 * across, 2.8 * down),
        layout="constrained",
        squeeze=False,
        sharex=True,
        sharey=True,
    )
    scored = history.dropna(subset=["dev_ccc"])
    for axis, (title, rows) in zip(axes.flat, panels, strict=False):
        for row, colour in rows:
            _curve(axis, scored[scored["row"] == row.row], row.row, colour)
        _shade(axis, rows[-1][0], scored[scored["row"] == rows[-1][0].row])
        axis.set_title(title, fontsize="medium")
        axis.xaxis.get_major_locator().set_params(integer=True)
        axis.tick_params(labelsize="small")
        if len(rows) > 2 or down == 1:
            axis.legend(fontsize="x-small", loc="lower right")
    for axis in list(axes.flat)[len(panels) :]:
        axis.set_axis_off()
    figure.supxlabel("epoch", fontsize="medium")
    figure.supylabel("dev Ĉ, mean ± sd over seeds", fontsize="medium")
    _save(figure, path)


def _panels(table: Table, encoders: dict[str, str]) -> list[tuple[str, list[tuple[TableRow, str]]]]:
    """Title and (row, colour) of each panel; a row that many are compared with is grey."""
    named = {row.row: row for row in table.rows}
    panels: list[tuple[str, list[tuple[TableRow, str]]]] = []
    trained = [row for row in table.rows if row.row in encoders]
    for encoder in dict.fromkeys(encoders[row.row] for row in trained):
        rows = [row for row in trained if encoders[row.row] == encoder]
        if len(rows) <= CROWD:
            colours = (GREY, *COLOURS)
            panels.append((encoder, list(zip(rows, colours, strict=False))))
            continue
        for row in (row for row in rows if row.against):
            first = named[next(iter(row.against.values())).baseline]
            panels.append((f"{row.row}, grey: {first.row}", [(first, GREY), (row, COLOURS[0])]))
    return panels


def _curve(axis: Axes, cells: pd.DataFrame, name: str, colour: str) -> None:
    by_epoch = cells.groupby("epoch")["dev_ccc"]
    mean, sd = by_epoch.mean(), by_epoch.std(ddof=1)
    axis.plot(mean.index, mean, color=colour, label=name, linewidth=1.8)
    axis.fill_between(mean.index, mean - sd, mean + sd, color=colour, alpha=0.2, linewidth=0)


def _shade(axis: Axes, row: TableRow, cells: pd.DataFrame) -> None:
    """The epochs that the row's Ĉ is the mean of; those of `best` differ from seed to seed."""
    if row.selection in ("late", "last") and len(cells):
        end = cells["epoch"].max() + 0.5
        axis.axvspan(end - row.averaged, end, color=FAINT, linewidth=0)


def forest(table: Table, path: Path) -> None:
    """Gains with their intervals, and the paper's printed ones, a line a comparison.

    Coloured where Holm's p is small. The faint bar is what the design does not find four times of
    five. A pair of rows that two kinds compare is drawn once.
    """
    lines = _comparisons(table)
    figure = plt.figure(figsize=(9, 1.3 + 0.32 * max(1, len(lines))), layout="constrained")
    axis = figure.subplots()
    for place, (row, kind, gain) in enumerate(lines):
        _gain(axis, -place, gain, row.printed(kind), 1 - table.level)
    names = [f"{row.row}  over {gain.baseline}" for row, _, gain in lines]
    axis.set_yticks([-place for place in range(len(lines))], names, fontsize="small")
    axis.axvline(0, color=GREY, linewidth=1)
    axis.set_ylim(-len(lines) + 0.4, 0.6)
    axis.set_xlabel(f"gain in Ĉ (%), {100 * table.level:g} % interval over seeds and speakers")
    if table.covers and "seeds" not in table.covers:
        axis.set_xlabel(f"gain in Ĉ (%), {100 * table.level:g} % interval over speakers alone")
    for side in ("top", "right", "left"):
        axis.spines[side].set_visible(False)
    axis.tick_params(axis="y", length=0)
    known = dict(zip(*reversed(axis.get_legend_handles_labels()), strict=True))
    if known:
        figure.legend(
            known.values(), known.keys(), loc="outside upper center", ncols=4, fontsize="small"
        )
    _save(figure, path)


def _comparisons(table: Table) -> list[tuple[TableRow, str, Gain]]:
    """Row, kind and gain, each pair of rows once; those of a kind stand together."""
    found: dict[tuple[str, str], tuple[TableRow, str, Gain]] = {}
    for kind in [*shown_kinds(table), *table.kinds]:
        for row in table.rows:
            gain = row.against.get(kind)
            if gain and gain.gain is not None:
                found.setdefault((row.row, gain.baseline), (row, kind, gain))
    return list(found.values())


def _gain(axis: Axes, place: int, gain: Gain, printed: float | None, alpha: float) -> None:
    if gain.gain is None:
        return
    small = gain.p_holm is not None and gain.p_holm <= alpha
    colour = COLOURS[0] if small else GREY
    name = f"Holm's p ≤ {alpha:g}" if small else "gain measured here"
    if gain.detects_gain is not None:
        most, label = gain.detects_gain, "smaller than this design detects"
        axis.barh(place, 2 * most, left=-most, height=0.6, color=FAINT, label=label)
    if gain.gain_low is not None and gain.gain_high is not None:
        axis.plot([gain.gain_low, gain.gain_high], [place, place], color=colour, linewidth=2)
    look: dict[str, Any] = {"linestyle": "none", "markersize": 6}
    axis.plot([gain.gain], [place], "o", color=colour, label=name, **look)
    if printed is not None:
        look |= {"markerfacecolor": "none", "color": COLOURS[1], "label": "printed in the paper"}
        axis.plot([printed], [place], "D", **look)


def _save(figure: Figure, path: Path) -> None:
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)
    plt.close(figure)


def _panel(axis: Axes, row: str, cells: pd.DataFrame, colour: dict[str, str]) -> None:
    drawn = [column for column in colour if cells[column].notna().any()]
    for column in drawn:
        loss = column.removeprefix(WEIGHT)
        for _, cell in cells.groupby("seed"):
            axis.plot(
                cell["at"], cell[column], colour[column], label=TITLES.get(loss, loss), lw=0.8
            )
    if cells[drawn].where(cells[drawn] > 0).min().min() < SMALL:
        axis.set_yscale("log")
    axis.set_title(row, fontsize="small")
    axis.tick_params(labelsize="x-small")
    axis.locator_params(axis="x", integer=True)


def _weights(table: pd.DataFrame) -> list[str]:
    return [name for name in table.columns if name.startswith(WEIGHT)]
