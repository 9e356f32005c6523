"""Work in processes of their own.

What one variant sets or keeps does nothing to another, its peak memory is its own, and one that
dies takes nobody with it.
"""

import resource
from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

from harness.errors import RunError
from harness.extras.bench.timing import Round
from harness.portable import release

STATUS = Path("/proc/self/status")  # Linux
CONTEXT = get_context("forkserver")  # imports once, then forks before any thread has started
CONTEXT.set_forkserver_preload(["harness.extras.bench.steps", "harness.extras.bench.features"])


class Apart:
    """The round that `make(*arguments)` gives, in a process of its own; a context manager.

    `make` is a function of a module, its arguments can be pickled. A call runs the round there and
    gives its seconds. Raises RunError when it fails, or the process dies or does not answer within
    `patience` seconds.
    """

    def __init__(self, make: Callable[..., Round], *arguments: Any, patience: float = 3600) -> None:
        self.line, theirs = CONTEXT.Pipe()
        self.process = CONTEXT.Process(target=_serve, args=(theirs, make, *arguments))
        self.patience, self.theirs, self.name = patience, theirs, make.__name__

    def __enter__(self) -> "Apart":
        self.process.start()
        self.theirs.close()  # so that its end is seen here
        return self

    def __call__(self) -> float:
        return float(self._ask("round"))

    def peak(self) -> dict[str, float] | None:
        """MiB needed so far at most, above the imports: {"resident": …}, on a GPU also "device".

        Of the processes that it has forked and that have ended the largest comes on top, above the
        same imports. None where the system does not tell (only Linux does).
        """
        found: dict[str, float] | None = self._ask("peak")
        return found

    def _ask(self, what: str) -> Any:
        try:
            self.line.send(what)
            if not self.line.poll(self.patience):
                raise RunError(f"{self.name} gave no answer in {self.patience:g} s")
            answer = self.line.recv()
        except (EOFError, OSError):
            self.process.join()
            raise RunError(f"the process of {self.name} died ({self.process.exitcode})") from None
        if isinstance(answer, _Fault):
            raise RunError(f"{self.name} failed: {answer.text}")
        return answer

    def __exit__(self, *_: object) -> None:
        self.line.close()
        self.process.join(1)
        self.process.kill()
        self.process.join()


class _Fault(NamedTuple):
    """Answered instead of a number."""

    text: str


def _serve(line: Connection, make: Callable[..., Round], *arguments: Any) -> None:
    """In the process of its own: answer until nobody asks any more.

    Torch, which has computed nothing here yet, may use all that the processor has.
    """
    release()
    before = _status("VmRSS")
    one_round = None
    while True:
        try:
            asked = line.recv()
        except EOFError:
            return
        try:
            one_round = one_round or make(*arguments)
            answer: Any = one_round() if asked == "round" else _peak(before)
        except Exception as error:  # told where it can be shown
            answer = _Fault(f"{type(error).__name__}: {error}")
        line.send(answer)


def _peak(before: float) -> dict[str, float] | None:
    import torch

    if not STATUS.is_file():
        return None
    # not getrusage for this one: its maximum is inherited from the process that started it
    largest = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    peaks = {"resident": _status("VmHWM") - before + max(0.0, largest - before)}
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        peaks["device"] = torch.cuda.max_memory_allocated() / 2**20
    return peaks


def _status(key: str) -> float:
    """Of this process, in MiB; 0 where the system does not tell."""
    if not STATUS.is_file():
        return 0.0
    lines = dict(line.split(":", 1) for line in STATUS.read_text().splitlines())
    return float(lines[key].split()[0]) / 1024
