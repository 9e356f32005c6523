"""Every reading that concerns training does what it says, and nothing else."""

import numpy as np
import pytest
import torch

from harness.config.rows import Row
from harness.config.training import SpecAugment
from harness.learning.data import Packed, held_out_clips
from harness.learning.losses import barlow_twins, ccc_loss, uncentred
from harness.learning.network import parameters
from harness.learning.optimiser import optimiser
from harness.learning.scoring import predict
from harness.learning.specaugment import masked
from tests.learning.cells import (
    ROWS,
    TRAIN,
    TWINS,
    cell,
    losses,
    masks,
    objective,
    rule,
    train_cell,
)
from tests.learning.packed import write_features
from tests.readings import readings

STRIPES = SpecAugment(frames=64, frame_stripes=2, bands=8, band_stripes=2)


def twins(row="rrtn", **changes):
    torch.manual_seed(0)
    still = {"block_dropout": 0.0, "head_dropout": 0.0} | changes
    return objective(row, **still)


def batch(size=8):
    torch.manual_seed(1)
    return 20 * torch.randn(size, 1, 32, 64) - 40, torch.rand(size, 10)


# The losses.


def test_pooled_ccc_is_one_ccc_over_all_entries():
    x, y = torch.rand(16, 10), torch.rand(16, 10)
    pooled = ccc_loss(x, y, "pooled")
    assert pooled.item() == pytest.approx(ccc_loss(x.reshape(-1, 1), y.reshape(-1, 1)).item())
    assert pooled.item() != pytest.approx(ccc_loss(x, y).item(), abs=1e-3)


def test_pooled_ccc_rewards_the_mean_of_a_target_which_the_other_does_not():
    labels = torch.rand(64, 2) * 0.1 + torch.tensor([0.1, 0.9])
    means_alone = labels.mean(dim=0).expand_as(labels) + 1e-6 * torch.randn(64, 2)
    assert ccc_loss(means_alone, labels, "pooled") < 0.05
    assert ccc_loss(means_alone, labels) > 0.95


def test_the_uncentred_correlation_is_equation_3_with_squares():
    a, b = torch.randn(16, 6) + 2, torch.randn(16, 6) - 1
    expected = torch.zeros(6, 6)
    for i in range(6):
        for j in range(6):
            top = sum(a[n, i] * b[n, j] for n in range(16))
            expected[i, j] = top / (a[:, i].square().sum() * b[:, j].square().sum()).sqrt()
    on = (1 - expected.diagonal()).square().sum()
    off = expected.square().sum() - expected.diagonal().square().sum()
    assert barlow_twins(a, b, 0.1, uncentred).item() == pytest.approx((on + 0.1 * off).item())


def test_affine_twins_start_as_standardised_ones_and_learn_scale_and_shift():
    x, labels = batch()
    plain, affine = twins(), twins(barlow_twins="affine")
    one, other = (losses(o, x, labels, masks()) for o in (plain, affine))
    assert one.tolist() == pytest.approx(other.tolist())
    assert isinstance(affine.terms[2].normalise, torch.nn.BatchNorm1d)
    other[2].backward()
    assert affine.terms[2].normalise.weight.grad.abs().sum() > 0
    more = [parameters(ROWS["rrtn"], TRAIN, o.network.readings, 64, 10) for o in (affine, plain)]
    assert more[0] - more[1] == 2 * TRAIN.embedding


# SpecAugment.


def shares(x):
    """Which share of frames, and of bands, is masked in all of the other axis."""
    gone = x == 0
    return gone.all(dim=3).float().mean().item(), gone.all(dim=2).float().mean().item()


@pytest.mark.parametrize(
    ("axes", "frames", "bands"),
    [("described", 0.236, 0.105), ("time", 0.236, 0.0), ("mel", 0.0, 0.70)],
)
def test_the_released_masks_lie_on_one_axis_alone(axes, frames, bands):
    """Shares as measured on the release's class and torchlibrosa's, 2,000 clips of ones."""
    found = shares(masked(torch.ones(2000, 1, 250, 64), STRIPES, masks(), axes))
    assert found == pytest.approx((frames, bands), abs=0.02)


