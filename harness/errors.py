"""What can go wrong for a user, each as one sentence with the name of the thing and the remedy."""


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
