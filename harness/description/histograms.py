"""A corpus's targets drawn: one small histogram each, train and dev as shares of their clips."""

import io
import re
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

COLUMNS = 5
COLOURS = {"train": "#0072b2", "dev": "#d55e00", "test": "#999999"}  # Okabe-Ito
# Tenths of a point are fine enough on any screen, and half the bytes
OUTLINE = re.compile(rb"^((?:<path d=\")?[ML] \d+\.\d)\d* (\d+\.\d)\d*", re.MULTILINE)
STYLE: Any = {
    "svg.hashsalt": "table1",  # the same numbers give the same bytes
    "svg.fonttype": "none",
    "font.size": 8,
    "font.sans-serif": ["DejaVu Sans", "sans-serif"],
    "axes.spines.top": False,
    "axes.spines.right": False,
}


def svg(targets: dict[str, Any]) -> bytes:
    """The `targets` of description.described as an SVG picture."""
    rows = -(-len(targets) // COLUMNS)
    columns = min(COLUMNS, len(targets))
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(1.9 * columns, 1.5 * rows + 0.3), layout="constrained")
        axes = np.atleast_1d(figure.subplots(rows, columns, sharex=True, sharey=True)).ravel()
        for axis, (name, of) in zip(axes, targets.items(), strict=False):
            for split, counts in of["histogram"].items():
                edges = np.linspace(0, 1, len(counts) + 1)
                shares = np.array(counts) / max(sum(counts), 1)
                axis.stairs(shares, edges, color=COLOURS[split], label=split)
            axis.set_yscale("symlog", linthresh=0.01)
            axis.yaxis.set_minor_locator(NullLocator())
            axis.set_xticks([0, 0.5, 1])
            axis.set_title(name, fontsize=8)
            axis.label_outer(remove_inner_ticks=True)
        for axis in axes[len(targets) :]:
            axis.set_visible(False)
        axes[0].legend(frameon=False)
        figure.supylabel("share of clips")
        out = io.BytesIO()
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    lines = re.sub(rb"\n *", b"\n", out.getvalue())
    return OUTLINE.sub(rb"\1 \2", lines)
