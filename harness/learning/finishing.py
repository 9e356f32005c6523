"""A cell's folder, whichever way its row gets it."""

import warnings

from harness.config.rows import MadeRow
from harness.learning.cell import Cell

# a hint of Fabric's to whoever has a Slurm, on each cell; a cell is one process there too
warnings.filterwarnings("ignore", "The `srun` command is available")


def finish(cell: Cell) -> None:
    """Train the cell or make it; leave its files in `cell.staged`, the record last."""
    if isinstance(cell.row, MadeRow):
        from harness.learning import making

        making.finish(cell)
    else:
        from harness.learning import outputs

        outputs.finish(cell)
