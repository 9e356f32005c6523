"""Kept embeddings → probes.csv, .json and .md: what they tell of speaker and country."""

from pathlib import Path

from harness.config.rows import read_family
from harness.config.statistics import Statistics
from harness.config.strict import ROWS, block, profile
from harness.errors import ParamsError
from harness.evaluation.probes import read, read_clips, summary, table
from harness.evaluation.probes_table import markdown
from harness.options import family_named
from harness.stage import run
from stages.statistics import rounded, write


def main(arguments: list[str] | None = None) -> None:
    """Every row of the family that keeps embeddings, with every seed."""
    family = read_family(family_named(__doc__, arguments))
    rows, name = family.probed, profile()
    if not rows:
        raise ParamsError(f"{ROWS}: no row of {family.name} has keep: [embeddings]; give it to one")
    features, runs = Path("features", name), Path("runs", name)
    reads = {
        family.label(full): [
            read(
                read_clips(runs / full / str(seed), features, "train"),
                read_clips(runs / full / str(seed), features, "dev"),
                seed,
            )
            for seed in family.seeds
        ]
        for full in rows
    }
    against = {
        family.label(full): {kind: family.label(other) for kind, other in row.against.items()}
        for full, row in rows.items()
    }
    level = block(Statistics, "statistics").level
    found = summary(reads, against, level)
    folder = Path("results", name, family.name)
    folder.mkdir(parents=True, exist_ok=True)
    lines = table(reads, family.seeds)
    lines.to_csv(folder / "probes.csv", index=False, float_format="%.6f", lineterminator="\n")
    write(folder / "probes.json", rounded({"seeds": family.seeds, "probes": found}))
    text = markdown(found, family.name, len(family.seeds), level)
    (folder / "probes.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    run(main)
