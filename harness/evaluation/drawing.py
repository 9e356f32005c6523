"""Pictures of what was measured; the same numbers give the same bytes."""

from pathlib import Path
from typing import Any

import matplotlib
import pandas as pd

matplotlib.use("svg")
matplotlib.rcParams.update({"svg.hashsalt": "rrtn-harness", "svg.fonttype": "none"})
from matplotlib import pyplot as plt  # noqa: E402  (after the backend is chosen)

WEIGHT = "weight_"  # columns: what a loss counts in the total
TITLES = {
    "ccc": "CCC, clean view",
    "ccc_masked": "CCC, masked view",
    "barlow_twins": "Barlow Twins",
}
COLOURS = ("C0", "C1", "C7", "C9", "C4", "C8", "C5", "C6", "k", "C3", "C2")  # red, green at last
ACROSS = 5  # panels in a line
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
    table = pd.concat(parts, ignore_index=True)
    return table[["row", "seed", "at", *_weights(table)]]


def weights(found: pd.DataFrame, path: Path) -> None:
    """The factor of each loss over the epochs: a small panel a row, a line a loss and seed.

    `found`: as `over_steps` gives it. Rows with one loss only are left out.
    """
    columns = _weights(found)
    many = found[columns].notna().sum(axis=1) > 1
    shown = {str(row): cells for row, cells in found[many].groupby("row", sort=False)}
    colour = {name: COLOURS[place % len(COLOURS)] for place, name in enumerate(columns)}
    across = min(ACROSS, max(1, len(shown)))
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
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)
    plt.close(figure)


def _panel(axis: Any, row: str, cells: pd.DataFrame, colour: dict[str, str]) -> None:
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
    axis.xaxis.get_major_locator().set_params(integer=True)


def _weights(table: pd.DataFrame) -> list[str]:
    return [name for name in table.columns if name.startswith(WEIGHT)]
