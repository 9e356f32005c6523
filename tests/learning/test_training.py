"""harness.learning.loop: a cell is reproducible, resumable, and learns what can be learned."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from harness.config.rows import Part, Row
from harness.errors import ParamsError, RunError
from harness.evaluation.ccc import ccc
from harness.learning.data import Packed
from harness.learning.network import Objective
from harness.learning.outputs import finish, write_predictions
from harness.learning.scoring import BATCH, predict
from tests.learning.cells import (
    READINGS,
    ROWS,
    TRAIN,
    TWINS,
    assert_same,
    cell,
    killed_after,
    objective,
    train_cell,
)
from tests.learning.packed import TARGETS, write_features, write_split
from tests.readings import readings

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def features(tmp_path_factory):
    folder = tmp_path_factory.mktemp("features")
    write_features(folder)
    return folder


@pytest.mark.parametrize("row", ROWS)
def test_the_same_cell_gives_the_same_bytes_whatever_came_before(features, tmp_path, row):
    one = train_cell(cell(features, tmp_path / "one", row))
    torch.rand(17)
    np.random.rand(17)
    other = train_cell(cell(features, tmp_path / "other", row))
    assert_same(one, other)
    assert one.epoch == len(one.history) == READINGS.epochs
    another = train_cell(cell(features, tmp_path, row, seed=2))
    assert another.history != one.history


@pytest.mark.parametrize("row", ROWS)
@pytest.mark.parametrize("epochs", [1, 2])
def test_a_broken_and_resumed_cell_equals_the_unbroken(features, tmp_path, row, epochs):
    whole = train_cell(cell(features, tmp_path / "whole", row))
    broken = cell(features, tmp_path / "broken", row)
    killed_after(epochs, broken)
    seconds = torch.load(broken.checkpoint, weights_only=False)["state"]["seconds"]
    resumed = train_cell(broken)
    assert_same(resumed, whole)
    assert resumed.seconds[:epochs] == seconds  # these epochs were not trained again
    assert len(resumed.seconds) == READINGS.epochs


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 2},
        {"row": Row(encoder="cnn14", **TWINS, weighting={"ruwl": {"scale": [1, 1, 1e-7]}})},
        {"train": TRAIN.model_copy(update={"epsilon": 1e-7})},
        {"readings": readings(epochs=3)},
        {"origin": {"corpus": "b"}},
    ],
    ids=lambda change: next(iter(change)),
)
def test_the_checkpoint_of_another_cell_is_not_resumed(features, tmp_path, change):
    one = cell(features, tmp_path / "one")
    other = replace(cell(features, tmp_path / "other"), **change)
    assert other.key != one.key
    killed_after(2, other)
    one.checkpoint.parent.mkdir(parents=True)
    other.checkpoint.rename(one.checkpoint)
    assert_same(train_cell(one), train_cell(cell(features, tmp_path / "none")))


def test_the_checkpoint_of_another_arithmetic_is_not_resumed(features, tmp_path, monkeypatch):
    one = cell(features, tmp_path / "one")
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr("harness.learning.state.rounding", lambda train: "fast on another")
        killed_after(2, one)
    kept = torch.load(one.checkpoint, weights_only=False)["state"]["seconds"]
    found = train_cell(one)
    assert found.seconds[:2] != kept  # these epochs were trained again
    assert_same(found, train_cell(cell(features, tmp_path / "none")))


def test_the_checkpoint_of_other_sound_is_not_resumed(features, tmp_path):
    shutil.copytree(features, tmp_path / "features")
    levels = np.load(tmp_path / "features" / "train.npy")
    levels[0, 0] += 1
    np.save(tmp_path / "features" / "train.npy", levels)
    assert cell(tmp_path / "features", tmp_path).key != cell(features, tmp_path).key


def test_the_checkpoint_of_other_clips_is_not_resumed(features, tmp_path):
    write_features(tmp_path / "features", seed=1)
    assert cell(tmp_path / "features", tmp_path).key != cell(features, tmp_path).key
    write_features(tmp_path / "features", seed=0)
    assert cell(tmp_path / "features", tmp_path).key == cell(features, tmp_path).key


@pytest.mark.parametrize("damage", [b"", b"not a checkpoint", None], ids=["empty", "text", "cut"])
def test_a_damaged_checkpoint_costs_its_epochs_and_no_more(features, tmp_path, damage):
    one = cell(features, tmp_path / "one")
    one.checkpoint.parent.mkdir(parents=True)
    if damage is None:
        killed_after(2, one)
        damage = one.checkpoint.read_bytes()[:-1000]
    one.checkpoint.write_bytes(damage)
    assert_same(train_cell(one), train_cell(cell(features, tmp_path / "none")))


def test_last_is_the_last_epoch_and_best_the_one_with_the_highest_dev_ccc(tmp_path):
    features = tmp_path / "features"
    write_features(features)
    dev = pd.read_csv(features / "dev.csv")  # nothing to learn, so that dev Ĉ goes up and down
    dev[TARGETS] = np.random.default_rng(0).random((len(dev), len(TARGETS)))
    dev.to_csv(features / "dev.csv", index=False)
    state = train_cell(cell(features, tmp_path / "scratch", "vanilla", epochs=8))
    history = pd.DataFrame(state.history)
    assert history["epoch"].tolist() == list(range(1, 9))
    last, best = state.chosen["last"], state.chosen["best"]
    assert (last.epoch, best.epoch) == (8, history["dev_ccc"].argmax() + 1)
    assert best.epoch < 8, "choose other labels: best and last are the same epoch"
    labels = pd.read_csv(features / "dev.csv")[TARGETS].to_numpy(np.float32)
    for chosen, score in ((last, history["dev_ccc"].iloc[-1]), (best, history["dev_ccc"].max())):
        assert ccc(labels, chosen.predictions).mean() == pytest.approx(score, abs=1e-6)
        assert chosen.dev_ccc == score


def test_the_history_names_every_loss_and_weight(features, tmp_path):
    names = ["ccc", "ccc_masked", "barlow_twins"]
    for row, count in (("vanilla", 1), ("rrtn", 3), ("rrtn-ruwl", 3)):
        state = train_cell(cell(features, tmp_path, row, epochs=1))
        expected = [f"{kind}_{n}" for kind in ("loss", "weight") for n in names[:count]]
        assert list(state.history[0]) == ["epoch", *expected, "dev_ccc"]
        weights = [state.history[0][f"weight_{n}"] for n in names[:count]]
        if row != "rrtn-ruwl":
            assert weights == pytest.approx(ROWS[row].weighting.params["weights"])
        else:
            assert weights[2] != pytest.approx(1e-4, rel=0.01)  # learned: it started there


def test_a_loss_that_is_not_finite_ends_the_cell_and_names_it(tmp_path):
    rng = np.random.default_rng(0)
    lengths = [32] * 16
    levels = np.full((16 * 32, 64), -60.0)
    levels[100, 5] = np.nan
    write_split(tmp_path / "features", "train", lengths, rng, levels=levels)
    write_split(tmp_path / "features", "dev", lengths, rng)
    one = cell(tmp_path / "features", tmp_path / "scratch", "vanilla")
    fault = rf"^{one.label}: losses or predictions are no longer finite in epoch 1"
    with pytest.raises(RunError, match=fault):
        train_cell(one)
    assert not one.checkpoint.exists()


def test_fewer_clips_than_a_batch_end_the_cell_and_name_it(features, tmp_path):
    one = cell(features, tmp_path, "vanilla", batch=17)
    fault = rf"^{one.label}: 16 train clips do not fill one batch of 17"
    with pytest.raises(RunError, match=fault):
        train_cell(one)


@pytest.mark.parametrize("row", ROWS)
def test_a_prediction_does_not_depend_on_the_other_clips(tmp_path, row):
    write_features(tmp_path, dev=70)
    data = Packed(tmp_path, "dev", torch.device("cpu"))
    assert len(data) > BATCH
    torch.manual_seed(0)
    network = Objective(ROWS[row], TRAIN, READINGS, 64, len(TARGETS)).network
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = None  # the running statistics are those of the next batches
    shape = (TRAIN.frames, READINGS.padding_level)
    network(data.crops(torch.arange(32), *shape), torch.Generator().manual_seed(0))
    together = predict(network, data, cell(tmp_path, tmp_path, row), epoch=0)
    assert together.shape == (len(data), len(TARGETS))
    assert together.dtype == np.float32
    with torch.inference_mode():
        alone = [
            network.predict(data.crops(torch.tensor([clip]), *shape)).numpy()
            for clip in range(len(data))
        ]
    np.testing.assert_allclose(together, np.concatenate(alone), rtol=0, atol=1e-5)
    assert together.std(axis=0).min() > 1e-3


def test_one_view_has_no_projector_and_two_share_all_weights():
    vanilla = objective("vanilla")
    assert {name.split(".")[0] for name, _ in vanilla.named_parameters()} == {"network"}
    twins = objective(Row(encoder="cnn10", **TWINS, weighting="fixed"))
    extra = set(dict(twins.named_parameters())) - set(dict(vanilla.named_parameters()))
    assert extra == {"terms.2.projector.weight", "terms.2.projector.bias"}


def batch():
    return torch.randn(8, 1, 32, 64), torch.rand(8, 10), torch.Generator().manual_seed(0)


def test_twins_without_stripes_see_the_same_twice():
    no_mask = TRAIN.spec_augment.model_copy(update={"frame_stripes": 0, "band_stripes": 0})
    still = {"block_dropout": 0.0, "head_dropout": 0.0}
    torch.manual_seed(0)
    twins = objective("rrtn", TRAIN.model_copy(update={"spec_augment": no_mask}), **still)
    clean, masked, _ = twins(*batch())[1].tolist()
    assert clean == masked
    clean, masked, _ = objective("rrtn", **still)(*batch())[1].tolist()
    assert clean != masked


@pytest.mark.parametrize("place", [0, 1, 2])
def test_every_loss_moves_the_encoder_and_only_barlow_twins_the_projector(place):
    torch.manual_seed(0)
    alone = [float(place == other) for other in range(3)]
    row = ROWS["rrtn"].model_copy(
        update={"weighting": Part(name="fixed", params={"weights": alone})}
    )
    twins = objective(row)
    total, losses = twins(*batch())
    assert total.item() == losses[place].item()
    total.backward()
    assert twins.network.encoder.conv1.weight.grad.abs().sum() > 0
    moved = [
        bool(layer.weight.grad is not None and layer.weight.grad.abs().sum() > 0)
        for layer in (twins.terms[2].projector, twins.network.head.linear)
    ]
    assert moved == [place == 2, place < 2]


def test_ruwl_learns_its_weights_with_the_network():
    named = dict(objective("rrtn-ruwl").named_parameters())
    assert named["weighting.c"].requires_grad
    assert "network.head.linear.weight" in named


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"encoder": "cnn15"}, "encoder 'cnn15' is not there"),
        ({"views": ["clean"]}, "term ccc_masked needs 2 views, the row has ['clean']"),
        ({"terms": ["ccc"]}, "weighting.scale has 3 numbers for 1 losses"),
        ({"weighting": "sum"}, "weighting 'sum' is not there"),
    ],
)
def test_a_row_that_does_not_fit_is_an_error_that_says_why(change, fault):
    row = Row.model_validate(ROWS["rrtn-ruwl"].model_dump() | change)
    with pytest.raises(ParamsError) as caught:
        objective(row)
    assert fault in str(caught.value)


@pytest.mark.parametrize("row", ["vanilla", "rrtn"])
def test_an_easy_task_is_learned(tmp_path, row):
    write_features(tmp_path / "features", train=64, dev=40)
    changes = {"epochs": 12, "learning_rate": 0.01, "block_dropout": 0.0, "head_dropout": 0.0}
    easy = cell(tmp_path / "features", tmp_path / "scratch", row, width=1 / 16, **changes)
    state = train_cell(easy)
    assert state.history[-1]["dev_ccc"] > 0.5


def test_written_predictions_come_back_to_the_last_bit(features, tmp_path):
    dev = Packed(features, "dev", torch.device("cpu"))
    generator = np.random.default_rng(0)
    chosen = {
        kind: generator.normal(size=dev.labels.shape).astype(np.float32)
        for kind in ("last", "best")
    }
    write_predictions(tmp_path / "predictions.npz", dev, chosen)
    with np.load(tmp_path / "predictions.npz") as found:
        assert found["clips"].tolist() == dev.clips
        assert found["targets"].tolist() == TARGETS
        assert set(found) == {"clips", "targets", *chosen}
        for kind, values in chosen.items():
            assert found[kind].dtype == np.float32
            assert found[kind].tobytes() == values.tobytes()


CHILD = """\
import sys
from pathlib import Path

