"""The `train` block and the blocks of `rows`: what is learned, and how."""

from typing import Annotated, Any, Literal

from pydantic import Field

from harness.config.strict import Strict

Positive = Annotated[int, Field(gt=0)]


class SpecAugment(Strict):
    """Widest stripe and number of stripes per axis; frames and mel bands."""

    frames: Positive
    frame_stripes: Annotated[int, Field(ge=0)]
    bands: Positive
    band_stripes: Annotated[int, Field(ge=0)]


class Train(Strict):
    """Shared by all rows: schedule, optimiser, input shape, sizes."""

    batch: Annotated[int, Field(gt=1)]
    learning_rate: Annotated[float, Field(gt=0)]
    epsilon: Annotated[float, Field(gt=0)]
    weight_decay: Annotated[float, Field(ge=0)]
    frames: Positive
    width: Annotated[float, Field(gt=0, le=1)]
    embedding: Positive
    redundancy: Annotated[float, Field(ge=0)]
    spec_augment: SpecAugment
    precision: Literal["auto", "32-true", "bf16-mixed", "16-mixed"]
    threads: Positive


class Row(Strict):
    """One row of the table: which encoder, how many views, and how the losses are weighted.

    `weighting` holds `rule`, the name of a class in harness/learning/weighting.py in lower case,
    and that class's arguments; one that is left out is the reading <rule>_<argument>.
    """

    encoder: str
    method: str
    views: Literal[1, 2]
    weighting: dict[str, Any]
