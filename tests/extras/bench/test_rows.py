"""harness bench rows: the very steps of a family's cells are timed, one after what it needs."""

import shutil

import pytest

from harness.errors import RunError
from harness.extras.bench import rows
from harness.extras.bench.report import markdown
from tests.clone import PARAMS, REPOSITORY, ROWS, write
from tests.extras.bench.test_report import HARDWARE
from tests.learning.packed import write_features

PLAIN = ROWS["table2"]["cnn10"]
FAMILY = {
    **ROWS,
    "rows": {"mine/first": {**PLAIN, "keep": ["weights"]}},
    "after": {"mine/second": {**PLAIN, "after": "mine/first"}},
}


@pytest.fixture
def place(tmp_path, monkeypatch):
    write(tmp_path, {**PARAMS, "families": {"mine": {}}}, FAMILY)
    shutil.copytree(REPOSITORY / "profiles", tmp_path / "profiles")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "features").mkdir()
    return tmp_path / "features/small"


def test_a_row_is_timed_and_one_whose_predecessor_is_not_finished_is_refused(place, monkeypatch):
    place.mkdir()
    write_features(place, train=16)
    monkeypatch.setattr(rows, "STEPS", 2)
    assert rows.row_round("mine/first", 1)() > 0
    with pytest.raises(RunError, match="mine/second-1 comes after mine/first-1"):
        rows.row_round("mine/second", 1)
    monkeypatch.setattr(rows, "STEPS", 3)
    with pytest.raises(RunError, match="3 batches take 24 train clips"):
        rows.row_round("mine/first", 1)


def test_the_report_has_milliseconds_and_memory():
    step = {"median": 0.0123, "low": 0.012, "high": 0.02}
    section = {
        "hardware": HARDWARE,
        "profile": "small",
        "batch": 8,
        "width": 0.5,
        "arithmetic": "portable",
        "rows": {"mine/first": {"seconds_a_step": step, "peak_mib": {"resident": 99.6}}},
    }
    text = markdown({"rows": section})
    (line,) = [line for line in text.splitlines() if "mine/first" in line]
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    assert [cells[0], *map(float, cells[1:])] == ["mine/first", 12.3, 12.0, 20.0, 100]
