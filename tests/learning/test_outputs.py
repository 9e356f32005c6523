"""harness.learning.outputs: what lies in the folder of a finished cell."""

import csv
import json

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.numpy import load_file

from harness.config.rows import Row
from harness.learning.data import Packed
from harness.learning.network import Objective
from harness.learning.outputs import finish, write_predictions
from harness.learning.parts import Setting
from harness.learning.scoring import predict
from tests.learning.cells import (
    ONE_VIEW,
    READINGS,
    RUWL,
    TWINS,
    cell,
    killed_after,
    train_cell,
)
from tests.learning.packed import TARGETS, write_features

CPU = torch.device("cpu")
USUAL = {"predictions.npz", "history.csv", "weights.csv", "metrics.json", "record.json"}


@pytest.fixture(scope="module")
def features(tmp_path_factory):
    folder = tmp_path_factory.mktemp("features")
    write_features(folder, train=64)
    return folder


def finished(cell):
    finish(cell)
    return cell.staged


def contents(folder):
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def arrays(folder, name="predictions"):
    with np.load(folder / f"{name}.npz") as found:
        return dict(found)


def test_written_predictions_come_back_to_the_last_bit(tmp_path):
    write_features(tmp_path, dev=50)
    dev = Packed(tmp_path, "dev", CPU)
    values = np.random.default_rng(0).normal(size=(50, len(TARGETS))).astype(np.float32)
    write_predictions(tmp_path / "p.npz", dev, {"last": values, "best": values + 1})
    with np.load(tmp_path / "p.npz", allow_pickle=False) as found:
        assert sorted(found) == ["best", "clips", "last", "targets"]
        assert found["clips"].tolist() == dev.clips
        assert found["targets"].tolist() == dev.targets
        assert found["last"].tobytes() == values.tobytes()


# The late epochs, and the weights on the way.


def test_late_predictions_are_the_last_ones_of_trainings_that_end_then(features, tmp_path):
    found = finished(cell(features, tmp_path, "vanilla", epochs=5, late=0.4))
    late = arrays(found)["late"]
    assert late.dtype == np.float32
    shorter = [
        train_cell(cell(features, tmp_path / str(epochs), "vanilla", epochs=epochs))
        for epochs in (4, 5)
    ]
    expected = [state.chosen["last"] for state in shorter]
    assert late.tobytes() == b"".join(each.predictions.tobytes() for each in expected)
    assert late[-1].tobytes() == arrays(found)["last"].tobytes()
    metrics = json.loads((found / "metrics.json").read_text())
    mean = sum(each.dev_ccc for each in expected) / 2
    assert metrics["late"] == {"epoch": 5, "ccc": pytest.approx(mean, rel=1e-12)}


@pytest.mark.parametrize(("late", "count"), [(0, 1), (0.2, 1), (0.5, 2), (0.99, 3)])
def test_there_is_a_late_epoch_and_no_more_than_there_are_epochs(features, tmp_path, late, count):
    one = cell(features, tmp_path, "vanilla", late=late)
    assert (one.readings.epochs, one.readings.late_epochs) == (3, count)
    assert [len(each) for each in train_cell(one).late] == [12] * count


def test_weights_are_told_ten_times_an_epoch_and_the_last_are_the_histories(features, tmp_path):
    """32 steps an epoch, each with a tenth of the epoch behind it or not."""
    found = finished(cell(features, tmp_path, "rrtn-ruwl", batch=2, epochs=2))
    weights, history = (pd.read_csv(found / f"{name}.csv") for name in ("weights", "history"))
    names = [f"weight_{term}" for term in TWINS["terms"]]
    assert list(weights) == ["step", *names]
    steps = weights["step"].to_numpy().reshape(2, 10)
    assert steps[:, -1].tolist() == [32, 64]
    assert set(np.diff(steps[0], prepend=0)) == {3, 4}
    assert (steps[1] == steps[0] + 32).all()
    ends = weights[weights["step"] % 32 == 0]
    np.testing.assert_array_equal(ends[names], history[names])
    assert weights["weight_ccc"].nunique() == 20  # they are learned


