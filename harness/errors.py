"""What can go wrong for a user, each as one sentence with the name of the thing and the remedy."""

import errno
from concurrent.futures import BrokenExecutor

ROOM = "make room there and run it again; what is finished is kept"
RIGHTS = "give this user the right to read and write there, or work in a clone of your own"
REMEDIES = {  # of errors by which the system says that there is no more of something
    errno.ENOSPC: ROOM,
    errno.EDQUOT: ROOM,
    errno.EFBIG: "raise the largest size of a file (ulimit -f) and run it again",
    errno.EROFS: RIGHTS,
    errno.EACCES: RIGHTS,
    errno.EPERM: RIGHTS,
    errno.EMFILE: "raise the number of open files (ulimit -n) and run it again",
    errno.ENFILE: "close other programs, the whole machine has too many open files",
    errno.EAGAIN: "raise the number of processes (ulimit -u) or run fewer at a time (JOBS=1)",
    errno.ENOMEM: "run fewer cells at a time (JOBS=1), or lower train.batch or train.frames",
}
MEMORY = ("out of memory", "can't allocate memory", "ALLOC_FAILED", "bad_alloc")  # torch's words


class HarnessError(Exception):
    """Base of all errors that a stage or command reports as one line instead of a traceback."""


class ParamsError(HarnessError):
    """params.yaml, a profile or paper.yaml holds something that is not valid."""


class CorpusError(HarnessError):
    """A corpus, its clip table or one of its clips cannot be used."""


class FeaturesError(HarnessError):
    """Packed features are missing, incomplete or do not fit the clip table."""


class RunError(HarnessError):
    """A cell's record is missing, incomplete or does not fit the others."""


class AccessError(CorpusError):
    """A server does not hand a corpus out: no rights, an expired token, no such file."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


def lacking(error: BaseException) -> str | None:
    """What the machine lacks and the remedy, where that is why any code failed; else None."""
    text = str(error).strip() or type(error).__name__
    if isinstance(error, OSError) and error.errno in REMEDIES:
        place = f"{error.filename}: " if error.filename else ""
        return f"{place}{error.strerror}; {REMEDIES[error.errno]}"
    if isinstance(error, OSError) and "requested and" in text:  # numpy has no number for it
        return f"the disk is full ({text}); {ROOM}"
    told = isinstance(error, RuntimeError) and any(words in text for words in MEMORY)
    if told or isinstance(error, MemoryError):
        short = text.splitlines()[0][:200]
        return f"there is not enough memory ({short}); {REMEDIES[errno.ENOMEM]}"
    if isinstance(error, RuntimeError) and text == "can't start new thread":
        return f"{text}; {REMEDIES[errno.EAGAIN]}"
    if isinstance(error, BrokenExecutor):
        return (
            "a process that this one had started was killed, most often for want of memory; "
            f"{REMEDIES[errno.ENOMEM]}; what is finished is kept"
        )
    return None
