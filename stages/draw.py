"""history.csv and the table → weights.svg, curves.svg, forest.svg: losses, dev Ĉ, gains."""

from pathlib import Path

import pandas as pd

from harness.config.rows import read_family, read_rows
from harness.config.strict import profile
from harness.errors import RunError
from harness.evaluation.drawing import curves, forest, weights
from harness.evaluation.table import Table
from harness.options import family_named
from harness.stage import run


def main(arguments: list[str] | None = None) -> None:
    """Draw what each loss counts and dev Ĉ, epoch by epoch, and the gains with their intervals."""
    family = read_family(family_named(__doc__, arguments))
    folder = Path("results", profile(), family.name)
    source = folder / "history.csv"
    if not source.is_file():
        raise RunError(f"{source} is missing; run `dvc repro {family.stage('collect')}`")
    known = folder.with_suffix(".json")
    if not known.is_file():
        raise RunError(f"{known} is missing; run `dvc repro {family.stage('table')}`")
    history = pd.read_csv(source, dtype={"row": str}, keep_default_na=True)
    table = Table.model_validate_json(known.read_text(encoding="utf-8"))
    blocks = read_rows()
    encoders = {family.label(full): blocks[full].encoder.name for full in family.listed}
    weights(history, folder / "weights.svg")
    curves(history, table, encoders, folder / "curves.svg")
    forest(table, folder / "forest.svg")


if __name__ == "__main__":
    run(main)