def test_released_masks_lie_on_mel_for_resnet_and_on_time_for_cnns():
    seen = {}
    for row in ("rrtn", "rrtn-ruwl"):  # ResNet-18, CNN14
        network = twins(row, mask_axes="released").network
        views = network._masked([torch.ones(64, 1, 100, 64)] * 2, masks())
        seen[row] = [share > 0 for share in shares(views[1])]
    assert seen == {"rrtn": [False, True], "rrtn-ruwl": [True, False]}


@pytest.mark.parametrize(("fill", "level"), [("zero", 0.0), ("silence", -100.0), ("mean", None)])
def test_masks_are_filled_with_what_the_reading_names(fill, level):
    x, _ = batch()
    view = masked(x, STRIPES, masks(), fill=fill)
    gone = masked(torch.ones_like(x), STRIPES, masks()) == 0
    assert gone.any()
    assert torch.equal(view[~gone], x[~gone])
    expected = x.mean(dim=(2, 3), keepdim=True).expand_as(x) if level is None else level
    assert torch.equal(view[gone], (torch.zeros_like(x) + expected)[gone])


def test_one_view_stays_clean_or_both_are_masked_each_in_its_own_way():
    x, _ = batch()
    first, second = twins().network._masked([x, x], masks())
    assert torch.equal(first, x)
    assert not torch.equal(second, x)
    first, second = twins(masked_view="both").network._masked([x, x], masks())
    assert not torch.equal(first, x)
    assert not torch.equal(first, second)


def test_masking_after_bn0_leaves_its_statistics_clean():
    x, labels = batch()
    before, after = twins("rrtn-ruwl"), twins("rrtn-ruwl", mask_place="after_bn0")
    for network in (before, after):
        network(x, labels, masks())
    clean = torch.nn.BatchNorm2d(64)
    for _ in range(2):  # both views
        clean(x.transpose(1, 3))
    assert torch.allclose(after.network.encoder.bn0.running_mean, clean.running_mean, atol=1e-4)
    assert not torch.allclose(before.network.encoder.bn0.running_mean, clean.running_mean, atol=0.1)


def test_masking_before_or_after_bn0_is_the_same_where_there_is_none():
    x, labels = batch()
    one, other = (twins("rrtn", mask_place=p) for p in ("before_bn0", "after_bn0"))
    assert torch.equal(one(x, labels, masks())[1], other(x, labels, masks())[1])


# Twins.


def test_joint_twins_share_their_batch_statistics():
    x, labels = batch()
    apart, joint = twins(), twins(twin_forward="joint")
    assert not torch.allclose(apart(x, labels, masks())[1], joint(x, labels, masks())[1])
    views = joint.network._masked([x, x], masks())
    together = joint.network.encoder(torch.cat(views))
    _, found = joint.network(x, masks())
    assert torch.allclose(torch.cat(list(found)), together, atol=1e-5)


def test_joint_and_apart_are_the_same_in_evaluation():
    x, labels = batch()
    apart, joint = twins().eval(), twins(twin_forward="joint").eval()
    found = [n(x, labels, masks())[1].tolist() for n in (apart, joint)]
    assert found[0] == pytest.approx(found[1], rel=1e-4)


# RUWL.


def test_lambda_divides_by_the_letter_of_equation_6():
    block = {"ruwl": {"scale": [1, 1, 1e-8]}}
    weights = rule(block, 3, ruwl_lambda="divides").weights()
    assert weights.tolist() == pytest.approx([1, 1, 1e12], rel=1e-4)  # 1 / (1e-8 · 0.01²)
    assert rule(block, 3).weights().tolist() == pytest.approx([1, 1, 1e-4])


