"""Numbers on command lines: bounds that a refusal names, exit status 2, no traceback."""

import pytest

from harness import cli
from harness.options import CORES, JOBS

REFUSED = [
    ("simulate", "--jobs", "0"),
    ("simulate", "--jobs", str(JOBS + 1)),
    ("simulate", "--draws", "0"),
    ("simulate", "--draws", "1000000000"),
    ("simulate", "--seed", "-1"),
    ("bench", "--threads", "0"),
    ("bench", "--threads", str(CORES + 1)),
    ("bench", "--budget", "0"),
    ("bench", "--budget", "nan"),
    ("bench", "--budget", "inf"),
    ("bench", "--widths", "-1"),
    ("bench", "--widths", "2"),
    ("bench", "--efficiency", "1.5"),
    ("bench", "--efficiency", "0"),
]


@pytest.mark.parametrize(("command", "option", "value"), REFUSED, ids=map(" ".join, REFUSED))
def test_a_number_out_of_bounds_is_refused_before_anything_runs(
    tmp_path, monkeypatch, capsys, command, option, value
):
    monkeypatch.chdir(tmp_path)
    section = ["all"] if command == "bench" else []
    with pytest.raises(SystemExit) as ended:
        cli.main([command, *section, option, value])
    assert ended.value.code == 2
    assert (
        capsys.readouterr()
        .err.splitlines()[-1]
        .startswith(f"harness {command}: error: argument {option}: {value} is not")
    )
    assert not list(tmp_path.iterdir())
