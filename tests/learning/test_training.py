"""harness.learning.training: a cell is reproducible, resumable, and learns what can be learned."""

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
from harness.learning.rehearsal import check
from harness.learning.training import Objective, predict, write_predictions
from harness.learning.twins import Twins

from harness.config.readings import PRESETS, Readings
from harness.config.training import Row, SpecAugment, Train
from harness.errors import ParamsError, RunError
from harness.evaluation.ccc import ccc
from harness.learning import training
from harness.learning.cell import Cell
from harness.learning.data import Packed
from stages import train as stage
from tests.learning.packed import TARGETS, write_features, write_split
from tests.readings import readings

REPOSITORY = Path(__file__).parents[2]
TRAIN = Train(
    batch=8,
    learning_rate=0.005,
    epsilon=1e-8,
    weight_decay=0.01,
    frames=32,
    width=1 / 32,
    embedding=16,
    redundancy=0.001,
    spec_augment=SpecAugment(frames=8, frame_stripes=2, bands=8, band_stripes=2),
    precision="32-true",
    arithmetic="portable",
    threads=1,
)

READINGS = readings(epochs=3, padding="silence", head_dropout=0.1)


class CellAt(Cell):
    """A cell whose `scratch` is the checkpoint itself."""

    @property
    def checkpoint(self):
        return self.scratch


def train_cell(cell, checkpoint):
    return training.train_cell(replace(cell, scratch=checkpoint))[0]


FIXED = {"rule": "fixed", "weights": [1, 1, 0.001]}
RUWL = {"rule": "ruwl", "scale": [1, 1, 1e-8], "start": [1, 1, 0.01]}
ROWS = {
    "vanilla": Row(
        encoder="cnn10", method="vanilla", views=1, weighting={"rule": "fixed", "weights": [1]}
    ),
    "rrtn": Row(encoder="resnet18", method="rrtn", views=2, weighting=FIXED),
    "rrtn-ruwl": Row(encoder="cnn14", method="rrtn-ruwl", views=2, weighting=RUWL),
}


@pytest.fixture(scope="module")
def features(tmp_path_factory):
    folder = tmp_path_factory.mktemp("features")
    write_features(folder)
    return folder


def cell(features, row="rrtn-ruwl", seed=1, **changes):
    chosen = {key: changes.pop(key) for key in list(changes) if key in Readings.model_fields}
    train, read = TRAIN.model_copy(update=changes), READINGS.model_copy(update=chosen)
    folders = (features, Path("unset"), Path("runs"))
    return CellAt(row, ROWS[row], train, read, seed, *folders, {"corpus": "a"})


def assert_same(one, other):
    assert one.history == other.history
    assert one.epoch == other.epoch
    assert one.chosen.keys() == other.chosen.keys()
    for selection, chosen in one.chosen.items():
        same = other.chosen[selection]
        assert chosen[:3] == same[:3]
        assert chosen.predictions.tobytes() == same.predictions.tobytes()


class Killed(Exception):
    pass


def killed_after(epochs, cell, checkpoint):
    """Train `cell`, with an exception out of the blue right after the checkpoint of an epoch."""
    save = training.save

    def and_die(*arguments):
        save(*arguments)
        if arguments[-1].epoch == epochs:
            raise Killed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "save", and_die)
        with pytest.raises(Killed):
            train_cell(cell, checkpoint)


@pytest.mark.parametrize("row", ROWS)
def test_the_same_cell_gives_the_same_bytes_whatever_came_before(features, tmp_path, row):
    one = train_cell(cell(features, row), tmp_path / "one.ckpt")
    torch.rand(17)
    np.random.rand(17)
    other = train_cell(cell(features, row), tmp_path / "other.ckpt")
    assert_same(one, other)
    assert one.epoch == len(one.history) == READINGS.epochs
    another = train_cell(cell(features, row, seed=2), tmp_path / "another.ckpt")
    assert another.history != one.history


