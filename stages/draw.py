"""history.csv → weights.svg: what each loss counts, epoch by epoch."""

from pathlib import Path

import pandas as pd

from harness.config.table import read_table
from harness.errors import RunError
from harness.evaluation.drawing import weights
from harness.stage import run


def main() -> None:
    """Draw the rows with twins: fixed weights are level lines, RUWL's move."""
    profile, rows, _ = read_table()
    folder = Path("results", profile)
    if not (folder / "history.csv").is_file():
        raise RunError(f"{folder / 'history.csv'} is missing; run `dvc repro collect`")
    twins = [row.name for row in rows if row.method != "vanilla"]
    weights(pd.read_csv(folder / "history.csv"), twins, folder / "weights.svg")


if __name__ == "__main__":
    run(main)
