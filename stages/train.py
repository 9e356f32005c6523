"""One row of the table, one seed → dev predictions, history, metrics, record."""

import argparse

from harness.learning.cell import read_cell
from harness.options import whole
from harness.portable import choose
from harness.stage import move, run


def main() -> None:
    """Keep the cell if it is made, take it if a broken launch left it in scratch, else train it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--row", required=True)
    parser.add_argument("--seed", required=True, type=whole(0, 2**32 - 1))
    chosen = parser.parse_args()
    cell = read_cell(chosen.row, chosen.seed)
    choose(cell.train.arithmetic)
    with cell.alone():
        if cell.made(cell.taken):
            print(f"{cell.name}: kept; nothing that it depends on has changed")
            return
        if not cell.made(cell.finished):  # torch: seconds that taking does not need
            from harness.learning.rehearsal import rehearse
            from harness.learning.training import finish_cell

            rehearse(chosen.row)
            finish_cell(cell)
        move(cell.finished, cell.taken)


if __name__ == "__main__":
    run(main)
