"""What a launch shows: a line for all its cells, and one for each that is at work."""

import os
import sys
import time
from collections import defaultdict
from collections.abc import Mapping
from contextlib import suppress
from multiprocessing.queues import SimpleQueue
from threading import Event, Thread
from typing import Any, NamedTuple

from rich.console import Console
from rich.live import Live
from rich.text import Text

QUIET_SECONDS = 20.0  # where no terminal watches, at most one line of a cell in this time
POLL_SECONDS = 0.1
BAR = 20  # letters
NARROW = 60  # letters of a line below which there is no bar


class Told(NamedTuple):
    """What a worker tells of a cell when it starts and after every epoch; how far it is."""

    name: str
    epoch: int
    epochs: int
    text: str


class Planned(NamedTuple):
    """A cell that a launch makes: its epochs, and what an epoch's time depends on."""

    epochs: int
    kind: str


class Board:
    """Lines that stay on a terminal; elsewhere, one after another, now and then.

    `cells`: what the launch makes, by label; `jobs`: how many at a time; `queue`: what comes from
    workers, as Told has it, or a label when that cell is made.
    """

    def __init__(self, cells: Mapping[str, Planned], jobs: int, queue: "SimpleQueue[Any]") -> None:
        self.cells, self.jobs, self.queue = cells, jobs, queue
        self.at: dict[str, Told] = {}
        self.heard_at: dict[str, float] = {}
        self.printed_at: dict[str, float] = {}
        self.done: set[str] = set()
        self.seconds: dict[str, list[float]] = defaultdict(list)  # of an epoch, by kind
        self.ended = Event()
        watched = sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
        self.live = Live(self, console=Console(), transient=False) if watched and cells else None
        self.reader = Thread(target=self._read, daemon=True)

    def __enter__(self) -> "Board":
        if self.live:
            self.live.start()
        self.reader.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self.ended.set()
        self.reader.join(timeout=1)  # a worker that was killed may have told half of something
        if self.live:
            self.live.stop()

    def _read(self) -> None:
        while True:
            last = self.ended.is_set()
            with suppress(EOFError, OSError):
                while not self.queue.empty():
                    found = self.queue.get()
                    if isinstance(found, str):
                        self.finish(found)
                    else:
                        self.hear(Told(*found), time.monotonic())
            if last:
                return
            time.sleep(POLL_SECONDS)

    def hear(self, told: Told, now: float) -> None:
        """Take what a worker told at a time in seconds."""
        before = self.at.get(told.name)
        planned = self.cells.get(told.name)  # None for one that was asked for meanwhile
        if before and planned:
            self.seconds[planned.kind].append(now - self.heard_at[told.name])
        self.at[told.name], self.heard_at[told.name] = told, now
        if not self.live and told.epoch:
            quiet = now - self.printed_at.setdefault(told.name, now) <= QUIET_SECONDS
            if told.epoch == told.epochs or not quiet:
                print(f"{told.name}: epoch {told.epoch}/{told.epochs}  {told.text}", flush=True)
                self.printed_at[told.name] = now

    def finish(self, name: str) -> None:
        """Take that a cell is made."""
        self.at.pop(name, None)
        self.done.add(name)
        if not self.live:
            print(self.total(), flush=True)

    def left(self) -> float | None:
        """Seconds until all cells are made; None before any epoch's time is known.

        An epoch takes as long as those of its kind did on average, or else as those of all kinds.
        """
        each = {kind: sum(found) / len(found) for kind, found in self.seconds.items()}
        if not each:
            return None
        usual = sum(each.values()) / len(each)
        work = 0.0
        for name, planned in self.cells.items():
            if name not in self.done:
                epochs = planned.epochs - (self.at[name].epoch if name in self.at else 0)
                work += epochs * each.get(planned.kind, usual)
        return work / min(self.jobs, len(self.cells) - len(self.done) or 1)

    def total(self) -> str:
        """The line of all cells."""
        left = self.left()
        then = f", about {duration(left)} left" if left else ""
        return f"{len(self.done)} of {len(self.cells)} cells done{then}"

    def __rich_console__(self, console: Console, options: Any) -> Any:
        for line in self.lines(options.max_width):
            yield Text(line, no_wrap=True, overflow="crop")

    def lines(self, width: int) -> list[str]:
        """That of all cells first, which a low terminal shows too; none longer than `width`."""
        at_work = [told for name, told in list(self.at.items()) if name not in self.done]
        found = [(len(self.done) / len(self.cells), self.total())]
        longest = max((len(told.name) for told in at_work), default=0)
        for told in at_work:
            epoch = f"{told.epoch}/{told.epochs}"
            text = f"{told.name:{longest}}  epoch {epoch:7}  {told.text}".rstrip()
            found.append((told.epoch / told.epochs, text))
        if not at_work and not self.done:
            found.append((0, "first a step of every row without values, to see that it trains"))
        bars = width >= NARROW
        return [f"{_bar(share) if bars else ''}{text}"[:width] for share, text in found]


def duration(seconds: float) -> str:
    """ "40 s", "5 min", "2 h 10 min"."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def _bar(share: float) -> str:
    full = round(BAR * share)
    return f"{'━' * full}{' ' * (BAR - full)}  "
