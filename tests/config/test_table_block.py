import pytest

from harness.config.statistics import Statistics
from harness.config.strict import block
from harness.config.table import Row, global_baseline, local_baseline, read_table, ruwl_baseline
from harness.errors import ParamsError

ROWS = [
    Row("resnet18", "resnet18", "vanilla"),
    Row("cnn14-rrtn", "cnn14", "rrtn"),
    Row("cnn14", "cnn14", "vanilla"),
    Row("cnn14-crop", "cnn14", "vanilla"),
    Row("orphan", "cnn6", "rrtn"),
]
PARAMS = """
profile: toy
rows:
  a: {encoder: cnn10, method: vanilla, views: [clean], other: 3}
  b: {encoder: cnn10, method: rrtn}
  c: {encoder: cnn10}
  unused: {encoder: 1}
table:
  rows: [b, a]
  seeds: [1, 5]
statistics: {resamples: 100, level: 0.95, seed: 0}
"""


@pytest.fixture
def params(tmp_path):
    def write(old="", new=""):
        assert old in PARAMS
        path = tmp_path / "params.yaml"
        path.write_text(PARAMS.replace(old, new, 1) if old else PARAMS)
        return path

    return write


def test_local_baseline_is_the_first_vanilla_row_of_the_encoder():
    names = [getattr(local_baseline(row, ROWS), "name", None) for row in ROWS]
    assert names == [None, "cnn14", None, "cnn14", None]


def test_global_baseline_is_the_first_row():
    names = [getattr(global_baseline(row, ROWS), "name", None) for row in ROWS]
    assert names == [None, *["resnet18"] * 4]


def test_ruwl_is_compared_with_the_same_encoders_row_without_it():
    rows = [
        *ROWS,
        Row("cnn14-rrtn-ruwl", "cnn14", "rrtn-ruwl"),
        Row("cnn10-rrtn-ruwl", "cnn10", "rrtn-ruwl"),  # no row without
    ]
    names = [getattr(ruwl_baseline(row, rows), "name", None) for row in rows]
    assert names == [*[None] * 5, "cnn14-rrtn", None]


def test_rows_keep_the_order_of_the_table(params):
    rows = [Row("b", "cnn10", "rrtn"), Row("a", "cnn10", "vanilla")]
    assert read_table(params()) == ("toy", rows, [1, 5])


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[b, a]", "[b, d]", "table.rows has 'd'"),
        ("[b, a]", "[b, c]", "rows.c needs a name for both 'encoder' and 'method'"),
        ("[b, a]", "[b, a, b]", "'b' is listed twice"),
        ("[b, a]", "[]", "table.rows"),
        ("[1, 5]", "[1, 1]", "1 is listed twice"),
        ("[1, 5]", "[one]", "table.seeds"),
        ("seeds:", "seed:", "did you mean 'seeds'"),
        ("profile: toy", "", "'profile' is missing"),
    ],
)
def test_mistakes_are_named(params, old, new, message):
    with pytest.raises(ParamsError, match=message):
        read_table(params(old, new))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("resamples: 100", "resamples: 0"),
        ("resamples: 100", "resamples: 99"),
        ("resamples: 100", "resamples: 1000000000"),  # gigabytes of draws
        ("level: 0.95", "level: 95"),
        ("level: 0.95", "level: 0.9999999999999999"),  # an infinite interval
        ("level: 0.95", "level: 0.05"),  # α for the level
        ("seed: 0", "seed: -1"),
    ],
)
def test_statistics_out_of_range_are_named(params, old, new):
    with pytest.raises(ParamsError, match=rf"'statistics.{old.split(':')[0]}'"):
        block(Statistics, "statistics", params(old, new))
