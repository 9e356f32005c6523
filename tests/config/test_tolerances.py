"""tolerances.yaml is strict, and the committed one is valid."""

from pathlib import Path

import pytest

from harness.config.tolerances import read_tolerances
from harness.errors import ParamsError

TEXT = Path("tolerances.yaml").read_text(encoding="utf-8")


def test_the_committed_file_is_valid():
    assert read_tolerances().spread.level == 0.95


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("params:", "parms:", "did you mean 'params'"),
        ("absolute: 0.005", "absolute: -0.005", "paper.ccc.absolute"),
        ("level: 0.95", "level: 95", "spread.level"),
        ("seeds: 3", "seeds: 1", "spread.seeds"),
        ("relative: 0.001", "relative: .nan", "relative"),
    ],
)
def test_what_is_not_valid_is_named_with_its_line(tmp_path, old, new, message):
    assert old in TEXT
    path = tmp_path / "tolerances.yaml"
    path.write_text(TEXT.replace(old, new), encoding="utf-8")
    with pytest.raises(ParamsError, match=message):
        read_tolerances(path)
