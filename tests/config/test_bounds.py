"""Every number of params.yaml that decides how much is allocated has a bound."""

import copy

import pytest
from ruamel.yaml import YAML

from harness.config.features import Features
from harness.config.readings import read_readings
from harness.config.statistics import Statistics
from harness.config.strict import block, parse
from harness.config.training import Train
from harness.corpora.synthetic import Params
from harness.errors import ParamsError
from tests.clone import PARAMS

HUGE = 10**9
CONTENT = PARAMS
MODELS = {"train": Train, "features": Features, "corpus": Params}
UNBOUNDED = {"seed", "low"}  # they decide no size


def whole_numbers(node, above=()):
    """The places of all whole numbers in a block."""
    for key, value in node.items():
        if isinstance(value, dict):
            yield from whole_numbers(value, (*above, key))
        elif isinstance(value, int) and key not in UNBOUNDED:
            yield (*above, key)


PLACES = [(key, place) for key in MODELS for place in whole_numbers(CONTENT[key])]


def test_there_are_such_numbers():
    assert len(PLACES) > 15


@pytest.mark.parametrize(
    ("key", "place"), PLACES, ids=[".".join((key, *place)) for key, place in PLACES]
)
def test_a_huge_number_is_refused_with_its_key(tmp_path, key, place):
    path = tmp_path / "params.yaml"
    content = copy.deepcopy(CONTENT)
    node = content[key]
    for name in place[:-1]:
        node = node[name]
    node[place[-1]] = HUGE
    YAML().dump(content, path)
    with pytest.raises(ParamsError, match=rf"'{key}[a-z_.]*'(: | = )"):
        parse(MODELS[key], content[key], key, path)
    node[place[-1]] = 0
    if place[-1] not in ("frame_stripes", "band_stripes", "test"):
        YAML().dump(content, path)
        with pytest.raises(ParamsError):
            block(MODELS[key], key, path)


def test_epochs_are_bounded_too():
    with pytest.raises(ParamsError, match="epochs"):
        read_readings({"epochs": HUGE})


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("resamples", 0),
        ("resamples", 99),
        ("resamples", 1000000000),  # gigabytes of draws
        ("level", 95),
        ("level", 0.9999999999999999),  # an infinite interval
        ("level", 0.05),  # α for the level
        ("seed", -1),
    ],
)
def test_statistics_out_of_range_are_named(key, value):
    with pytest.raises(ParamsError, match=rf"'statistics.{key}'"):
        parse(Statistics, CONTENT["statistics"] | {key: value}, "statistics")
