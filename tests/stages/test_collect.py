import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from harness.errors import ParamsError, RunError
from harness.evaluation.ccc import mean_ccc
from harness.evaluation.moments import read_moments, selected
from stages import collect
from tests.fabricated import EPOCHS, TARGETS, write_params, write_tree

TRUTH = {"cnn10": 0.4, "cnn10-rrtn": 0.5}
CELL = Path("runs/toy/table2/cnn10-rrtn/2")


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


def edit_predictions(change):
    """`change` takes and gives predictions.npz as a dict of arrays."""
    path = CELL / "predictions.npz"
    with np.load(path) as file:
        arrays = dict(file)
    np.savez(path, **change(arrays))


def edit_metrics(**changes):
    path = CELL / "metrics.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def refused():
    with pytest.raises(RunError) as caught:
        collect.main(["table2"])
    assert not Path("results").exists()
    return str(caught.value)


def test_scores_are_those_of_the_cells(tree):
    collect.main(["table2"])
    scores = pd.read_csv("results/toy/table2/scores.csv")
    assert list(scores) == ["row", "seed", "selection", "target", "ccc"]
    assert len(scores) == 2 * 2 * 3 * 4
    means = scores[scores["target"] == "mean"].set_index(["row", "seed", "selection"])["ccc"]
    assert means["cnn10", 1, "last"] == pytest.approx(0.398, abs=1e-6)
    assert means["cnn10-rrtn", 2, "best"] == pytest.approx(0.512, abs=1e-6)
    assert means["cnn10-rrtn", 2, "late"] == pytest.approx(0.482, abs=1e-6)
    assert set(scores["target"]) == {*TARGETS, "mean"}


def test_moments_hold_every_selection_and_name_their_axes(tree):
    collect.main(["table2"])
    found = read_moments(Path("results/toy/table2/moments.npz"))
    assert found["last"].shape == (2, 2, 12, 3, 6)
    assert mean_ccc(found["last"]) == pytest.approx(np.array([[0.398, 0.402], [0.498, 0.502]]))
    assert mean_ccc(found["best"]) == pytest.approx(np.array([[0.408, 0.412], [0.508, 0.512]]))
    assert found["late rows"].tolist() == ["cnn10"] * 3 + ["cnn10-rrtn"] * 3
    late = np.array([[0.348, 0.352], [0.388, 0.392], [0.398, 0.402]])
    assert mean_ccc(found["late"]) == pytest.approx(np.concatenate([late, late + 0.1]), abs=1e-6)
    assert found["rows"].tolist() == list(TRUTH)
    assert found["seeds"].tolist() == [1, 2]
    assert found["targets"].tolist() == TARGETS
    assert found["speakers"].tolist() == [f"s{i:02d}" for i in range(12)]
    assert found["params"].tolist() == [1_230_000] * 2
    assert found["arithmetic"].tolist() == [[f"32-true on processor {s}" for s in (1, 2)]] * 2
    assert (found["width"].tolist(), found["epochs"].tolist()) == ([0.5] * 2, [EPOCHS] * 2)


def test_history_is_kept_with_row_and_seed_first(tree):
    path = CELL / "history.csv"
    pd.read_csv(path).assign(w_bt=0.1).to_csv(path, index=False)
    collect.main(["table2"])
    history = pd.read_csv("results/toy/table2/history.csv")
    assert list(history)[:3] == ["row", "seed", "epoch"]
    assert len(history) == 2 * 2 * EPOCHS
    here = (history["row"] == "cnn10-rrtn") & (history["seed"] == 2)
    assert history["w_bt"].notna().tolist() == here.tolist()


def test_only_the_rows_and_seeds_of_params_are_read(tree):
    (CELL / "metrics.json").unlink()
    write_params(list(TRUTH), [1])
    collect.main(["table2"])
    assert set(pd.read_csv("results/toy/table2/scores.csv")["seed"]) == {1}


def test_twice_the_same_bytes(tree):
    collect.main(["table2"])
    first = {path.name: path.read_bytes() for path in Path("results/toy/table2").iterdir()}
    collect.main(["table2"])
    assert first == {path.name: path.read_bytes() for path in Path("results/toy/table2").iterdir()}
    assert set(first) == {"scores.csv", "history.csv", "moments.npz"}


