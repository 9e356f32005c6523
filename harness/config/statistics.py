"""The block `statistics` of params.yaml: how much of a gain the dev speakers can vouch for."""

from pydantic import Field

from harness.config.strict import Strict


class Statistics(Strict):
    """Bootstrap over dev speakers."""

    resamples: int = Field(ge=1)
    level: float = Field(gt=0, lt=1)  # of the interval, e.g. 0.95
    seed: int = Field(ge=0)
