"""runs/ → results/<profile>/<family>/: scores.csv, history.csv, moments.npz of all its cells."""

from pathlib import Path

import numpy as np

from harness.config.rows import TABLE2, Family, read_family, read_rows
from harness.config.strict import PARAMS, profile
from harness.errors import ParamsError
from harness.evaluation.cells import (
    CellResults,
    Labels,
    history_table,
    read_labels,
    read_result,
    row_moments,
    scores_table,
    shared_fact,
)
from harness.evaluation.moments import FACTS, write_moments
from harness.options import family_named
from harness.stage import read_facts, run


def main(arguments: list[str] | None = None) -> None:
    collect(read_family(family_named(__doc__, arguments)))


def collect(family: Family) -> None:
    """Read every row × seed of the family, and the rows of Table 2 that it is compared with."""
    _check_seeds(family)
    targets = read_facts(Path("data", profile()))["targets"]
    labels = read_labels(Path("features", profile(), "dev.csv"), targets)
    blocks, runs = read_rows(), Path("runs", profile())
    results = {
        (family.label(full), seed): read_result(runs, full, blocks[full], seed, labels)
        for full in family.listed
        for seed in family.seeds
    }
    write(Path("results", profile(), family.name), family, results, labels)


def _check_seeds(family: Family) -> None:
    """The rows of Table 2 that a family is compared with have Table 2's seeds."""
    untrained = sorted({*family.seeds} - {*read_family(TABLE2).seeds})
    if family.others and untrained:
        raise ParamsError(
            f"{PARAMS}: families.{family.name} has seed {untrained[0]}, and {family.others[0]}, "
            "which it is compared with, has not; add it to 'seeds' or remove it"
        )


def write(folder: Path, family: Family, results: CellResults, labels: Labels) -> None:
    """The three files, rows by their names in the family's files."""
    folder.mkdir(parents=True, exist_ok=True)
    scores = scores_table(results, labels.targets)
    scores.to_csv(folder / "scores.csv", index=False, float_format="%.6f", lineterminator="\n")
    history = history_table(results)
    history.to_csv(folder / "history.csv", index=False, lineterminator="\n")
    names, seeds = [family.label(full) for full in family.listed], family.seeds
    index = {
        "seeds": seeds,
        "speakers": np.unique(labels.speakers),
        "targets": labels.targets,
        "arithmetic": [[results[name, seed].arithmetic for seed in seeds] for name in names],
    }
    facts = {fact: [shared_fact(fact, name, seeds, results) for name in names] for fact in FACTS}
    moments = {name: row_moments(name, seeds, results) for name in names}
    write_moments(folder / "moments.npz", moments, index | facts)


if __name__ == "__main__":
    run(main)
