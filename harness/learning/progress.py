"""The live line of a cell: epoch, losses, weights, dev Ĉ, time left."""

import sys
import time
from collections.abc import Callable
from multiprocessing import parent_process
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

QUIET_SECONDS = 20.0  # where no terminal watches, at most one line in this time
Tell = Callable[[str, int, int, str], None]  # name, finished epochs, of how many, what else
told: list[Tell] = []  # in a worker: who shows its lines, at most one


class Line:
    """A progress bar on a terminal; elsewhere a printed line now and then, and the last epoch.

    A worker prints nothing where another process shows its lines.
    """

    def __init__(self, name: str, epochs: int) -> None:
        self.name, self.epochs = name, epochs
        self.printed = time.monotonic()
        self.bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=12),
            MofNCompleteColumn(),
            TextColumn("{task.fields[text]}"),
            TimeRemainingColumn(),
            disable=not sys.stdout.isatty() or parent_process() is not None,  # lines would mix
        )
        self.task = self.bar.add_task(name, total=epochs, text="")

    def __enter__(self) -> "Line":
        self.bar.start()
        for tell in told:
            tell(self.name, 0, self.epochs, "")
        return self

    def show(self, row: dict[str, float]) -> None:
        """`row`: one row of the history."""
        losses = " ".join(f"{v:.3g}" for k, v in row.items() if k.startswith("loss_"))
        weights = " ".join(f"{v:.2g}" for k, v in row.items() if k.startswith("weight_"))
        text = f"dev Ĉ {row['dev_ccc']:.3f}  losses {losses}  weights {weights}"
        for tell in told:
            tell(self.name, int(row["epoch"]), self.epochs, text)
        if told:
            return
        self.bar.update(self.task, completed=row["epoch"], text=text)
        last = row["epoch"] == self.epochs
        if self.bar.disable and (last or time.monotonic() - self.printed > QUIET_SECONDS):
            print(f"{self.name}: epoch {row['epoch']:.0f}/{self.epochs}  {text}", flush=True)
            self.printed = time.monotonic()

    def __exit__(self, *_: Any) -> None:
        self.bar.stop()
