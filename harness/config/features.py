"""The `features` block: sound → log-mel."""

from typing import Annotated

from pydantic import Field, model_validator

from harness.config.strict import Strict

Samples = Annotated[int, Field(gt=0, le=1 << 16)]  # 0.3 s at 192 kHz


class Features(Strict):
    """Log-mel settings; windows and hops in samples, frequencies in Hz."""

    sample_rate: Annotated[int, Field(gt=0, le=192_000)]
    window: Samples
    hop: Samples
    bands: Annotated[int, Field(gt=0, le=1024)]
    low: Annotated[float, Field(ge=0)]
    high: Annotated[float, Field(gt=0)]

    @model_validator(mode="after")
    def _band_limits(self) -> "Features":
        if not self.low < self.high <= self.sample_rate / 2:
            raise ValueError("needs low < high ≤ sample_rate / 2")
        return self
