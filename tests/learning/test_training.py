"""harness.learning.loop: a cell is reproducible and learns what can be learned."""

import numpy as np
import pandas as pd
import pytest
import torch

from harness.errors import RunError
from harness.evaluation.ccc import ccc
from tests.learning.cells import (
    READINGS,
    ROWS,
    TRAIN,
    assert_same,
    cell,
    losses,
    masks,
    objective,
    train_cell,
)
from tests.learning.packed import TARGETS, write_features, write_split


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
    another = train_cell(cell(features, tmp_path / "another", row, seed=2))
    assert another.history != one.history


def test_last_is_the_last_epoch_and_best_the_one_with_the_highest_dev_ccc(tmp_path):
    features = tmp_path / "features"
    write_features(features)
    dev = pd.read_csv(features / "dev.csv")  # nothing to learn, so that dev Ĉ goes up and down
    dev[TARGETS] = np.random.default_rng(0).random((len(dev), len(TARGETS)))
    dev.to_csv(features / "dev.csv", index=False)
    state = train_cell(cell(features, tmp_path / "cell", "vanilla", epochs=8))
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
        state = train_cell(cell(features, tmp_path / row, row, epochs=1))
        kinds = ("loss", "weight", "share") if count > 1 else ("loss", "weight")
        expected = [f"{kind}_{n}" for kind in kinds for n in names[:count]]
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
    features = tmp_path / "features"
    write_split(features, "train", lengths, rng, levels=levels)
    write_split(features, "dev", lengths, rng)
    one = cell(features, tmp_path, "vanilla")
    with pytest.raises(
        RunError, match=r"^table2/vanilla-1: losses or predictions are no longer finite in epoch 1"
    ):
        train_cell(one)
    assert not one.checkpoint.exists()


def test_fewer_clips_than_a_batch_end_the_cell_and_name_it(features, tmp_path):
    fault = r"^table2/vanilla-1: 16 train clips do not fill one batch of 17"
    with pytest.raises(RunError, match=fault):
        train_cell(cell(features, tmp_path / "cell", "vanilla", batch=17))


def test_one_view_has_no_projector_and_two_share_all_weights():
    vanilla = objective("vanilla")
    assert {n.split(".")[1] for n, _ in vanilla.named_parameters()} == {"encoder", "head"}
    twins = ROWS["rrtn"].model_copy(update={"encoder": ROWS["vanilla"].encoder})
    both = objective(twins)
    extra = set(dict(both.named_parameters())) - set(dict(vanilla.named_parameters()))
    assert extra == {"terms.2.projector.weight", "terms.2.projector.bias"}


def test_twins_without_stripes_see_the_same_twice():
    no_mask = TRAIN.spec_augment.model_copy(update={"frame_stripes": 0, "band_stripes": 0})
    still = {"block_dropout": 0.0, "head_dropout": 0.0}
    train = TRAIN.model_copy(update={"spec_augment": no_mask})
    torch.manual_seed(0)
    twins = objective("rrtn", train, **still)
    x, labels = torch.randn(8, 1, 32, 64), torch.rand(8, 10)
    clean, masked, _ = twins(x, labels, masks())[1].tolist()
    assert clean == masked
    striped = objective("rrtn", **still)
    clean, masked, _ = striped(x, labels, masks())[1].tolist()
    assert clean != masked


def test_every_loss_moves_the_encoder_and_only_barlow_twins_the_projector():
    torch.manual_seed(0)
    twins = objective("rrtn")
    projector, head = twins.terms[2].projector, twins.network.head.linear
    x, labels = torch.randn(8, 1, 32, 64), torch.rand(8, 10)
    for place in range(3):
        twins.zero_grad()
        losses(twins, x, labels, masks())[place].backward()
        assert twins.network.encoder.conv1.weight.grad.abs().sum() > 0
        moved = [
            bool(grad is not None and grad.abs().sum() > 0)
            for grad in (projector.weight.grad, head.weight.grad)
        ]
        assert moved == [place == 2, place < 2]


def test_ruwl_learns_its_weights_with_the_network():
    named = dict(objective("rrtn-ruwl").named_parameters())
    assert named["weighting.c"].requires_grad
    assert "network.head.linear.weight" in named


@pytest.mark.parametrize("row", ["vanilla", "rrtn"])
def test_an_easy_task_is_learned(tmp_path, row):
    features = tmp_path / "features"
    write_features(features, train=64, dev=40)
    changes = {"epochs": 12, "learning_rate": 0.01, "block_dropout": 0.0, "head_dropout": 0.0}
    state = train_cell(cell(features, tmp_path, row, width=1 / 16, **changes))
    assert state.history[-1]["dev_ccc"] > 0.5
