"""Pictures of what was measured; the same numbers give the same bytes."""

from pathlib import Path

import matplotlib
import pandas as pd

matplotlib.use("svg")
matplotlib.rcParams.update({"svg.hashsalt": "rrtn-harness", "svg.fonttype": "none"})
from matplotlib import pyplot as plt  # noqa: E402  (after the backend is chosen)

WEIGHT = "weight_"  # columns of history.csv: what a loss counts in the total
TITLES = {
    "ccc": "CCC, clean view",
    "ccc_masked": "CCC, masked view",
    "barlow_twins": "Barlow Twins",
}
COLOURS = ("C0", "C1", "C7", "C9", "C4", "C8", "C5", "C6")  # without red and green; grey third
ACROSS = 3  # panels in a line
SMALL = 0.01  # a loss that counts less than this somewhere is drawn on a logarithmic axis


def weights(history: pd.DataFrame, path: Path) -> None:
    """The factor of each loss at the end of every epoch; a line a row and seed.

    `history`: row, seed, epoch and the columns weight_<loss>. Rows with one loss only are left out.
    """
    columns = [name for name in history.columns if name.startswith(WEIGHT)]
    many = history[columns].notna().sum(axis=1) > 1
    shown = {str(row): cells for row, cells in history[many].groupby("row", sort=False)}
    moving = [row for row, cells in shown.items() if (cells[columns].nunique() > 1).any()]
    down = -(-len(columns) // ACROSS) or 1
    figure, axes = plt.subplots(
        down, ACROSS, figsize=(11, 3.2 * down), layout="constrained", squeeze=False
    )
    for axis, column in zip(axes.flat, columns, strict=False):
        for row, cells in shown.items():
            style, name = "k--", "fixed weights"
            if row in moving:
                style, name = COLOURS[moving.index(row) % len(COLOURS)], row
            for _, cell in cells.groupby("seed"):
                axis.plot(cell["epoch"], cell[column], style, label=name, marker=".")
        loss = column.removeprefix(WEIGHT)
        axis.set(title=TITLES.get(loss, loss), xlabel="epoch")
        axis.xaxis.get_major_locator().set_params(integer=True)
        positive = history.loc[many & (history[column] > 0), column]
        if len(positive) and positive.min() < SMALL:
            axis.set_yscale("log")
        elif axis is not axes.flat[0]:
            axis.sharey(axes.flat[0])
    for axis in list(axes.flat)[len(columns) :]:
        axis.set_axis_off()
    axes.flat[0].set_ylabel("weight in the total loss")
    lines = dict(zip(*reversed(axes.flat[0].get_legend_handles_labels()), strict=True))
    if lines:
        figure.legend(lines.values(), lines.keys(), loc="outside right upper", fontsize="small")
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)
    plt.close(figure)
