"""What every `corpus` block of params.yaml may say."""

from typing import Literal

from harness.config.strict import Strict


class CorpusBlock(Strict):
    """`on_bad_clip`: a clip that cannot be used ends the stage, or is left out and listed."""

    name: str
    on_bad_clip: Literal["error", "skip"] = "error"