@pytest.mark.parametrize("row", ROWS)
@pytest.mark.parametrize("epochs", [1, 2])
def test_a_broken_and_resumed_cell_equals_the_unbroken(features, tmp_path, row, epochs):
    whole = train_cell(cell(features, row), tmp_path / "whole.ckpt")
    killed_after(epochs, cell(features, row), tmp_path / "broken.ckpt")
    seconds = torch.load(tmp_path / "broken.ckpt", weights_only=False)["state"]["seconds"]
    resumed = train_cell(cell(features, row), tmp_path / "broken.ckpt")
    assert_same(resumed, whole)
    assert resumed.seconds[:epochs] == seconds  # these epochs were not trained again
    assert len(resumed.seconds) == READINGS.epochs


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 2},
        {"name": "other"},
        {"row": ROWS["rrtn-ruwl"].model_copy(update={"method": "other"})},
        {"train": TRAIN.model_copy(update={"epsilon": 1e-7})},
        {"readings": readings(epochs=3)},
        {"origin": {"corpus": "b"}},
    ],
    ids=lambda change: next(iter(change)),
)
def test_the_checkpoint_of_another_cell_is_not_resumed(features, tmp_path, change):
    other = replace(cell(features), **change)
    assert other.key != cell(features).key
    killed_after(2, other, tmp_path / "cell.ckpt")
    found = train_cell(cell(features), tmp_path / "cell.ckpt")
    assert_same(found, train_cell(cell(features), tmp_path / "none.ckpt"))


def test_the_checkpoint_of_another_arithmetic_is_not_resumed(features, tmp_path, monkeypatch):
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr("harness.learning.state.rounding", lambda train: "fast on another")
        killed_after(2, cell(features), tmp_path / "cell.ckpt")
    kept = torch.load(tmp_path / "cell.ckpt", weights_only=False)["state"]["seconds"]
    found = train_cell(cell(features), tmp_path / "cell.ckpt")
    assert found.seconds[:2] != kept  # these epochs were trained again
    assert_same(found, train_cell(cell(features), tmp_path / "none.ckpt"))


def test_the_checkpoint_of_other_sound_is_not_resumed(features, tmp_path):
    shutil.copytree(features, tmp_path / "features")
    levels = np.load(tmp_path / "features" / "train.npy")
    levels[0, 0] += 1
    np.save(tmp_path / "features" / "train.npy", levels)
    assert cell(tmp_path / "features").key != cell(features).key


def test_the_checkpoint_of_other_clips_is_not_resumed(features, tmp_path):
    write_features(tmp_path / "features", seed=1)
    assert cell(tmp_path / "features").key != cell(features).key
    write_features(tmp_path / "features", seed=0)
    assert cell(tmp_path / "features").key == cell(features).key


@pytest.mark.parametrize("damage", [b"", b"not a checkpoint", None], ids=["empty", "text", "cut"])
def test_a_damaged_checkpoint_costs_its_epochs_and_no_more(features, tmp_path, damage):
    checkpoint = tmp_path / "cell.ckpt"
    if damage is None:
        killed_after(2, cell(features), checkpoint)
        damage = checkpoint.read_bytes()[:-1000]
    checkpoint.write_bytes(damage)
    found = train_cell(cell(features), checkpoint)
    assert_same(found, train_cell(cell(features), tmp_path / "none.ckpt"))


def test_last_is_the_last_epoch_and_best_the_one_with_the_highest_dev_ccc(tmp_path):
    features = tmp_path / "features"
    write_features(features)
    dev = pd.read_csv(features / "dev.csv")  # nothing to learn, so that dev Ĉ goes up and down
    dev[TARGETS] = np.random.default_rng(0).random((len(dev), len(TARGETS)))
    dev.to_csv(features / "dev.csv", index=False)
    state = train_cell(cell(features, "vanilla", epochs=8), tmp_path / "cell.ckpt")
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
        state = train_cell(cell(features, row, epochs=1), tmp_path / f"{row}.ckpt")
        expected = [f"{kind}_{n}" for kind in ("loss", "weight") for n in names[:count]]
        assert list(state.history[0]) == ["epoch", *expected, "dev_ccc"]
        weights = [state.history[0][f"weight_{n}"] for n in names[:count]]
        if row != "rrtn-ruwl":
            assert weights == pytest.approx(ROWS[row].weighting["weights"])
        else:
            assert weights[2] != pytest.approx(1e-4, rel=0.01)  # learned: it started there


def test_a_loss_that_is_not_finite_ends_the_cell_and_names_it(tmp_path):
    rng = np.random.default_rng(0)
    lengths = [32] * 16
    levels = np.full((16 * 32, 64), -60.0)
    levels[100, 5] = np.nan
    write_split(tmp_path, "train", lengths, rng, levels=levels)
    write_split(tmp_path, "dev", lengths, rng)
    with pytest.raises(
        RunError, match=r"^vanilla: losses or predictions are no longer finite in epoch 1"
    ):
        train_cell(cell(tmp_path, "vanilla"), tmp_path / "cell.ckpt")
    assert not (tmp_path / "cell.ckpt").exists()


