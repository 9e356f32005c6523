"""rows.yaml and the profile → cost.csv: what every row of a family costs, counted."""

from pathlib import Path

import pandas as pd

from harness.config.features import Features
from harness.config.rows import Row, read_family
from harness.config.strict import block, profile
from harness.config.training import Train
from harness.learning.cost import cost
from harness.options import family_named
from harness.stage import read_facts, run


def main(arguments: list[str] | None = None) -> None:
    """Count every row that is trained, at the profile's sizes."""
    family, name = read_family(family_named(__doc__, arguments)), profile()
    train, bands = block(Train, "train"), block(Features, "features").bands
    targets = len(read_facts(Path("data", name))["targets"])
    table = pd.DataFrame(
        {"row": family.label(full), **cost(row, train, row.read(), bands, targets)}
        for full, row in family.rows.items()
        if isinstance(row, Row)
    )
    folder = Path("results", name, family.name)
    folder.mkdir(parents=True, exist_ok=True)
    table.to_csv(folder / "cost.csv", index=False, lineterminator="\n")
    print(table.to_string(index=False))


if __name__ == "__main__":
    run(main)