def test_an_epoch_of_few_steps_tells_the_weights_at_each(features, tmp_path):
    found = finished(cell(features, tmp_path, "vanilla", batch=32, epochs=3))
    rows = list(csv.DictReader((found / "weights.csv").open()))
    assert rows == [{"step": str(step), "weight_ccc": "1"} for step in range(1, 7)]


@pytest.mark.parametrize("epochs", [1, 3])
def test_a_cell_that_was_killed_leaves_the_same_folder(features, tmp_path, epochs):
    row = Row(encoder="cnn10", **TWINS, weighting=RUWL, emotions="dwa", keep=["weights"])
    kinds = {"epochs": 4, "late": 0.5, "selection": "held_out"}
    whole, broken = (cell(features, tmp_path / name, row, **kinds) for name in ("a", "b"))
    killed_after(epochs, broken)
    one, other = contents(finished(whole)), contents(finished(broken))
    assert set(one) == USUAL | {"network.safetensors"}
    assert one == other


# What a row keeps.


@pytest.fixture(scope="module")
def kept(features, tmp_path_factory):
    """A finished cell whose row keeps everything."""
    row = Row(encoder="cnn10", **ONE_VIEW, keep=["weights", "outputs", "embeddings"])
    one = cell(features, tmp_path_factory.mktemp("kept"), row, dev_crop="random")
    finish(one)
    return one


def network_of(kept):
    """A new network with the weights that were kept."""
    setting = Setting(kept.train, kept.readings, 64, len(TARGETS))
    network = Objective(kept.row, setting).network
    weights = load_file(kept.staged / "network.safetensors")
    network.load_state_dict({name: torch.tensor(value) for name, value in weights.items()})
    return network


def test_kept_weights_predict_the_same_to_the_last_bit(features, kept):
    dev = Packed(features, "dev", CPU)
    found = predict(network_of(kept), dev, kept, READINGS.epochs - 1)
    assert found.tobytes() == arrays(kept.staged)["last"].tobytes()


def test_kept_outputs_and_embeddings_are_those_of_the_predictions(features, kept):
    head = network_of(kept).head
    outputs, embeddings = (arrays(kept.staged, name) for name in ("outputs", "embeddings"))
    for split in ("train", "dev"):
        clips = Packed(features, split, CPU).clips
        for found in (outputs, embeddings):
            assert found[f"{split}_clips"].tolist() == clips
            assert found[split].dtype == np.float32
            assert len(found[split]) == len(clips)
        with torch.no_grad():
            said = head(torch.tensor(embeddings[split])).numpy()
        np.testing.assert_allclose(said, outputs[split], rtol=1e-5, atol=1e-6)
    mean = head.mean(torch.tensor(outputs["dev"])).numpy()
    assert mean.tobytes() == arrays(kept.staged)["last"].tobytes()
    assert outputs["dev"].std(axis=0).min() > 0


@pytest.mark.parametrize("keep", [[], ["weights"], ["embeddings"]])
def test_a_row_keeps_what_it_asks_for_alone(features, tmp_path, keep):
    files = {"weights": "network.safetensors", "embeddings": "embeddings.npz"}
    row = Row(encoder="cnn10", **ONE_VIEW, keep=keep)
    found = finished(cell(features, tmp_path, row, epochs=1))
    assert {file.name for file in found.iterdir()} == USUAL | {files[name] for name in keep}


def test_cells_of_one_key_have_one_record(features, tmp_path):
    """`against` and the choice between last and best come after the training."""
    found = set()
    for number, against in enumerate([{}, {"x": "table2/cnn10"}]):
        row = Row(encoder="cnn10", **ONE_VIEW, against=against)
        selection = ("last", "best")[number]
        one = cell(features, tmp_path / str(number), row, epochs=1, selection=selection)
        record = (finished(one) / "record.json").read_bytes()
        assert json.loads(record)["key"] == one.key
        found.add(record)
    assert len(found) == 1
