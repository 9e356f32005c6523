"""autrainer (Rampp et al. 2024) as a peer, in a Python of its own.

autrainer 0.10 asks for pandas < 3, transformers, timm and speechbrain, and cannot be locked beside
this harness. So it is never imported here: its interpreter runs `peers/autrainer_loop.py`, which
trains in autrainer's own loop, and tells the seconds that autrainer's own timer has counted.
"""

import subprocess
import tempfile
from pathlib import Path

from harness.errors import RunError

MODELS = {"cnn10": "Cnn10", "cnn14": "Cnn14"}  # as autrainer calls them
LOOP = Path(__file__).parent / "peers" / "autrainer_loop.py"


class Autrainer:
    """An epoch of `steps` batches, one view, a line of conversation each; a context manager.

    `python`: an interpreter that can import autrainer. Raises RunError when it cannot.
    """

    def __init__(
        self, python: str, model: str, steps: int, threads: int, batch: int, frames: int, bands: int
    ) -> None:
        sizes = (steps, threads, batch, frames, bands)
        self.command = [python, str(LOOP), model, *map(str, sizes)]

    def __enter__(self) -> "Autrainer":
        self.folder = tempfile.TemporaryDirectory()
        self.errors = (Path(self.folder.name) / "errors.txt").open("w+")
        self.process = subprocess.Popen(
            self.command,
            cwd=self.folder.name,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
        )
        return self

    def epoch(self) -> float:
        """Seconds of autrainer's train timer."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        try:
            self.process.stdin.write("epoch\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # the missing answer says it
        for line in self.process.stdout:
            if line.startswith("seconds "):
                return float(line.split()[1])
        self.errors.seek(0)
        last = self.errors.read().strip().splitlines()[-1:]
        raise RunError(f"{self.command[0]} cannot run autrainer's loop: {' '.join(last)}")

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()
        self.errors.close()
        self.folder.cleanup()
