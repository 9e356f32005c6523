"""harness.config.training: a row's method is one that the table knows, or clearly another."""

import pytest
from pydantic import ValidationError

from harness.config.training import Row


def row(method, views):
    return Row(encoder="cnn10", method=method, views=views, weighting={"rule": "fixed"})


@pytest.mark.parametrize(
    ("method", "views", "message"),
    [
        ("vanila", 1, "did you mean 'vanilla'"),
        ("rrtn-rulw", 2, "did you mean 'rrtn-ruwl'"),
        ("vanilla", 2, "method 'vanilla' has views: 1"),
        ("rrtn", 1, "method 'rrtn' has views: 2"),
    ],
)
def test_a_method_that_is_misspelt_or_does_not_fit_is_refused(method, views, message):
    with pytest.raises(ValidationError, match=message):
        row(method, views)


@pytest.mark.parametrize(("method", "views"), [("vanilla", 1), ("rrtn", 2), ("mixup", 1)])
def test_known_methods_and_names_of_ones_own_are_taken(method, views):
    assert row(method, views).method == method
