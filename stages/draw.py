"""history.csv → weights.svg: what each loss counts, epoch by epoch."""

from pathlib import Path

import pandas as pd

from harness.config.rows import read_family
from harness.config.strict import profile
from harness.errors import RunError
from harness.evaluation.drawing import weights
from harness.options import family_named
from harness.stage import run


def main(arguments: list[str] | None = None) -> None:
    """Draw the rows with several losses: fixed weights are level lines, RUWL's move."""
    family = read_family(family_named(__doc__, arguments))
    folder = Path("results", profile(), family.name)
    source = folder / "history.csv"
    if not source.is_file():
        raise RunError(f"{source} is missing; run `dvc repro {family.stage('collect')}`")
    weights(pd.read_csv(source), folder / "weights.svg")


if __name__ == "__main__":
    run(main)
