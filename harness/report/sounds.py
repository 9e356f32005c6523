"""The corpus's sounds and pictures of them, as a local page holds them."""

import base64
import io
from pathlib import Path

import matplotlib.image
import numpy as np
import soundfile

from harness.corpora.clips import read
from harness.errors import CorpusError, FeaturesError
from harness.evaluation.ccc import Array
from harness.features import waveform

RANGE = 80.0  # dB below the loudest place that a picture shows


class Sounds:
    """Sounds as data URIs, up to `room` bytes in all, each once.

    `lacking`: a line that says what is not here and the remedy; None where nothing is missing.
    """

    def __init__(self, folder: Path, rate: int, room: int) -> None:
        self.rate, self.room = rate, room
        self.lacking: str | None = None
        self.files: dict[str, tuple[Path, str]] = {}
        self.given: set[str] = set()
        try:
            clips, about = read(folder)
        except CorpusError as error:
            self._tell(f"sounds are missing on the page: {error}")
            return
        root = Path(about["root"])
        for clip, path, sha256 in zip(clips["clip"], clips["path"], clips["sha256"], strict=True):
            self.files[clip] = root / path, sha256

    def of(self, clip: str) -> tuple[str | None, str]:
        """The sound as the network hears it, mono at its rate; or None and why there is none."""
        if clip in self.given:
            return None, "Its sound stands above."
        if clip not in self.files:
            self._tell(
                f"sounds are missing on the page: the clip table lacks '{clip}'; run `dvc repro`"
            )
            return None, "The clip table lacks it."
        file, sha256 = self.files[clip]
        if not file.is_file():
            self._tell(
                f"sounds are missing on the page: {file} is not here any more; "
                "`dvc repro -f download` brings it back"
            )
            return None, "Its sound is not here any more."
        try:
            samples = waveform(file, self.rate, sha256)
        except FeaturesError as error:
            self._tell(f"sounds are missing on the page: {error}")
            return None, "Its sound is not the one that the network heard."
        found = _uri("audio/wav", _wav(samples, self.rate))
        if len(found) > self.room:
            self._tell("the page has no room for all sounds; raise --limit or lower --clips")
            return None, "Its sound is left out, because the page would be too large."
        self.room -= len(found)
        self.given.add(clip)
        return found, ""

    def _tell(self, line: str) -> None:
        self.lacking = self.lacking or line  # the first is enough


def picture(levels: Array) -> str:
    """Log-mel [frames, bands] in dB → a picture as a data URI, time to the right, low bands below,
    a pixel a frame and band."""
    stream, top = io.BytesIO(), float(levels.max())
    matplotlib.image.imsave(
        stream, levels.T, vmin=top - RANGE, vmax=top, cmap="magma", origin="lower", format="png"
    )
    return _uri("image/png", stream.getvalue())


def _wav(samples: np.ndarray, rate: int) -> bytes:
    stream = io.BytesIO()
    soundfile.write(stream, np.clip(samples, -1, 1), rate, "PCM_16", format="WAV")
    return stream.getvalue()


def _uri(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