def test_fewer_clips_than_a_batch_end_the_cell_and_name_it(features, tmp_path):
    with pytest.raises(RunError, match=r"^vanilla: 16 train clips do not fill one batch of 17"):
        train_cell(cell(features, "vanilla", batch=17), tmp_path / "cell.ckpt")


@pytest.mark.parametrize("row", ROWS)
def test_a_prediction_does_not_depend_on_the_other_clips(tmp_path, row):
    write_features(tmp_path, dev=70)
    data = Packed(tmp_path, "dev", torch.device("cpu"))
    assert len(data) > training.EVALUATION_BATCH
    torch.manual_seed(0)
    twins = Twins(ROWS[row], TRAIN, READINGS, 64, len(TARGETS))
    for module in twins.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = None  # the running statistics are those of the next batches
    x = data.views(torch.arange(32), TRAIN.frames, READINGS.padding_level)
    twins(x, data.labels[:32], torch.Generator().manual_seed(0))
    together = predict(twins, data, cell(tmp_path, row), epoch=0)
    assert together.shape == (len(data), len(TARGETS))
    assert together.dtype == np.float32
    shape = (TRAIN.frames, READINGS.padding_level)
    with torch.inference_mode():
        alone = [
            twins.predict(data.views(torch.tensor([clip]), *shape)).numpy()
            for clip in range(len(data))
        ]
    np.testing.assert_allclose(together, np.concatenate(alone), rtol=0, atol=1e-5)
    assert together.std(axis=0).min() > 1e-3


def test_one_view_has_no_projector_and_two_share_all_weights():
    vanilla = Twins(ROWS["vanilla"], TRAIN, READINGS, 64, 10)
    assert vanilla.projector is None
    assert {name.split(".")[0] for name, _ in vanilla.named_parameters()} == {"encoder", "head"}
    twins = Twins(ROWS["vanilla"].model_copy(update={"views": 2}), TRAIN, READINGS, 64, 10)
    extra = set(dict(twins.named_parameters())) - set(dict(vanilla.named_parameters()))
    assert extra == {"projector.weight", "projector.bias"}


def test_twins_without_stripes_see_the_same_twice():
    no_mask = TRAIN.spec_augment.model_copy(update={"frame_stripes": 0, "band_stripes": 0})
    still = readings(block_dropout=0.0, head_dropout=0.0)
    train = TRAIN.model_copy(update={"spec_augment": no_mask})
    torch.manual_seed(0)
    twins = Twins(ROWS["rrtn"], train, still, 64, 10)
    x, labels = torch.randn(8, 1, 32, 64), torch.rand(8, 10)
    clean, masked, _ = twins(x, labels, torch.Generator().manual_seed(0)).tolist()
    assert clean == masked
    masks = Twins(ROWS["rrtn"], TRAIN, still, 64, 10)
    clean, masked, _ = masks(x, labels, torch.Generator().manual_seed(0)).tolist()
    assert clean != masked


def test_every_loss_moves_the_encoder_and_only_barlow_twins_the_projector():
    torch.manual_seed(0)
    twins = Twins(ROWS["rrtn"], TRAIN, READINGS, 64, 10)
    x, labels = torch.randn(8, 1, 32, 64), torch.rand(8, 10)
    for place in range(3):
        twins.zero_grad()
        twins(x, labels, torch.Generator().manual_seed(0))[place].backward()
        assert twins.encoder.conv1.weight.grad.abs().sum() > 0
        reached = twins.projector.weight.grad is not None, twins.head.weight.grad is not None
        moved = [
            bool(grad is not None and grad.abs().sum() > 0)
            for grad in (twins.projector.weight.grad, twins.head.weight.grad)
        ]
        assert moved == [place == 2, place < 2], reached


def test_ruwl_learns_its_weights_with_the_network():
    named = dict(Objective(ROWS["rrtn-ruwl"], TRAIN, READINGS, 64, 10).named_parameters())
    assert named["weighting.c"].requires_grad
    assert "twins.head.weight" in named


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"encoder": "cnn15"}, "no encoder 'cnn15'"),
        ({"views": 1}, "weighting.scale has 3 numbers for 1 losses"),
        ({"weighting": {"rule": "sum"}}, "weighting.rule = 'sum'"),
    ],
)
def test_a_row_that_does_not_fit_is_an_error_with_its_place(change, fault):
    row = ROWS["rrtn-ruwl"].model_copy(update=change)
    with pytest.raises(ParamsError) as caught:
        check(row, TRAIN, READINGS, "cnn14-rrtn-ruwl")
    assert str(caught.value).startswith("params.yaml: rows.cnn14-rrtn-ruwl: ")
    assert fault in str(caught.value)


