"""One row, all its cells → a folder each with predictions, history, metrics and record."""

import argparse

from harness.errors import RunError
from harness.learning.cell import Cell, read_cells, remove_others, seeds_of
from harness.options import whole
from harness.portable import choose
from harness.stage import run


def main(arguments: list[str] | None = None) -> None:
    """Put every cell at its place as soon as it is finished; remove those of other seeds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("row", metavar="family/row", help="one of rows.yaml, e.g. table2/cnn10")
    parser.add_argument("--seed", type=whole(0, 2**32 - 1), help="this cell alone")
    parser.add_argument("--why", action="store_true", help="only tell why cells train again")
    asked = parser.parse_args(arguments)
    seeds = seeds_of(asked.row) if asked.seed is None else [asked.seed]
    cells = read_cells([asked.row], seeds)
    if asked.why:
        for cell in cells:
            print(f"{cell.label}: {why(cell)}")
        return
    for cell in cells:
        with cell.alone():
            make(cell)
    if asked.seed is None:
        for folder in remove_others(cells[0].kept.parent, seeds):
            print(f"{folder}: removed; no such seed is asked for")


def make(cell: Cell) -> None:
    """Keep the cell if it is made, take it if a broken launch left it in scratch, else train it."""
    if cell.is_in(cell.kept):
        print(f"{cell.label}: kept; nothing that it depends on has changed")
        return
    if before := cell.unfinished():
        raise RunError(
            f"{cell.label} comes after {before.label}, which is not finished; run "
            f"`python -m stages.train {before.name}`"
        )
    if not cell.is_in(cell.staged):
        choose(cell.train.arithmetic)  # before torch loads, which taking does not need
        from harness.learning.finishing import finish
        from harness.learning.validation import validate_once

        validate_once()
        finish(cell)
    cell.take()


def why(cell: Cell) -> str:
    """What the cell depends on that is not as it was when it was trained."""
    changed = cell.changed(cell.kept)
    if changed is None:
        return "not trained yet"
    if not changed:
        return "nothing that it depends on has changed"
    return f"changed: {', '.join(changed)}"


if __name__ == "__main__":
    run(main)
