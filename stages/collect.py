"""runs/ → results/<profile>/scores.csv, history.csv and moments.npz: all cells of the table."""

from pathlib import Path

import numpy as np

from harness.config.table import read_table
from harness.evaluation.cells import (
    FACTS,
    history_table,
    read_cell,
    read_labels,
    scores_table,
    shared_fact,
    shared_selections,
)
from harness.evaluation.moments import write_moments
from harness.stage import read_facts, run


def main() -> None:
    """Read every row × seed of params.yaml, and nothing else that may lie in runs/."""
    profile, rows, seeds = read_table()
    targets = read_facts(Path("data", profile))["targets"]
    labels = read_labels(Path("features", profile, "dev.csv"), targets)
    names = [row.name for row in rows]
    cells = {(r, s): read_cell(Path("runs", profile), r, s, labels) for r in names for s in seeds}

    folder = Path("results", profile)
    folder.mkdir(parents=True, exist_ok=True)
    scores = scores_table(cells, targets)
    scores.to_csv(folder / "scores.csv", index=False, float_format="%.6f", lineterminator="\n")
    history = history_table(cells)
    history.to_csv(folder / "history.csv", index=False, lineterminator="\n")
    arrays = {
        selection: np.array([[cells[r, s].moments[selection] for s in seeds] for r in names])
        for selection in shared_selections(cells)
    }
    facts = {fact: [shared_fact(fact, r, seeds, cells) for r in names] for fact in FACTS}
    index = {
        "rows": names,
        "seeds": seeds,
        "speakers": np.unique(labels.speakers),
        "targets": targets,
        "arithmetic": [[cells[r, s].arithmetic for s in seeds] for r in names],
    }
    write_moments(folder / "moments.npz", arrays, index | facts)


if __name__ == "__main__":
    run(main)
