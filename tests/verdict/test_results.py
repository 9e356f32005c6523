"""results/<profile>/ as read for comparison: numbers, the spread of their seeds, and faults."""

import json

import numpy as np
import pytest

from harness.errors import RunError
from harness.verdict.results import BrokenError, Sample, read_results
from tests.verdict import small


def read(files):
    return read_results(lambda path: files.get(path.split("/")[-1]), "results/small")


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
    found = read(files | {"scores.csv": "\n".join(lines)}).sample("cnn10-rrtn", "local_gain")
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
    files = small.results() | {"metrics.json": json.dumps(small.CCC | {"cnn10": value})}
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
    del files["scores.csv"]
    with pytest.raises(RunError, match=r"results/small/scores\.csv is missing"):
        read(files)


@pytest.mark.parametrize(
    ("file", "content"),
    [("metrics.json", "{"), ("table2.json", "{}"), ("scores.csv", "a,b\n1,2\n")],
)
def test_files_that_cannot_be_read_are_an_error(file, content):
    with pytest.raises(BrokenError, match=f"results/small/{file} cannot be read"):
        read(small.results() | {file: content})


def test_the_committed_results_can_be_read_and_agree():
    for path in sorted((small.ROOT / "results").glob("*/table2.json")):
        folder = path.parent
        results = read_results(lambda p: (small.ROOT / p).read_text(), f"results/{folder.name}")
        for row in results.rows:
            assert results.contradiction(row) is None
            assert results.sample(row, "ccc").runs >= 3
