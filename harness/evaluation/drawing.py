"""Pictures of what was measured; the same numbers give the same bytes."""

from pathlib import Path

import matplotlib
import pandas as pd

matplotlib.use("svg")
matplotlib.rcParams.update({"svg.hashsalt": "rrtn-harness", "svg.fonttype": "none"})
from matplotlib import pyplot as plt  # noqa: E402  (after the backend is chosen)

TITLES = {
    "weight_ccc": "CCC, clean view",
    "weight_ccc_masked": "CCC, masked view",
    "weight_barlow_twins": "Barlow Twins",
}
COLOURS = ("C0", "C1", "C7")  # blue, orange, grey: told apart without red and green


def weights(history: pd.DataFrame, rows: list[str], path: Path) -> None:
    """The factor of each loss at the end of every epoch; a line a row and seed.

    `history`: row, seed, epoch and the columns of `TITLES`; `rows`: those with a weighting to show.
    """
    figure, axes = plt.subplots(1, len(TITLES), figsize=(11, 3.2), layout="constrained")
    moving = [row for row in rows if _moves(history[history["row"] == row])]
    for axis, (column, title) in zip(axes, TITLES.items(), strict=True):
        for row in rows:
            style, name = "k--", "without RUWL"
            if row in moving:
                style, name = f"{COLOURS[moving.index(row) % len(COLOURS)]}", row
            for _, cell in history[history["row"] == row].groupby("seed"):
                axis.plot(cell["epoch"], cell[column], style, label=name, marker=".")
        axis.set(title=title, xlabel="epoch")
        axis.xaxis.get_major_locator().set_params(integer=True)
    axes[1].sharey(axes[0])
    axes[-1].set_yscale("log")
    axes[0].set_ylabel("weight in the total loss")
    lines = dict(zip(*reversed(axes[0].get_legend_handles_labels()), strict=True))
    if lines:
        figure.legend(lines.values(), lines.keys(), loc="outside right upper", fontsize="small")
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)
    plt.close(figure)


def _moves(cells: pd.DataFrame) -> bool:
    return bool((cells[list(TITLES)].nunique() > 1).any())
