"""history.csv, the cells' weights and the table → weights.svg, curves.svg, forest.svg."""

from pathlib import Path

import pandas as pd

from harness.config.rows import Family, Row, read_family, read_rows
from harness.config.strict import profile
from harness.errors import RunError
from harness.evaluation.drawing import WEIGHT, curves, forest, over_steps, weights
from harness.evaluation.table import Table
from harness.options import family_named
from harness.stage import run


def main(arguments: list[str] | None = None) -> None:
    draw(read_family(family_named(__doc__, arguments)))


def draw(family: Family) -> None:
    """Draw what each loss counts, dev Ĉ over the epochs, and the gains with their intervals.

    The weights are those of the terms, or of the emotions where a rule weighs these.
    """
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
    trained = {full: row for full, row in blocks.items() if isinstance(row, Row)}
    rows = {family.label(full): full for full in family.listed if full in trained}
    encoders = {label: trained[full].encoder.name for label, full in rows.items()}
    history = history[history["row"].isin(rows)]  # what is made has neither weights nor epochs
    found = over_steps(history, Path("runs", profile()), rows)
    for label, full in rows.items():
        if len(trained[full].terms) == 1:  # its own weight moves nothing
            term = trained[full].terms[0].name.rpartition(".")[2]
            found.loc[found["row"] == label, WEIGHT + term] = float("nan")
    weights(found, folder / "weights.svg")
    curves(history, table, encoders, folder / "curves.svg")
    forest(table, folder / "forest.svg")


if __name__ == "__main__":
    run(main)
