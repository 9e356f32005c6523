"""Several processes beside each other: who works at what, and none that outlives its parent."""

import ctypes
import fcntl
import os
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import active_children, connection, parent_process
from pathlib import Path
from threading import Thread

from harness import display
from harness.errors import RunError

WATCHED = "HARNESS_WATCHED"  # set by a process that ends the one that reads it, and tells why
PR_SET_PDEATHSIG = 1  # of Linux' prctl(2)


class Terminated(KeyboardInterrupt):
    """SIGTERM came: as Ctrl-C, from a program."""


def heed_signals() -> None:
    """Let SIGTERM end this process as Ctrl-C does: its workers first, then what it is at, in order.

    And let it end with the DVC or the `make repro` that started it, even where that is killed.
    """
    signal.signal(signal.SIGTERM, _end)
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # not ignored, as by nohup
        signal.signal(signal.SIGINT, _end)
    if {WATCHED, "DVC_STAGE"} & set(os.environ):
        end_with_parent()


def end_with_parent() -> None:
    """Let the system send SIGTERM to this process when its parent dies; Linux alone can."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def _end(number: int, frame: object) -> None:
    for each in (signal.SIGTERM, signal.SIGINT):  # once is enough
        signal.signal(each, signal.SIG_IGN)
    for worker in active_children():
        worker.kill()
    raise Terminated if number == signal.SIGTERM else KeyboardInterrupt


@contextmanager
def locked(file: Path, work: str) -> Iterator[None]:
    """Hold a lock as long as the block runs; the system takes it back when this process dies.

    Raises RunError with the other's host and process where another one holds it.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a+", encoding="utf-8") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            stream.seek(0)
            raise RunError(
                f"{work} is under way in another process ({stream.read().strip()}); wait for it, "
                "or end it: what it has finished is kept"
            ) from None
        except OSError as error:
            print(f"warning: {file}: {error.strerror}; let nobody else work here", file=sys.stderr)
        stream.truncate(0)
        stream.write(f"{os.getpid()} on {socket.gethostname()}\n")
        stream.flush()
        yield


def start_worker() -> None:
    """What a worker process does first: end with its parent, on Ctrl-C too, and print safely."""
    display.forgive()
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)
