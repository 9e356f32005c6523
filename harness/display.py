"""What is shown must not end what is made: stdout and stderr that never raise."""

import codecs
import contextlib
import io
import os
import select
import sys
import unicodedata
from typing import Any

READABLE = {  # where Unicode has no decomposition into ASCII
    "±": "+-",
    "–": "-",
    "−": "-",
    "×": "x",
    "·": "*",
    "→": "->",
    "≤": "<=",
    "≥": ">=",
    "λ": "lambda",
    "α": "alpha",
    "Σ": "sum",
    "√": "sqrt",
    "§": "section ",
    "█": "#",
    "━": "-",
}


class _Shown(io.FileIO):
    """A stream of the system that drops what it cannot take: no reader, a full disk, closed."""

    def write(self, data: Any) -> int:
        try:
            while (written := super().write(data)) is None:  # a full pipe that does not block
                select.select([], [self], [])
            return written
        except OSError:
            return len(data)


def forgive() -> None:
    """Let this process print whatever comes of it; a stream that was put in their place stays.

    A letter that the encoding lacks is shown by the nearest one in ASCII, Ĉ as C.
    """
    codecs.register_error("readable", _readable)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is not getattr(sys, f"__{name}__"):
            continue
        if stream is None:  # it was closed before Python started
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
            continue
        with contextlib.suppress(OSError):
            stream.flush()
        raw = _Shown(stream.fileno(), "w", closefd=False)
        shown = io.TextIOWrapper(
            io.BufferedWriter(raw),
            encoding=stream.encoding,
            errors="readable",
            line_buffering=stream.line_buffering,
            write_through=stream.write_through,
        )
        setattr(sys, name, shown)


def _readable(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeEncodeError)
    letters = error.object[error.start : error.end]
    return "".join(map(_nearest, letters)), error.end


def _nearest(letter: str) -> str:
    plain = unicodedata.normalize("NFKD", READABLE.get(letter, letter))
    return plain.encode("ascii", "ignore").decode() or "?"
