"""A cell's folder, whichever way its row gets it."""

from harness.config.rows import MadeRow
from harness.learning.cell import Cell


def finish(cell: Cell) -> None:
    """Train the cell or make it; leave its files in `cell.staged`, the record last."""
    if isinstance(cell.row, MadeRow):
        from harness.learning import making

        making.finish(cell)
    else:
        from harness.learning import outputs

        outputs.finish(cell)