@pytest.mark.parametrize("row", ["vanilla", "rrtn"])
def test_an_easy_task_is_learned(tmp_path, row):
    write_features(tmp_path, train=64, dev=40)
    changes = {"epochs": 12, "learning_rate": 0.01, "block_dropout": 0.0, "head_dropout": 0.0}
    state = train_cell(cell(tmp_path, row, width=1 / 16, **changes), tmp_path / "cell.ckpt")
    assert state.history[-1]["dev_ccc"] > 0.5


def test_written_predictions_come_back_to_the_last_bit(tmp_path):
    values = np.random.default_rng(0).normal(size=(50, 2)).astype(np.float32)
    write_predictions(tmp_path / "p.csv", [f"{i:05d}" for i in range(50)], ["Awe", "Fear"], values)
    table = pd.read_csv(tmp_path / "p.csv", dtype={"clip": str})
    assert list(table) == ["clip", "Awe", "Fear"]
    assert table["clip"][7] == "00007"
    np.testing.assert_array_equal(table[["Awe", "Fear"]].to_numpy(np.float32), values)


PARAMS = """\
profile: toy
corpus: {name: made-up}
features: {bands: 64}
readings: {preset: paper, epochs: 20, padding: silence, head_dropout: 0}
train:
  batch: 8
  learning_rate: 0.001
  epsilon: 1.0e-8
  weight_decay: 0.01
  frames: 32
  width: 0.03125
  embedding: 16
  redundancy: 0.001
  spec_augment: {frames: 8, frame_stripes: 2, bands: 8, band_stripes: 2}
  precision: 32-true
  arithmetic: portable
  threads: 1
rows:
  cnn10-rrtn-ruwl:
    encoder: cnn10
    method: rrtn-ruwl
    views: 2
    weighting: {rule: ruwl, scale: [1, 1, 1.0e-8], start: [1, 1, 0.01]}
table: {rows: [cnn10-rrtn-ruwl], seeds: [1, 2]}
statistics: {resamples: 200, level: 0.95, seed: 0}
"""
CELL = ["--row", "cnn10-rrtn-ruwl", "--seed", "3"]


def write_tree(folder, params):
    """What the train stage reads: features, params.yaml, presets."""
    write_features(folder / "features" / "toy")
    (folder / "params.yaml").write_text(params)
    shutil.copytree(REPOSITORY / PRESETS, folder / PRESETS)


def outputs(folder):
    out = folder / "runs" / "toy" / "cnn10-rrtn-ruwl-3"
    made = json.loads((folder / "scratch" / "toy" / "cnn10-rrtn-ruwl-3.json").read_text())
    return {file.name: file.read_bytes() for file in out.iterdir()}, made["epoch_seconds"]


def test_a_stage_killed_by_the_system_goes_on_where_it_was(tmp_path, monkeypatch):
    for name in ("killed", "whole"):
        write_tree(tmp_path / name, PARAMS)
    checkpoint = tmp_path / "killed" / "scratch" / "toy" / "cnn10-rrtn-ruwl-3.ckpt"
    command = [sys.executable, "-m", "stages.train", *CELL]
    env = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    with subprocess.Popen(
        command, cwd=tmp_path / "killed", env=env, stdout=subprocess.DEVNULL
    ) as process:
        while not checkpoint.exists() and process.poll() is None:
            time.sleep(0.005)
        process.kill()
    assert process.returncode == -signal.SIGKILL
    done = torch.load(checkpoint, weights_only=False)["state"]["seconds"]
    assert 0 < len(done) < 20
    monkeypatch.setattr(sys, "argv", ["train", *CELL])
    for name in ("killed", "whole"):
        monkeypatch.chdir(tmp_path / name)
        stage.main()
    files, seconds = outputs(tmp_path / "killed")
    assert files == outputs(tmp_path / "whole")[0]
    assert set(files) >= {"predictions-last.csv", "predictions-best.csv", "history.csv"}
    assert seconds[: len(done)] == done  # these epochs were not trained again
    assert not checkpoint.exists()
