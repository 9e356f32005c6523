"""MC dropout (Gal and Ghahramani 2016): the mixture of passes in which dropout stayed on."""

from harness.config.strict import Strict
from harness.made import Given, Made
from harness.made._one import check_one, made_of, read


def check(params: Strict, given: Given) -> None:
    """Raise ParamsError where there is not one cell."""
    check_one(given)


def make(params: Strict, given: Given) -> Made:
    """Of a cell that keeps them; the prediction is their mean."""
    check(params, given)
    (folder,) = given.cells.values()
    return made_of(folder, read(folder, "passes", "give its row `keep: [passes]`"))
