import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from harness.errors import RunError
from harness.evaluation.ccc import mean_ccc
from harness.evaluation.moments import read_moments
from stages import collect
from tests.fabricated import TARGETS, write_params, write_tree

TRUTH = {"cnn10": 0.4, "cnn10-rrtn": 0.5}
CELL = Path("runs/toy/cnn10-rrtn-2")


@pytest.fixture(scope="module")
def pristine(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pristine")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        write_tree(TRUTH)
    return folder


@pytest.fixture
def tree(pristine, tmp_path, monkeypatch):
    shutil.copytree(pristine, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)


def edit_predictions(change, selection="last"):
    path = CELL / f"predictions-{selection}.csv"
    change(pd.read_csv(path, dtype={"clip": str})).to_csv(path, index=False)


def edit_metrics(**changes):
    path = CELL / "metrics.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def refused():
    with pytest.raises(RunError) as caught:
        collect.main()
    assert not Path("results").exists()
    return str(caught.value)


def test_scores_are_those_of_the_cells(tree):
    collect.main()
    scores = pd.read_csv("results/toy/scores.csv")
    assert list(scores) == ["row", "seed", "selection", "target", "ccc"]
    assert len(scores) == 2 * 2 * 2 * 4
    means = scores[scores["target"] == "mean"].set_index(["row", "seed", "selection"])["ccc"]
    assert means["cnn10", 1, "last"] == pytest.approx(0.398, abs=1e-6)
    assert means["cnn10-rrtn", 2, "best"] == pytest.approx(0.512, abs=1e-6)
    assert set(scores["target"]) == {*TARGETS, "mean"}


def test_moments_hold_both_selections_and_name_their_axes(tree):
    collect.main()
    found = read_moments(Path("results/toy/moments.npz"))
    assert found["last"].shape == (2, 2, 12, 3, 6)
    assert mean_ccc(found["last"]) == pytest.approx(np.array([[0.398, 0.402], [0.498, 0.502]]))
    assert mean_ccc(found["best"]) == pytest.approx(np.array([[0.408, 0.412], [0.508, 0.512]]))
    assert found["rows"].tolist() == list(TRUTH)
    assert found["seeds"].tolist() == [1, 2]
    assert found["targets"].tolist() == TARGETS
    assert found["speakers"].tolist() == [f"s{i:02d}" for i in range(12)]
    assert found["params"].tolist() == [1_230_000] * 2
    assert found["arithmetic"].tolist() == [[f"32-true on processor {s}" for s in (1, 2)]] * 2
    assert (found["width"].tolist(), found["epochs"].tolist()) == ([0.5] * 2, [3] * 2)


def test_history_is_kept_with_row_and_seed_first(tree):
    path = CELL / "history.csv"
    pd.read_csv(path).assign(w_bt=0.1).to_csv(path, index=False)
    collect.main()
    history = pd.read_csv("results/toy/history.csv")
    assert list(history)[:3] == ["row", "seed", "epoch"]
    assert len(history) == 2 * 2 * 3
    here = (history["row"] == "cnn10-rrtn") & (history["seed"] == 2)
    assert history["w_bt"].notna().tolist() == here.tolist()


def test_only_the_rows_and_seeds_of_params_are_read(tree):
    (CELL / "metrics.json").unlink()
    write_params(list(TRUTH), [1])
    collect.main()
    assert set(pd.read_csv("results/toy/scores.csv")["seed"]) == {1}


def test_twice_the_same_bytes(tree):
    collect.main()
    first = {path.name: path.read_bytes() for path in Path("results/toy").iterdir()}
    collect.main()
    assert first == {path.name: path.read_bytes() for path in Path("results/toy").iterdir()}
    assert set(first) == {"scores.csv", "history.csv", "moments.npz"}


def test_a_missing_cell_is_named_with_its_command(tree):
    CELL.rename("elsewhere")
    message = refused()
    assert "cell cnn10-rrtn-2" in message
    assert "runs/toy/cnn10-rrtn-2 is missing" in message
    assert "`dvc repro train@cnn10-rrtn-2`" in message


@pytest.mark.parametrize(
    "name", ["metrics.json", "history.csv", "predictions-last.csv", "predictions-best.csv"]
)
def test_an_incomplete_cell_is_named(tree, name):
    (CELL / name).unlink()
    message = refused()
    assert f"incomplete, {CELL / name} is missing" in message
    assert "train@cnn10-rrtn-2" in message


@pytest.mark.parametrize("selection", ["last", "best"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_predictions_that_are_not_finite_are_named(tree, selection, value):
    def spoil(table):
        table.loc[table["clip"] == "0031", "fear"] = value
        return table

    edit_predictions(spoil, selection)
    message = refused()
    assert f"predictions-{selection}.csv" in message
    assert "prediction of clip '0031' for fear is" in message
    assert "train@cnn10-rrtn-2" in message


@pytest.mark.parametrize(
    ("change", "part"),
    [
        (lambda table: table[table["clip"] != "0031"], "lacks clip '0031'"),
        (lambda table: table.replace({"clip": {"0031": "31"}}), "clip '0031'"),
        (
            lambda table: pd.concat([table, table.iloc[:1].assign(clip="zz")]),
            "has an unknown clip 'zz'",
        ),
        (lambda table: pd.concat([table, table[table["clip"] == "0031"]]), "'0031' twice"),
        (lambda table: table.drop(columns="fear"), "no column 'fear'"),
    ],
)
def test_predictions_of_other_clips_are_named(tree, change, part):
    edit_predictions(change)
    message = refused()
    assert part in message
    assert "train@cnn10-rrtn-2" in message


def test_a_score_at_odds_with_the_predictions_is_named(tree):
    edit_metrics(last={"epoch": 3, "ccc": 0.5022})
    message = refused()
    assert "predictions-last.csv gives Ĉ 0.50200, metrics.json has 0.50220" in message
    edit_metrics(last={"epoch": 3, "ccc": 0.50205})
    collect.main()


@pytest.mark.parametrize("score", [None, {"epoch": 3}, {"epoch": 3, "ccc": None}, 0.5])
def test_metrics_without_a_score_are_named(tree, score):
    edit_metrics(best=score)
    assert "no number 'best.ccc'" in refused()


def test_metrics_of_another_cell_are_named(tree):
    edit_metrics(seed=1)
    assert "metrics.json is of row cnn10-rrtn, seed 1" in refused()


def test_metrics_that_are_not_json_are_named(tree):
    (CELL / "metrics.json").write_text("{")
    assert "metrics.json is not JSON" in refused()


def test_seeds_of_a_row_trained_differently_are_named(tree):
    edit_metrics(width=1.0)
    with pytest.raises(RunError, match=r"row 'cnn10-rrtn' differ in width \(0.5, 1.0\)"):
        collect.main()


@pytest.mark.parametrize(
    ("path", "command"),
    [
        ("features/toy/dev.csv", "dvc repro features"),
        ("data/toy/corpus.json", "dvc repro download"),
    ],
)
def test_missing_labels_or_corpus_are_named(tree, path, command):
    Path(path).unlink()
    message = refused()
    assert path in message
    assert command in message


def test_a_missing_label_is_named_and_not_blamed_on_a_cell(tree):
    labels = pd.read_csv("features/toy/dev.csv", dtype={"clip": str})
    labels.loc[4, "joy"] = np.nan
    labels.to_csv("features/toy/dev.csv", index=False)
    message = refused()
    assert "label of clip '0004' for joy is nan" in message
    assert "cell" not in message
