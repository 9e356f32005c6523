"""One of several cells as it is, to be compared with the ensemble of them."""

from pydantic import Field

from harness.config.strict import Strict
from harness.errors import ParamsError
from harness.evaluation import distributions
from harness.made import Given, Made
from harness.made._one import made_of


class Params(Strict):
    """Which one, from 1."""

    nth: int = Field(default=1, gt=0)


def check(params: Params, given: Given) -> None:
    """Raise ParamsError where there are fewer."""
    if len(given.cells) < params.nth:
        raise ParamsError(
            f"member {params.nth} is asked for and there are {len(given.cells)} cells; lower `nth`"
        )


def make(params: Params, given: Given) -> Made:
    """Its distribution, and its dev mean."""
    check(params, given)
    folder = list(given.cells.values())[params.nth - 1]
    return made_of(folder, distributions.read(folder))