import harness
from harness.learning.outputs import finish
from tests.learning.cells import cell

finish(cell(Path("features"), Path("scratch"), "vanilla", seed=3, epochs=20))
"""


def outputs(one):
    made = json.loads(one.circumstances.read_text())
    return {file.name: file.read_bytes() for file in one.staged.iterdir()}, made["epoch_seconds"]


def test_a_cell_killed_by_the_system_goes_on_where_it_was(tmp_path, monkeypatch):
    for name in ("killed", "whole"):
        write_features(tmp_path / name / "features")
    one = cell(Path("features"), Path("scratch"), "vanilla", seed=3, epochs=20)
    checkpoint = tmp_path / "killed" / one.checkpoint
    env = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    with subprocess.Popen(
        [sys.executable, "-c", CHILD], cwd=tmp_path / "killed", env=env, stdout=subprocess.DEVNULL
    ) as process:
        while not checkpoint.exists() and process.poll() is None:
            time.sleep(0.005)
        process.kill()
    assert process.returncode == -signal.SIGKILL
    done = torch.load(checkpoint, weights_only=False)["state"]["seconds"]
    assert 0 < len(done) < 20
    found = {}
    for name in ("killed", "whole"):
        monkeypatch.chdir(tmp_path / name)
        finish(one)
        found[name] = outputs(one)
    files, seconds = found["killed"]
    assert files == found["whole"][0]
    assert set(files) == {"predictions.npz", "history.csv", "metrics.json", "record.json"}
    assert seconds[: len(done)] == done  # these epochs were not trained again
    assert not checkpoint.exists()


def test_a_finished_cell_is_what_its_training_found(features, tmp_path):
    one = cell(features, tmp_path / "one", "vanilla")
    finish(one)
    state = train_cell(cell(features, tmp_path / "other", "vanilla"))
    with np.load(one.staged / "predictions.npz") as found:
        for selection, chosen in state.chosen.items():
            assert found[selection].tobytes() == chosen.predictions.tobytes()
    history = pd.read_csv(one.staged / "history.csv")
    assert history["dev_ccc"].tolist() == pytest.approx(
        [row["dev_ccc"] for row in state.history], rel=1e-5
    )
    metrics = json.loads((one.staged / "metrics.json").read_text())
    for selection in ("last", "best"):
        epoch, dev_ccc, *_ = state.chosen[selection]
        assert metrics[selection] == {"epoch": epoch, "ccc": dev_ccc}
    assert (metrics["row"], metrics["seed"]) == (one.name, 1)
    assert json.loads((one.staged / "record.json").read_text())["key"] == one.key
