"""history.csv and the cells' weights.csv → weights.svg: what each loss counts, step by step."""

from pathlib import Path

import pandas as pd

from harness.config.rows import read_family, read_rows
from harness.config.strict import profile
from harness.errors import RunError
from harness.evaluation.drawing import WEIGHT, over_steps, weights
from harness.options import family_named
from harness.stage import run


def main(arguments: list[str] | None = None) -> None:
    """Draw the rows with several losses: of their emotions, where a rule weighs these."""
    family = read_family(family_named(__doc__, arguments))
    folder = Path("results", profile(), family.name)
    source = folder / "history.csv"
    if not source.is_file():
        raise RunError(f"{source} is missing; run `dvc repro {family.stage('collect')}`")
    rows, blocks = {family.label(full): full for full in family.listed}, read_rows()
    found = over_steps(pd.read_csv(source), Path("runs", profile()), rows)
    for label, full in rows.items():
        if len(blocks[full].terms) == 1:  # its own weight moves nothing
            term = blocks[full].terms[0].name.rpartition(".")[2]
            found.loc[found["row"] == label, WEIGHT + term] = float("nan")
    weights(found, folder / "weights.svg")


if __name__ == "__main__":
    run(main)
