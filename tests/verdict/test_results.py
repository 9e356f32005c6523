"""results/<profile>/ as read for comparison: numbers, the spread of their seeds, and faults."""

import json

import numpy as np
import pytest

from harness.errors import RunError
from harness.verdict.profiles import tables
from harness.verdict.results import BrokenError, Sample, read_results
from harness.verdict.revisions import Folder
from tests.verdict import small

read = small.read


def test_a_score_has_the_spread_of_its_seeds_in_the_tables_selection():
    found = read(small.results()).sample("cnn10", "ccc")
    assert found.value == 0.5
    assert found.sd == pytest.approx(0.02)
    assert found.runs == 3


def test_a_gains_spread_is_that_of_the_ratio_of_paired_means():
    """Checked against the jackknife over seeds of the gain itself, on scores that vary a little."""
    rng = np.random.default_rng(1)
    row, base = 0.6 + rng.normal(0, 1e-3, 30), 0.5 + rng.normal(0, 1e-3, 30)
    ccc = {"cnn10": base.mean(), "cnn10-rrtn": row.mean()}
    files = small.results(ccc, dict.fromkeys(range(30), 0.0))
    lines = ["row,seed,selection,target,ccc"]
    for name, scores in (("cnn10", base), ("cnn10-rrtn", row)):
        lines += [f"{name},{seed},last,mean,{score}" for seed, score in enumerate(scores)]
    found = read(files | {"table2/scores.csv": "\n".join(lines)}).sample("cnn10-rrtn", "local_gain")
    n = len(row)
    left = [100 * (np.delete(row, i).mean() / np.delete(base, i).mean() - 1) for i in range(n)]
    jackknife = np.sqrt((n - 1) / n * np.sum((left - np.mean(left)) ** 2))
    assert found.value == pytest.approx(100 * (row.mean() / base.mean() - 1))
    assert found.sd / np.sqrt(n) == pytest.approx(jackknife, rel=0.01)
    assert found.runs == n


def test_one_seed_has_no_spread():
    found = read(small.results(spread={1: 0.0})).sample("cnn10-rrtn", "local_gain")
    assert (found.sd, found.runs) == (None, 1)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), None])
def test_what_is_not_finite_is_no_number(value):
    files = small.results() | {"table2/metrics.json": json.dumps(small.CCC | {"cnn10": value})}
    assert read(files).sample("cnn10", "ccc") == Sample(None)


def test_a_baseline_has_no_gain_and_an_unknown_row_no_numbers():
    results = read(small.results())
    assert results.sample("cnn10", "local_gain").value is None
    assert results.sample("resnet18", "ccc").value is None
    assert results.behind("cnn10-rrtn", "local_gain") == ["cnn10-rrtn", "cnn10"]
    assert results.behind("cnn10-rrtn", "ccc") == ["cnn10-rrtn"]


def test_no_files_are_no_results_and_some_are_an_error():
    assert read({}) is None
    files = small.results()
    del files["table2/scores.csv"]
    with pytest.raises(RunError, match=r"x/table2/scores\.csv is missing"):
        read(files)


@pytest.mark.parametrize(
    ("file", "content"),
    [("table2/metrics.json", "{"), ("table2.json", "{}"), ("table2/scores.csv", "a,b\n1,2\n")],
)
def test_files_that_cannot_be_read_are_an_error(file, content):
    with pytest.raises(BrokenError, match=f"x/{file} cannot be read"):
        read(small.results() | {file: content})


def test_a_row_of_table_2_is_read_with_the_selection_that_its_score_is_of():
    """The family's table has no line for it; its own rows say which selection counts."""
    ccc, against = {"table2/cnn10": 0.6, "one": 0.55}, {"one": {"paper": "table2/cnn10"}}
    files = small.results(ccc, family="mine", against=against)  # best is higher by 0.1
    files["mine/metrics.json"] = json.dumps(ccc | {"table2/cnn10": 0.7})
    found = read(files, "mine")
    assert found.measured == ["ccc", "paper_gain", "params"]
    assert found.behind("one", "paper_gain") == ["one", "table2/cnn10"]
    assert list(found.scores["table2/cnn10"].values()) == pytest.approx([0.68, 0.7, 0.72])
    assert list(found.scores["one"].values()) == pytest.approx([0.53, 0.55, 0.57])


def test_all_results_here_can_be_read_and_agree():
    pairs = tables([Folder(small.ROOT)])
    assert pairs
    for profile, family in pairs:
        folder = f"results/{profile}"
        results = read_results(lambda p: (small.ROOT / p).read_text(), folder, family)
        for row in results.rows:
            assert results.contradiction(row) is None
