"""Ĉ, gains, the headline's p, Holm's and power follow from moments.npz, recomputed in loops."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from stages import collect, statistics
from tests.fabricated import TARGETS, write_cell, write_tree
from tests.references import headline as naive

ROOT = Path(__file__).parents[1]
COMMITTED = sorted(ROOT.glob("results/*/*/moments.npz"))  # of a profile and a family
LEVEL = 0.95


def assert_recomputed(folder):
    """statistics.json says what the loops over moments.npz say; gives the comparisons checked."""
    sums = naive.read(folder / "moments.npz")
    told = json.loads((folder / "statistics.json").read_text(encoding="utf-8"))
    assert list(told) == list(sums)
    found = {row: naive.jackknife(sums[row][told[row]["selection"]]) for row in told}
    for row, numbers in told.items():
        assert numbers["ccc"] == pytest.approx(np.mean(found[row][0]), abs=2e-8)
        if "averaged" in numbers:
            assert numbers["averaged"] == len(sums[row][numbers["selection"]])
    pairs = {
        (row, each["baseline"]): each
        for row, numbers in told.items()
        for each in numbers["comparisons"].values()
        if each
    }
    p = {}
    for (row, baseline), each in pairs.items():
        base = np.mean(found[baseline][0])
        gain = 100 * (np.mean(found[row][0]) / base - 1)
        assert each["gain"] == pytest.approx(gain, abs=1e-5)
        if each["p"] is None:  # of one or two seeds
            continue
        ours = naive.headline(found[row], found[baseline], LEVEL)
        p[row, baseline] = max(ours["p"], each["smallest_p"])
        assert each["p"] == pytest.approx(p[row, baseline], rel=1e-5)
        for key in ("difference", "df", "error", "detects_difference"):
            if key in each:
                assert each[key] == pytest.approx(ours[key], rel=1e-4, abs=2e-8)
    for pair, adjusted in naive.holm(p).items():
        assert pairs[pair]["p_holm"] == pytest.approx(adjusted, rel=1e-5)
    return pairs


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """Two rows over a third, whose seeds differ each in its own way."""
    monkeypatch.chdir(tmp_path)
    truth, rng = (
        {"cnn10": 0.4, "cnn10-rrtn": 0.43, "cnn10-rrtn-ruwl": 0.41},
        np.random.default_rng(0),
    )
    write_tree(truth, seeds=(1, 2, 3, 4), selection="late")
    dev = pd.read_csv("features/toy/dev.csv", dtype={"clip": str})
    labels = dev[TARGETS].to_numpy()
    for row, ccc in truth.items():
        for seed in (1, 2, 3, 4):
            shutil.rmtree(Path("runs/toy/table2", row, str(seed)))
            scores = {name: ccc + 0.02 * rng.normal() for name in ("last", "best", "late")}
            write_cell(row, seed, list(dev["clip"]), labels, scores)
    for stage in (collect, statistics):
        stage.main(["table2"])


def test_of_late_epochs_all_numbers_follow_from_their_moments(tree):
    pairs = assert_recomputed(Path("results/toy/table2"))
    assert len(pairs) == 3
    told = json.loads(Path("results/toy/table2/statistics.json").read_text())
    assert {numbers["averaged"] for numbers in told.values()} == {3}
    assert all(each["detects_difference"] > 0.005 for each in pairs.values())


@pytest.mark.committed
@pytest.mark.parametrize("path", COMMITTED, ids=lambda path: "-".join(path.parts[-3:-1]))
def test_the_committed_numbers_follow_from_the_committed_moments(path):
    assert assert_recomputed(path.parent)
