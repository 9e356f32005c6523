"""Kept embeddings → probes.csv and probes.md: what can be read from them of speaker and country."""

from pathlib import Path

import pandas as pd

from harness.config.rows import read_family
from harness.config.statistics import Statistics
from harness.config.strict import ROWS, block, profile
from harness.errors import ParamsError
from harness.evaluation.probes import COLUMNS, markdown, probed, read_clips, summary
from harness.options import family_named
from harness.stage import run


def main(arguments: list[str] | None = None) -> None:
    """Every row of the family that keeps embeddings, with every seed."""
    family = read_family(family_named(__doc__, arguments))
    rows = family.probed
    if not rows:
        raise ParamsError(f"{ROWS}: no row of {family.name} has keep: [embeddings]; give it to one")
    features, found = Path("features", profile()), []
    for full in rows:
        for seed in family.seeds:
            folder = Path("runs", profile(), full, str(seed))
            train, dev = (read_clips(folder, features, split) for split in ("train", "dev"))
            found += probed(train, dev, family.label(full), seed)
    table = pd.DataFrame(found, columns=COLUMNS)
    against = {
        family.label(full): [family.label(other) for other in row.against.values()]
        for full, row in rows.items()
    }
    folder = Path("results", profile(), family.name)
    folder.mkdir(parents=True, exist_ok=True)
    table.to_csv(folder / "probes.csv", index=False, float_format="%.6f", lineterminator="\n")
    level = block(Statistics, "statistics").level
    text = markdown(summary(table, against, level), family.name, level)
    (folder / "probes.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    run(main)
