"""The `train` block and the blocks of `rows`: what is learned, and how."""

import difflib
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from harness.config.strict import Strict

Frames = Annotated[int, Field(gt=0, le=100_000)]  # a quarter of an hour, 10 ms apart
Stripes = Annotated[int, Field(ge=0, le=1000)]
METHODS = {"vanilla": 1, "rrtn": 2, "rrtn-ruwl": 2}  # with their views; the table compares these


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


class Row(Strict):
    """One row of the table: which encoder, how many views, and how the losses are weighted.

    `weighting` holds `rule`, the name of a class in harness/learning/weighting.py in lower case,
    and that class's arguments; one that is left out is the reading <rule>_<argument>.
    """

    encoder: str
    method: str  # vanilla, rrtn, rrtn-ruwl, or a name of its own
    views: Literal[1, 2]
    weighting: dict[str, Any]

    @model_validator(mode="after")
    def _method_is_meant(self) -> "Row":
        close = difflib.get_close_matches(self.method, METHODS, n=1, cutoff=0.8)
        if close and self.method not in METHODS:
            raise ValueError(f"method '{self.method}': did you mean '{close[0]}'?")
        if self.method in METHODS and self.views != METHODS[self.method]:
            raise ValueError(f"method '{self.method}' has views: {METHODS[self.method]}")
        return self
