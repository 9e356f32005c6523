"""What every `corpus` block of params.yaml may say."""

from typing import Literal

from harness.config.strict import Strict

OnBadClip = Literal["error", "skip"]


class CorpusBlock(Strict):
    """`on_bad_clip`: a clip that cannot be used ends the stage, or is left out and listed."""

    name: str
    on_bad_clip: OnBadClip = "error"
