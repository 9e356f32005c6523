"""What a launch shows: a line for all its cells, and one for each that is at work."""

import json
import os
import socket
import sys
import time
from collections import defaultdict
from collections.abc import Mapping
from contextlib import suppress
from threading import Event, Lock, Thread
from typing import Any, NamedTuple

from rich.console import Console
from rich.live import Live
from rich.text import Text

QUIET_SECONDS = 20.0  # where no terminal watches, at most one line of a cell in this time
POLL_SECONDS = 0.1
LETTERS = 1 << 16  # of what a worker tells at once, at most
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

    `cells`: what the launch makes, by label; `jobs`: how many at a time; `told`: the end of a
    socket at which workers tell (see `tell`). It takes whole messages and needs no lock, so that a
    worker may be killed at any moment.
    """

    def __init__(self, cells: Mapping[str, Planned], jobs: int) -> None:
        self.cells, self.jobs = cells, jobs
        self.at: dict[str, Told] = {}
        self.heard_at: dict[str, float] = {}
        self.printed_at: dict[str, float] = {}
        self.done: set[str] = set()
        self.failed: set[str] = set()
        self.seconds: dict[str, list[float]] = defaultdict(list)  # of an epoch, by kind
        self.told, self.heard = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.lock, self.ended = Lock(), Event()
        watched = sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
        self.live = Live(self, console=Console()) if watched and cells else None
        self.reader = Thread(target=self._listen, daemon=True)

    def __enter__(self) -> "Board":
        if self.live:
            self.live.start()
        self.reader.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self.ended.set()
        self.reader.join()
        if self.live:
            self.live.stop()
        self.told.close()
        self.heard.close()

    def _listen(self) -> None:
        while not self.ended.wait(POLL_SECONDS):
            with self.lock:
                self._hear_all()

    def _hear_all(self) -> None:
        with suppress(BlockingIOError):  # there is no more
            while True:
                text = self.heard.recv(LETTERS, socket.MSG_DONTWAIT)
                self.hear(Told(*json.loads(text)), time.monotonic())

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
        with self.lock:
            self._hear_all()  # what it told before
            self.at.pop(name, None)
            self.failed.discard(name)  # it was tried again
            self.done.add(name)
            if not self.live:
                print(self.total(), flush=True)

    def drop(self, name: str) -> None:
        """Take that a cell failed: nobody works at it any more."""
        with self.lock:
            self._hear_all()
            self.at.pop(name, None)
            self.failed.add(name)

    def left(self) -> float | None:
        """Seconds until all cells are made or failed; None before any epoch's time is known.

        An epoch takes as long as those of its kind did on average, or else as those of all kinds.
        """
        each = {kind: sum(found) / len(found) for kind, found in self.seconds.items()}
        if not each:
            return None
        usual = sum(each.values()) / len(each)
        work = 0.0
        for name, planned in self.cells.items():
            if name not in self.done | self.failed:
                epochs = planned.epochs - (self.at[name].epoch if name in self.at else 0)
                work += epochs * each.get(planned.kind, usual)
        waiting = len(self.cells) - len(self.done | self.failed)
        return work / min(self.jobs, waiting or 1)

    def total(self) -> str:
        """The line of all cells."""
        left = self.left()
        then = f", about {duration(left)} left" if left else ""
        lost = f", {len(self.failed)} failed" if self.failed else ""
        return f"{len(self.done)} of {len(self.cells)} cells done{lost}{then}"

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


def tell(board: socket.socket, *told: Any) -> None:
    """In a worker: let the board show it, if it still can."""
    with suppress(OSError):
        board.send(json.dumps(told).encode(), socket.MSG_DONTWAIT)


def duration(seconds: float) -> str:
    """ "40 s", "5 min", "2 h 10 min"."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def _bar(share: float) -> str:
    full = round(BAR * share)
    return f"{'━' * full}{' ' * (BAR - full)}  "
