"""The block `statistics` of params.yaml: how much of a gain the dev speakers can vouch for."""

from pydantic import Field

from harness.config.strict import Strict


class Statistics(Strict):
    """Bootstrap over dev speakers.

    Fewer than 100 resamples say nothing about an interval's ends. More than 100,000 show in no
    printed digit, and at Hume-VB's size (568 dev speakers) already take 0.5 GB for their draws.
    A level beyond 0.99 asks for a tail that resamples do not reach; below 0.5 it is no interval.
    """

    resamples: int = Field(ge=100, le=100_000)
    level: float = Field(ge=0.5, le=0.99)  # of the interval, e.g. 0.95
    seed: int = Field(ge=0)