def test_a_missing_cell_is_named_with_its_command(tree):
    CELL.rename("elsewhere")
    message = refused()
    assert "cell table2/cnn10-rrtn/2" in message
    assert "runs/toy/table2/cnn10-rrtn/2 is missing" in message
    assert "`dvc repro train@cnn10-rrtn`" in message


@pytest.mark.parametrize("name", ["metrics.json", "history.csv", "predictions.npz"])
def test_an_incomplete_cell_is_named(tree, name):
    (CELL / name).unlink()
    message = refused()
    assert f"incomplete, {CELL / name} is missing" in message
    assert "train@cnn10-rrtn" in message


@pytest.mark.parametrize("selection", ["last", "best", "late"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_predictions_that_are_not_finite_are_named(tree, selection, value):
    def spoil(arrays):
        arrays[selection][..., arrays["clips"] == "0031", TARGETS.index("fear")] = value
        return arrays

    edit_predictions(spoil)
    message = refused()
    assert "prediction of clip '0031' for fear is" in message
    assert "train@cnn10-rrtn" in message


def of_clips(arrays, chosen, clips=None):
    """The arrays of some clips, which may get other ids."""
    changed = {name: arrays[name][chosen] for name in ("clips", "last", "best")}
    changed["late"] = arrays["late"][:, chosen]
    return arrays | changed | ({} if clips is None else {"clips": clips})


def renamed(arrays):
    return {**arrays, "clips": np.where(arrays["clips"] == "0031", "31", arrays["clips"])}


@pytest.mark.parametrize(
    ("change", "part"),
    [
        (lambda arrays: of_clips(arrays, arrays["clips"] != "0031"), "lacks clip '0031'"),
        (renamed, "clip '0031'"),
        (
            lambda arrays: of_clips(
                arrays, np.r_[np.arange(120), 0], np.append(arrays["clips"], "zz")
            ),
            "has an unknown clip 'zz'",
        ),
        (lambda arrays: of_clips(arrays, np.r_[np.arange(120), 0]), "twice"),
        (lambda arrays: {**arrays, "targets": ["awe", "fright", "joy"]}, "no target 'fear'"),
        (lambda arrays: {**arrays, "best": arrays["best"][:, :2]}, "'best' has shape (120, 2)"),
        (lambda arrays: {k: v for k, v in arrays.items() if k != "best"}, "has no 'best'"),
        (lambda arrays: {k: v for k, v in arrays.items() if k != "late"}, "has no 'late'"),
        (lambda arrays: arrays | {"late": arrays["late"][0]}, "'late' has shape (120, 3), not ep"),
        (lambda arrays: arrays | {"late": arrays["late"][:0]}, "'late' has shape (0, 120, 3)"),
        (lambda arrays: {k: v for k, v in arrays.items() if k != "clips"}, "no array 'clips"),
    ],
)
def test_predictions_of_other_clips_or_targets_are_named(tree, change, part):
    edit_predictions(change)
    message = refused()
    assert part in message
    assert "train@cnn10-rrtn" in message


def test_targets_in_another_order_are_joined_by_their_names(tree):
    collect.main(["table2"])
    first = Path("results/toy/table2/moments.npz").read_bytes()
    turned = [2, 0, 1]
    edit_predictions(
        lambda arrays: {
            "clips": arrays["clips"],
            "targets": arrays["targets"][turned],
            **{name: arrays[name][..., turned] for name in ("last", "best", "late")},
        }
    )
    collect.main(["table2"])
    assert Path("results/toy/table2/moments.npz").read_bytes() == first


def test_predictions_that_are_no_archive_are_named(tree):
    (CELL / "predictions.npz").write_bytes(b"not an archive")
    assert "predictions.npz cannot be read" in refused()


def test_a_score_at_odds_with_the_predictions_is_named(tree):
    edit_metrics(last={"epoch": 3, "ccc": 0.5022})
    message = refused()
    assert "predictions.npz: 'last' gives Ĉ 0.50200, metrics.json has 0.50220" in message
    edit_metrics(last={"epoch": 3, "ccc": 0.50205})
    collect.main(["table2"])


def test_a_cell_from_before_late_epochs_were_kept_is_named(tree):
    path = CELL / "metrics.json"
    path.write_text(
        json.dumps({k: v for k, v in json.loads(path.read_text()).items() if k != "late"})
    )
    message = refused()
    assert f"incomplete, {path} has no 'late'; delete {CELL} and run `dvc repro train@" in message


def test_seeds_that_keep_another_number_of_late_epochs_are_named(tree):
    edit_predictions(lambda arrays: arrays | {"late": arrays["late"][1:]})
    edit_metrics(late={"epoch": 3, "ccc": 0.482 + 0.015})
    with pytest.raises(RunError, match="row 'cnn10-rrtn' have 2 and 3 epochs of 'late'; run"):
        collect.main(["table2"])


@pytest.mark.parametrize("score", [None, {"epoch": 3}, {"epoch": 3, "ccc": None}, 0.5])
def test_metrics_without_a_score_are_named(tree, score):
    edit_metrics(best=score)
    assert "no number 'best.ccc'" in refused()


def test_metrics_of_another_cell_are_named(tree):
    edit_metrics(seed=1)
    assert "metrics.json is of row table2/cnn10-rrtn, seed 1" in refused()


def test_metrics_that_are_not_json_are_named(tree):
    (CELL / "metrics.json").write_text("{")
    assert "metrics.json is not JSON" in refused()


def test_seeds_of_a_row_trained_differently_are_named(tree):
    edit_metrics(width=1.0)
    with pytest.raises(RunError, match=r"row 'cnn10-rrtn' differ in width \(0.5, 1.0\)"):
        collect.main(["table2"])


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


FAMILY = {
    "readings/pooled": {"readings": {"ccc_loss": "pooled"}, "against": {"paper": "table2/cnn10"}},
    "readings/held": {"readings": {"selection": "held_out"}, "against": {"other": "pooled"}},
    "readings/later": {"after": "readings/pooled"},
}


@pytest.fixture
def family(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    truth = TRUTH | dict(zip(FAMILY, (0.3, 0.35, 0.36), strict=True))
    write_tree(truth, seeds=(1, 2), blocks=FAMILY)


def test_a_family_is_collected_with_the_rows_of_table_2_that_it_names_before_its_own(family):
    collect.main(["readings"])
    found = read_moments(Path("results/toy/readings/moments.npz"))
    assert found["rows"].tolist() == ["table2/cnn10", "pooled", "held", "later"]
    assert mean_ccc(found["last"]).mean(axis=1) == pytest.approx([0.4, 0.3, 0.35, 0.36])
    assert found["held_out rows"].tolist() == ["held"]
    assert mean_ccc(found["held_out"]) == pytest.approx(np.array([[0.353, 0.357]]))
    scores = pd.read_csv("results/toy/readings/scores.csv")
    assert set(scores.loc[scores["selection"] == "held_out", "row"]) == {"held"}
    assert not Path("results/toy/table2").exists()


def test_each_row_counts_with_its_own_selection(family):
    collect.main(["readings"])
    found = read_moments(Path("results/toy/readings/moments.npz"))
    chosen = selected(found, ["last", "best", "held_out", "late"])
    assert [float(mean_ccc(row).mean()) for row in chosen] == pytest.approx(
        [0.4, 0.31, 0.355, 0.34]
    )
    assert [row.shape[2] for row in chosen] == [3, 3, 3, 9]
    with pytest.raises(RunError, match="row 'pooled' has no selection 'held_out'"):
        selected(found, ["last", "held_out", "held_out", "last"])


@pytest.mark.parametrize(
    ("cell", "stage"),
    [
        ("readings/pooled", "families/dvc.yaml:train@readings/pooled"),
        ("readings/later", "families/dvc.yaml:train-after@readings/later"),
        ("table2/cnn10", "train@cnn10"),
    ],
)
def test_a_missing_cell_of_a_family_is_named_with_its_command(family, cell, stage):
    shutil.rmtree(Path("runs/toy", cell, "2"))
    with pytest.raises(RunError, match=f"cell {cell}/2: .* is missing; run `dvc repro {stage}`"):
        collect.main(["readings"])


def test_seeds_that_table_2_has_not_are_named(family):
    write_params(list(TRUTH), [1, 2], blocks=FAMILY, families={"readings": {"seeds": [1, 7]}})
    with pytest.raises(ParamsError, match="readings has seed 7, and table2/cnn10, which"):
        collect.main(["readings"])


def test_a_family_that_there_is_not_is_named(family):
    with pytest.raises(ParamsError, match="family 'reading'; did you mean 'readings'"):
        collect.main(["reading"])
