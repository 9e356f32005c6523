"""One row of the table, one seed → dev predictions, history, metrics, record."""

import argparse
import shutil
from pathlib import Path

from harness.config.strict import profile
from harness.learning.cell import read_cell
from harness.stage import run


def main() -> None:
    """Take the cell if it lies finished in scratch/ (harness.launch), train it if not."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--row", required=True)
    parser.add_argument("--seed", required=True, type=int)
    chosen = parser.parse_args()
    cell = read_cell(chosen.row, chosen.seed)
    if not cell.made(cell.finished):
        from harness.learning.training import (
            finish_cell,  # torch: seconds that taking does not need
        )

        finish_cell(cell)
    out = Path("runs") / profile() / cell.name
    out.parent.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(out, ignore_errors=True)
    cell.finished.rename(out)


if __name__ == "__main__":
    run(main)
