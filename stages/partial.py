"""The table of a family that lacks cells: a row that lacks one is MISSING in it.

No stage of dvc.yaml, so that DVC does not take it for the table.
"""

from harness.config.rows import Family, read_family
from harness.errors import RunError
from harness.learning.cell import read_cells
from harness.options import family_named
from harness.stage import run
from stages.collect import collect
from stages.draw import draw
from stages.statistics import compare
from stages.table import tabulate


def main(arguments: list[str] | None = None) -> None:
    """Collect, compare, tabulate and draw the rows that have all their cells."""
    family = read_family(family_named(__doc__, arguments))
    missing = [full for full in family.listed if not _whole(full, family.seeds)]
    rest = _without(family, missing)
    if not rest.listed:
        raise RunError(f"{family.name}: no row has all its cells, so there is no table")
    collect(rest)
    compare(rest)
    tabulate(rest, [family.label(full) for full in missing])
    draw(rest)


def _whole(full: str, seeds: list[int]) -> bool:
    return all(cell.is_in(cell.kept) for cell in read_cells([full], seeds))


def _without(family: Family, missing: list[str]) -> Family:
    """The family without these rows, and without what is compared with them."""
    rows = {}
    for full, row in family.rows.items():
        if full not in missing:
            against = {kind: each for kind, each in row.against.items() if each not in missing}
            rows[full] = row.model_copy(update={"against": against})
    return family._replace(rows=rows)


if __name__ == "__main__":
    run(main)
