"""tolerances.yaml: how far a result may be from what is expected of it."""

from pathlib import Path

from pydantic import Field

from harness.config.strict import Strict, block

FILE = Path("tolerances.yaml")


class Tolerance(Strict):
    """In the metric's unit, and as a share of the expected value; the larger one counts."""

    absolute: float = Field(ge=0)
    relative: float = Field(ge=0)


class Spread(Strict):
    """Level of the t interval over seeds, and how many seeds it takes to know their spread."""

    level: float = Field(gt=0, lt=1)
    seeds: int = Field(ge=2)


class Metrics(Strict):
    """One tolerance for each metric: Ĉ, gains in percent, number of parameters."""

    ccc: Tolerance
    gain: Tolerance
    params: Tolerance

    def of(self, metric: str) -> Tolerance:
        """Of "ccc", "params", or a gain by its kind of comparison: "local_gain"."""
        return {"ccc": self.ccc, "params": self.params}.get(metric, self.gain)


class Tolerances(Strict):
    """The whole file: against the paper's numbers, and against our own committed ones."""

    spread: Spread
    paper: Metrics
    reference: Metrics


def read_tolerances(path: Path = FILE) -> Tolerances:
    """tolerances.yaml, checked; raises ParamsError naming the line and key at fault."""
    return block(Tolerances, "", path)
