"""harness.learning.training: a cell is reproducible, resumable, and learns what can be learned."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from harness.config.readings import Readings
from harness.errors import RunError
from harness.evaluation.ccc import ccc
from harness.learning import loop
from harness.learning.cell import Cell
from harness.learning.data import Packed
from harness.learning.network import Objective
from harness.learning.outputs import write_predictions
from harness.learning.scoring import BATCH, predict
from tests.learning.built import ROWS, TRAIN
from tests.learning.packed import TARGETS, write_features, write_split
from tests.readings import readings

REPOSITORY = Path(__file__).parents[2]
READINGS = readings(epochs=3, padding="silence", head_dropout=0.1)


class CellAt(Cell):
    """A cell whose `scratch` is the checkpoint itself."""

    @property
    def checkpoint(self):
        return self.scratch


def train_cell(cell, checkpoint):
    return loop.train(replace(cell, scratch=checkpoint)).state


@pytest.fixture(scope="module")
def features(tmp_path_factory):
    folder = tmp_path_factory.mktemp("features")
    write_features(folder)
    return folder


def cell(features, row="rrtn-ruwl", seed=1, **changes):
    chosen = {key: changes.pop(key) for key in list(changes) if key in Readings.model_fields}
    train, read = TRAIN.model_copy(update=changes), READINGS.model_copy(update=chosen)
    folders = (features, Path("unset"), Path("runs"))
    return CellAt(row, seed, ROWS[row], train, read, *folders, {"corpus": "a"})


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
    save = loop.save

    def and_die(*arguments):
        save(*arguments)
        if arguments[-1].epoch == epochs:
            raise Killed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "save", and_die)
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
        {"row": ROWS["rrtn-ruwl"].model_copy(update={"keep": ["weights"]})},
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
            assert weights == pytest.approx(ROWS[row].weighting.params["weights"])
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
        RunError, match=r"^vanilla-1: losses or predictions are no longer finite in epoch 1"
    ):
        train_cell(cell(tmp_path, "vanilla"), tmp_path / "cell.ckpt")
    assert not (tmp_path / "cell.ckpt").exists()


def test_fewer_clips_than_a_batch_end_the_cell_and_name_it(features, tmp_path):
    with pytest.raises(RunError, match=r"^vanilla-1: 16 train clips do not fill one batch of 17"):
        train_cell(cell(features, "vanilla", batch=17), tmp_path / "cell.ckpt")


@pytest.mark.parametrize("row", ROWS)
def test_a_prediction_does_not_depend_on_the_other_clips(tmp_path, row):
    write_features(tmp_path, dev=70)
    data = Packed(tmp_path, "dev", torch.device("cpu"))
    assert len(data) > BATCH
    torch.manual_seed(0)
    twins = Objective(ROWS[row], TRAIN, READINGS, 64, len(TARGETS))
    for module in twins.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = None  # the running statistics are those of the next batches
    x = data.crops(torch.arange(32), TRAIN.frames, READINGS.padding_level)
    twins(x, data.labels[:32], torch.Generator().manual_seed(0))
    together = predict(twins.network, data, cell(tmp_path, row), epoch=0)
    assert together.shape == (len(data), len(TARGETS))
    assert together.dtype == np.float32
    shape = (TRAIN.frames, READINGS.padding_level)
    with torch.inference_mode():
        alone = [
            twins.network.predict(data.crops(torch.tensor([clip]), *shape)).numpy()
            for clip in range(len(data))
        ]
    np.testing.assert_allclose(together, np.concatenate(alone), rtol=0, atol=1e-5)
    assert together.std(axis=0).min() > 1e-3


def test_one_view_has_no_projector_and_two_share_all_weights():
    vanilla = Objective(ROWS["vanilla"], TRAIN, READINGS, 64, 10)
    assert {n.split(".")[1] for n, _ in vanilla.named_parameters()} == {"encoder", "head"}
    twins = ROWS["rrtn"].model_copy(update={"encoder": ROWS["vanilla"].encoder})
    both = Objective(twins, TRAIN, READINGS, 64, 10)
    extra = set(dict(both.named_parameters())) - set(dict(vanilla.named_parameters()))
    assert extra == {"terms.2.projector.weight", "terms.2.projector.bias"}


def losses(objective, *arguments):
    """Of the objective's terms, with what they may be differentiated by."""
    kept = []
    hook = objective.weighting.register_forward_pre_hook(lambda _, given: kept.append(given[0]))
    objective(*arguments)
    hook.remove()
    return kept[-1]


def test_twins_without_stripes_see_the_same_twice():
    no_mask = TRAIN.spec_augment.model_copy(update={"frame_stripes": 0, "band_stripes": 0})
    still = readings(block_dropout=0.0, head_dropout=0.0)
    train = TRAIN.model_copy(update={"spec_augment": no_mask})
    torch.manual_seed(0)
    twins = Objective(ROWS["rrtn"], train, still, 64, 10)
    x, labels = torch.randn(8, 1, 32, 64), torch.rand(8, 10)
    clean, masked, _ = twins(x, labels, torch.Generator().manual_seed(0))[1].tolist()
    assert clean == masked
    masks = Objective(ROWS["rrtn"], TRAIN, still, 64, 10)
    clean, masked, _ = masks(x, labels, torch.Generator().manual_seed(0))[1].tolist()
    assert clean != masked


def test_every_loss_moves_the_encoder_and_only_barlow_twins_the_projector():
    torch.manual_seed(0)
    twins = Objective(ROWS["rrtn"], TRAIN, READINGS, 64, 10)
    projector, head = twins.terms[2].projector, twins.network.head.linear
    x, labels = torch.randn(8, 1, 32, 64), torch.rand(8, 10)
    for place in range(3):
        twins.zero_grad()
        losses(twins, x, labels, torch.Generator().manual_seed(0))[place].backward()
        assert twins.network.encoder.conv1.weight.grad.abs().sum() > 0
        moved = [
            bool(grad is not None and grad.abs().sum() > 0)
            for grad in (projector.weight.grad, head.weight.grad)
        ]
        assert moved == [place == 2, place < 2]


def test_ruwl_learns_its_weights_with_the_network():
    named = dict(Objective(ROWS["rrtn-ruwl"], TRAIN, READINGS, 64, 10).named_parameters())
    assert named["weighting.c"].requires_grad
    assert "network.head.linear.weight" in named


@pytest.mark.parametrize("row", ["vanilla", "rrtn"])
def test_an_easy_task_is_learned(tmp_path, row):
    write_features(tmp_path, train=64, dev=40)
    changes = {"epochs": 12, "learning_rate": 0.01, "block_dropout": 0.0, "head_dropout": 0.0}
    state = train_cell(cell(tmp_path, row, width=1 / 16, **changes), tmp_path / "cell.ckpt")
    assert state.history[-1]["dev_ccc"] > 0.5


def test_written_predictions_come_back_to_the_last_bit(tmp_path):
    write_features(tmp_path, dev=50)
    dev = Packed(tmp_path, "dev", torch.device("cpu"))
    values = np.random.default_rng(0).normal(size=(50, len(TARGETS))).astype(np.float32)
    write_predictions(tmp_path / "p.npz", dev, {"last": values, "best": values + 1})
    with np.load(tmp_path / "p.npz", allow_pickle=False) as found:
        assert sorted(found) == ["best", "clips", "last", "targets"]
        assert found["clips"].tolist() == dev.clips
        assert found["targets"].tolist() == dev.targets
        assert found["last"].tobytes() == values.tobytes()
