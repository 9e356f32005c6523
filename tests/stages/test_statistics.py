import json
from pathlib import Path

import pytest

from harness.errors import RunError
from stages import collect, statistics
from tests.fabricated import EPOCHS, PAPER, RISE, write_params, write_tree

TRUTH = {"resnet18": 0.3, "cnn10-rrtn": 0.5, "cnn10": 0.4}


@pytest.fixture
def tree(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_tree(TRUTH, seeds=(1, 2, 3))


def results(family="table2"):
    collect.main([family])
    statistics.main([family])
    return json.loads(Path(f"results/toy/{family}/statistics.json").read_text())


def test_scores_gains_and_facts_of_each_row(tree):
    found = results()
    assert list(found) == list(TRUTH)
    row = found["cnn10-rrtn"]
    assert row["ccc"] == pytest.approx(0.5, abs=1e-6)
    assert row["ccc_sd"] == pytest.approx(0.004, abs=1e-6)
    assert row["ccc_low"] < 0.5 < row["ccc_high"]
    assert row["ccc_bca_low"] < 0.5 < row["ccc_bca_high"]
    local, over_all = row["comparisons"]["local"], row["comparisons"]["global"]
    assert (local["baseline"], over_all["baseline"]) == ("cnn10", "resnet18")
    assert local["gain"] == pytest.approx(25, abs=1e-4)
    assert local["difference"] == pytest.approx(0.1, abs=1e-6)
    assert over_all["gain"] == pytest.approx(100 * (0.5 / 0.3 - 1), abs=1e-4)
    assert over_all["gain_low"] < over_all["gain"] < over_all["gain_high"]
    assert 0 < over_all["p"] <= over_all["p_holm"] <= 1
    assert over_all["covers"] == "seeds and speakers"
    assert (row["params"], row["params_trained"]) == (1_230_000, 310_000)
    assert (row["width"], row["epochs"]) == (0.5, EPOCHS)
    assert row["arithmetic"] == [f"32-true on processor {seed}" for seed in (1, 2, 3)]


def test_a_row_is_compared_with_what_it_names_and_with_nothing_else(tree):
    found = results()
    assert found["cnn10"]["comparisons"]["local"] is None
    assert found["cnn10"]["comparisons"]["global"]["gain"] == pytest.approx(100 / 3, abs=1e-4)
    assert found["resnet18"]["comparisons"] == {"global": None, "local": None}


def test_ruwl_is_compared_with_the_row_without_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_tree(PAPER, seeds=(1, 2, 3))
    found = results()
    against = {row: numbers["comparisons"]["ruwl"] for row, numbers in found.items()}
    assert {row: each["baseline"] for row, each in against.items() if each} == {
        f"{encoder}-rrtn-ruwl": f"{encoder}-rrtn" for encoder in ("resnet18", "cnn10", "cnn14")
    }
    assert against["cnn14-rrtn-ruwl"]["difference"] == pytest.approx(0.004, abs=1e-6)
    assert against["cnn14-rrtn-ruwl"]["family"] == 6 + 8 - 2 + 3  # ResNet's local is its global


def test_a_tiny_p_is_not_rounded_to_zero():
    small = 1.23456789e-12
    assert statistics.rounded({"p": small, "smallest_p": small, "low": 1e-12, "n": 3}) == {
        "p": 1.23457e-12,
        "smallest_p": 1.23457e-12,
        "low": 0.0,
        "n": 3,
    }


def test_the_metrics_are_the_scores_alone_so_that_dvc_shows_them_in_a_line(tree):
    found = results()
    metrics = json.loads(Path("results/toy/table2/metrics.json").read_text())
    assert metrics == {row: numbers["ccc"] for row, numbers in found.items()}


def test_the_selection_of_params_is_used(tree):
    collect.main(["table2"])
    write_params(list(TRUTH), [1, 2, 3], selection="best")
    assert results()["cnn10"]["ccc"] == pytest.approx(0.41, abs=1e-6)


def test_late_is_the_mean_of_each_late_epochs_score_with_all_tests(tree):
    collect.main(["table2"])
    write_params(list(TRUTH), [1, 2, 3], selection="late")
    row = results()["cnn10-rrtn"]
    assert (row["selection"], row["averaged"]) == ("late", 3)
    assert row["ccc"] == pytest.approx(0.48, abs=1e-6)
    assert row["ccc_sd"] == pytest.approx(0.004, abs=1e-6)
    local = row["comparisons"]["local"]
    assert local["difference"] == pytest.approx(0.1, abs=1e-6)
    for test in ("mrmc", "permutation", "sign flip", "t", "fisher z"):
        assert 0 < local["tests"][test]["p"] <= 1


def test_a_row_that_still_rises_is_told_with_its_slope(tree):
    row = results()["cnn10"]
    assert row["trend"]["word"] == "still rising"
    assert row["trend"]["slope"] == pytest.approx(RISE)


def test_what_the_design_could_have_shown_stands_beside_every_comparison(tree):
    local = results()["cnn10-rrtn"]["comparisons"]["local"]  # all seeds differ by the same
    assert (local["detects_difference"], local["detects_gain"]) == pytest.approx((0, 0), abs=1e-4)
    found = json.loads(Path("results/toy/table2/power.json").read_text())
    assert (found["speakers"], found["level"], found["power"]) == (12, 0.95, 0.8)
    assert list(found["kinds"]) == ["local", "global"]
    needed = found["kinds"]["local"]["needed"]
    assert [(each["gain"], each["speakers"]) for each in needed] == [
        *((2, 12), (2, 24), (2, 568)),
        *((5, 12), (5, 24), (5, 568)),
    ]


def test_gains_follow_from_the_printed_scores_but_for_one_row(tmp_path, monkeypatch):
    """Ĉ as the paper prints it gives the paper's gains, and 3.4 where the paper has 3.6."""
    monkeypatch.chdir(tmp_path)
    write_tree(PAPER)
    found = results()
    gains = {
        kind: [
            f"{compared['gain']:.1f}"
            for row in found.values()
            if (compared := row["comparisons"][kind])
        ]
        for kind in ("local", "global")
    }
    assert gains["local"] == ["2.4", "3.4", "1.8", "2.0", "4.2", "4.8"]
    assert gains["global"] == ["2.4", "3.4", "6.9", "8.8", "9.0", "5.5", "10.0", "10.6"]


def test_one_seed_works_and_has_no_standard_deviation(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_tree(TRUTH, seeds=(7,))
    row = results()["cnn10-rrtn"]
    assert row["ccc_sd"] is None
    local = row["comparisons"]["local"]
    assert local["gain"] == pytest.approx(25, abs=1e-4)
    assert (local["covers"], local["p"], local["p_holm"]) == ("speakers", None, None)
    assert (row["trend"], local["detects_gain"]) == (None, None)
    assert local["low"] < local["difference"] < local["high"]
    assert local["tests"]["sign flip"]["p"] is None


def test_twice_the_same_bytes_and_another_seed_other_intervals(tree):
    first = results()
    assert results() == first
    params = Path("params.yaml")
    params.write_text(params.read_text().replace("seed: 0", "seed: 1"))
    other = results()["cnn10"]
    assert other["ccc"] == first["cnn10"]["ccc"]
    assert other["ccc_low"] != first["cnn10"]["ccc_low"]


def test_missing_or_outdated_moments_are_named(tree):
    with pytest.raises(RunError, match=r"moments.npz is missing; run `dvc repro collect`"):
        statistics.main(["table2"])
    collect.main(["table2"])
    history = Path("results/toy/table2/history.csv")
    history.rename("history.csv")
    with pytest.raises(RunError, match=r"history.csv is missing; run `dvc repro collect`"):
        statistics.main(["table2"])
    Path("history.csv").rename(history)
    write_params(list(TRUTH), [1])
    with pytest.raises(RunError, match="other rows or seeds"):
        statistics.main(["table2"])


def test_a_familys_rows_are_compared_with_rows_of_table_2_each_of_its_own_selection(
    tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    paper = {"paper": "table2/cnn10"}
    blocks = {
        "readings/pooled": {"readings": {"ccc_loss": "pooled"}, "against": paper},
        "readings/best": {"readings": {"selection": "best"}, "against": paper | {"x": "pooled"}},
    }
    write_tree(TRUTH | {"readings/pooled": 0.3, "readings/best": 0.35}, (1, 2, 3), blocks=blocks)
    found = results("readings")
    assert list(found) == ["table2/cnn10", "pooled", "best"]
    assert {row: numbers["selection"] for row, numbers in found.items()} == {
        "table2/cnn10": "last",
        "pooled": "last",
        "best": "best",
    }
    assert found["best"]["ccc"] == pytest.approx(0.36, abs=1e-6)
    assert found["table2/cnn10"]["comparisons"] == {"paper": None, "x": None}
    assert found["pooled"]["comparisons"]["paper"]["baseline"] == "table2/cnn10"
    assert found["pooled"]["comparisons"]["paper"]["difference"] == pytest.approx(-0.1, abs=1e-6)
    assert found["best"]["comparisons"]["x"]["baseline"] == "pooled"
    assert found["best"]["comparisons"]["x"]["family"] == 3


def test_a_row_without_its_selection_is_named_with_the_command(tree):
    collect.main(["table2"])
    write_params(list(TRUTH), [1, 2, 3], selection="held_out")
    with pytest.raises(RunError, match="'resnet18' has no selection 'held_out'; run `dvc repro c"):
        statistics.main(["table2"])