def test_rules_take_their_numbers_from_the_readings_unless_the_row_has_its_own():
    read = {"fixed_weights": [1, 1, 0], "ruwl_start": [1, 1, 0.001]}
    assert rule("fixed", 3, **read).weights().tolist() == [1, 1, 0]
    own = rule({"fixed": {"weights": [2, 1, 1]}}, 3, **read)
    assert own.weights().tolist() == [2, 1, 1]
    ruwl = rule({"ruwl": {"scale": [1, 1, 1e-8]}}, 3, **read)
    assert ruwl.c.tolist() == pytest.approx([1, 1, 0.001])


@pytest.mark.parametrize(("decay", "expected"), [("as_network", 0.01), ("none", 0.0)])
def test_c_decays_with_the_network_or_not_at_all(decay, expected):
    whole = objective("rrtn-ruwl", ruwl_decay=decay)
    groups = optimiser(whole, TRAIN).param_groups
    decays = {id(p): group["weight_decay"] for group in groups for p in group["params"]}
    assert len(decays) == len(list(whole.parameters()))
    assert decays[id(whole.weighting.c)] == expected
    assert decays[id(whole.network.head.linear.weight)] == 0.01


# Evaluation and selection.


@pytest.fixture(scope="module")
def features(tmp_path_factory):
    folder = tmp_path_factory.mktemp("features")
    write_features(folder, train=64, dev=40)
    return folder


def test_a_random_dev_crop_moves_long_clips_only_and_from_epoch_to_epoch(features):
    data = Packed(features, "dev", torch.device("cpu"))
    one = cell(features, "unset", "vanilla", dev_crop="random")
    network = objective("vanilla", targets=data.labels.shape[1]).network
    first, again, later = (predict(network, data, one, epoch) for epoch in (0, 0, 1))
    fixed = predict(network, data, cell(features, "unset", "vanilla"), 0)
    assert np.array_equal(first, again)
    short = (data.frames <= TRAIN.frames).numpy()
    assert short.any()
    assert (~short).any()
    for other in (first, later):
        assert np.array_equal(other[short], fixed[short])
    assert not np.array_equal(first[~short], fixed[~short])
    assert not np.array_equal(first[~short], later[~short])


def test_held_out_speakers_are_whole_and_a_tenth_and_the_same_for_all(features):
    data = Packed(features, "train", torch.device("cpu"))
    out = held_out_clips(data, True)
    held, learned = set(data.speakers[out]), set(data.speakers[~out])
    assert held
    assert not held & learned
    assert len(held) == max(1, len(held | learned) // 10)
    assert not held_out_clips(data, False).any()


def test_the_held_out_selection_is_the_epoch_best_on_held_out_speakers(features, tmp_path):
    state = train_cell(cell(features, tmp_path / "a", "vanilla", selection="held_out"))
    scores = [row["held_out_ccc"] for row in state.history]
    assert state.chosen["held_out"].epoch == int(np.argmax(scores)) + 1
    assert set(state.chosen) == {"last", "best", "held_out"}
    usual = train_cell(cell(features, tmp_path / "b", "vanilla"))
    assert set(usual.chosen) == {"last", "best"}
    assert usual.history[0]["loss_ccc"] != state.history[0]["loss_ccc"]  # fewer clips learned


def test_the_released_preset_trains(features, tmp_path):
    from tests.config.test_readings import read_readings_of

    released = read_readings_of("released").model_dump() | {"epochs": 1}
    state = train_cell(cell(features, tmp_path, "rrtn-ruwl", **released))
    assert np.isfinite(state.history[0]["dev_ccc"])


def test_the_released_parameters_are_more_than_table_2_prints_for_cnn10():
    """Affine batch norm: 6,008,778, which prints 6.01; Table 2 has 6.00 (bias, not affine)."""
    row = Row(encoder="cnn10", weighting="fixed", **TWINS)
    full = TRAIN.model_copy(update={"width": 1.0, "embedding": 2048})
    counts = [
        parameters(row, full, readings(barlow_twins=b), 64, 10) for b in ("affine", "standardised")
    ]
    assert counts == [6_008_778, 6_004_682]
