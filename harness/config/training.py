"""The `train` block: schedule, optimiser, input and sizes that all rows share."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from harness.config.strict import Strict

Frames = Annotated[int, Field(gt=0, le=100_000)]  # a quarter of an hour, 10 ms apart
Stripes = Annotated[int, Field(ge=0, le=1000)]


class SpecAugment(Strict):
    """Widest stripe and number of stripes per axis; frames and mel bands."""

    frames: Frames
    frame_stripes: Stripes
    bands: Annotated[int, Field(gt=0, le=1024)]
    band_stripes: Stripes


class Train(Strict):
    """Shared by all rows: schedule, optimiser, input shape, sizes."""

    batch: Annotated[int, Field(gt=1, le=1 << 16)]
    learning_rate: Annotated[float, Field(gt=0)]
    epsilon: Annotated[float, Field(gt=0)]
    weight_decay: Annotated[float, Field(ge=0)]
    frames: Frames
    width: Annotated[float, Field(gt=0, le=1)]
    embedding: Annotated[int, Field(gt=0, le=1 << 16)]
    redundancy: Annotated[float, Field(ge=0)]
    spec_augment: SpecAugment
    arithmetic: Literal["portable", "fast"]
    precision: Literal["auto", "32-true", "bf16-mixed", "16-mixed"]  # of fast arithmetic
    threads: Annotated[int, Field(gt=0, le=1024)]  # and at most the cores of the machine

    @model_validator(mode="after")
    def _portable_is_one_arithmetic(self) -> "Train":
        if self.arithmetic == "portable" and self.precision not in ("auto", "32-true"):
            raise ValueError(
                f"portable arithmetic is in float32, not {self.precision}; set precision: auto, or "
                "arithmetic: fast"
            )
        if self.arithmetic == "portable" and self.threads != 1:
            raise ValueError("portable arithmetic takes threads: 1; more threads round differently")
        return self
