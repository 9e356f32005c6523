"""harness.learning.losses: against audmetric, lightly and the formulas written out."""

import math

import audmetric
import numpy as np
import pytest
import torch
from lightly.loss.barlow_twins_loss import BarlowTwinsLoss
from scipy.linalg import hadamard

from harness.config.rows import Part, Row
from harness.learning.losses import barlow_twins, ccc_loss
from harness.learning.parts import build
from harness.learning.terms import Step
from tests.learning.cells import TWINS, masks, objective

REDUNDANCY = 1e-3
EVEN = {"fixed": {"weights": [1, 1]}}


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize(("clips", "targets"), [(2, 1), (16, 10), (128, 10)])
def test_ccc_loss_is_one_minus_the_mean_ccc_of_the_targets(clips, targets):
    labels = torch.rand(clips, targets, generator=torch.Generator().manual_seed(1))
    scales = torch.linspace(0.1, 2, targets)
    predictions = 0.6 * labels * scales + 0.1 * normal(clips, targets) - 0.2
    each = [
        audmetric.concordance_cc(labels[:, i].numpy(), predictions[:, i].numpy())
        for i in range(targets)
    ]
    assert len({round(value, 3) for value in each}) == targets
    expected = 1 - np.mean(each)
    assert ccc_loss(predictions, labels).item() == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("reading", ["per_target", "pooled"])
def test_predictions_of_several_views_have_a_ccc_loss_each(reading):
    labels = torch.rand(16, 10, generator=torch.Generator().manual_seed(1))
    views = labels + torch.linspace(0.1, 1, 3)[:, None, None] * normal(3, 16, 10)
    each = [ccc_loss(view, labels, reading).item() for view in views]
    assert len({round(value, 3) for value in each}) == 3
    assert ccc_loss(views, labels, reading).tolist() == pytest.approx(each, abs=1e-6)


def test_ccc_loss_is_0_for_perfect_and_2_for_reversed_predictions():
    labels = torch.rand(32, 10, generator=torch.Generator().manual_seed(2))
    assert ccc_loss(labels, labels).item() == pytest.approx(0, abs=1e-5)
    reversed_ = 2 * labels.mean(dim=0) - labels
    assert ccc_loss(reversed_, labels).item() == pytest.approx(2, abs=1e-5)


def test_constant_predictions_cost_1_and_still_have_a_finite_gradient():
    labels = torch.rand(8, 3, generator=torch.Generator().manual_seed(3))
    labels[:, 0] = 0.5
    predictions = torch.full((8, 3), 0.5, requires_grad=True)
    loss = ccc_loss(predictions, labels)
    loss.backward()
    assert loss.item() == 1
    assert predictions.grad.isfinite().all()


def test_ccc_loss_has_the_gradient_of_its_value():
    labels = torch.rand(8, 3, generator=torch.Generator().manual_seed(4))
    predictions = normal(8, 3).requires_grad_()
    ccc_loss(predictions, labels).backward()
    expected = torch.empty(8, 3)
    for clip in range(8):
        for target in range(3):
            step = torch.zeros(8, 3)
            step[clip, target] = 1e-2
            ahead, behind = (ccc_loss(predictions.detach() + s, labels) for s in (step, -step))
            expected[clip, target] = (ahead - behind) / 2e-2
    torch.testing.assert_close(predictions.grad, expected, rtol=1e-2, atol=1e-4)


def batches():
    shared = normal(32, 24, seed=5)
    yield "independent", normal(32, 24, seed=6), normal(32, 24, seed=7)
    yield "views of one clip", shared + 0.3 * normal(32, 24, seed=8), shared
    mixing = normal(24, 24, seed=9)
    yield "correlated dimensions", shared @ mixing, (shared + 0.1 * normal(32, 24)) @ mixing
    yield "fewer dimensions than clips", normal(64, 5, seed=10) * 7 + 30, normal(64, 5, seed=11)
    yield "more dimensions than clips", normal(8, 100, seed=12), normal(8, 100, seed=13) * 0.01
    yield "nearly dead dimensions", shared * torch.logspace(-6, 2, 24), shared + 5
    few = normal(128, 20, seed=23) @ normal(20, 2048, seed=24)
    yield "the paper's size, rank 20", few + 0.1 * normal(128, 2048, seed=25), few


BATCHES = {name: (a, b) for name, a, b in batches()}


@pytest.mark.parametrize("name", BATCHES)
def test_barlow_twins_is_lightlys_in_value_and_gradient(name):
    found, expected = ([x.clone().requires_grad_() for x in BATCHES[name]] for _ in range(2))
    ours = barlow_twins(*found, REDUNDANCY)
    theirs = BarlowTwinsLoss(lambda_param=REDUNDANCY)(*expected)
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)
    ours.backward()
    theirs.backward()
    for a, b in zip(found, expected, strict=True):
        largest = b.grad.abs().max().item()
        torch.testing.assert_close(a.grad, b.grad, rtol=1e-3, atol=2e-4 * largest)


def naive(a, b, redundancy):
    """Eq. 2, entry by entry, in float64; on the diagonal and off it."""
    a, b = (np.asarray(x, dtype=np.float64) for x in (a, b))
    a, b = ((x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + 1e-5) for x in (a, b))
    on = off = 0.0
    for i in range(a.shape[1]):
        for j in range(b.shape[1]):
            c = sum(a[n, i] * b[n, j] for n in range(len(a))) / len(a)
            if i == j:
                on += (1 - c) ** 2
            else:
                off += redundancy * c**2
    return on, off


@pytest.mark.parametrize(("clips", "size"), [(6, 9), (20, 4), (2, 2)])
@pytest.mark.parametrize("redundancy", [0.0, 1e-3, 1.0])
def test_barlow_twins_is_equation_2_entry_by_entry(clips, size, redundancy):
    a, b = normal(clips, size, seed=14), normal(clips, size, seed=15) + 2
    expected = sum(naive(a, b, redundancy))
    assert barlow_twins(a, b, redundancy).item() == pytest.approx(expected, rel=1e-5)


def test_loss_is_invariant_to_scale_and_shift_of_a_dimension():
    a, b = normal(32, 24, seed=16), normal(32, 24, seed=17)
    scale, shift = torch.linspace(0.5, 30, 24), torch.linspace(-9, 9, 24)
    plain = barlow_twins(a, b, REDUNDANCY)
    torch.testing.assert_close(
        barlow_twins(a * scale + shift, b, REDUNDANCY), plain, rtol=1e-4, atol=0
    )
    torch.testing.assert_close(
        barlow_twins(a, b * scale - shift, REDUNDANCY), plain, rtol=1e-4, atol=0
    )
    same = barlow_twins(a, a, REDUNDANCY)
    assert barlow_twins(-a, a, REDUNDANCY) > same + 90  # a sign is no scale: 24 (1 + 1)² more


def test_identical_views_leave_only_redundancy():
    a = normal(64, 48, seed=18)
    assert barlow_twins(a, a, 0.0).item() == pytest.approx(0, abs=1e-6)
    _, off = naive(a, a, REDUNDANCY)
    assert barlow_twins(a, a, REDUNDANCY).item() == pytest.approx(off, rel=1e-3)


CLIPS, SIZE = 128, 2048  # §3.2, §2.1


def least(rank):
    """Least loss of a cross-correlation of this rank, and the diagonal d that has it.

    ‖C‖² ≥ (Σ C_ii)² / rank, and Σ (1 - C_ii)² - λ Σ C_ii² is least, at a given mean d, where all
    are equal: D (1 - d)² + λ (D² d² / rank - D d²).
    """
    quadratic = SIZE + REDUNDANCY * (SIZE**2 / rank - SIZE)
    d = SIZE / quadratic
    return SIZE - SIZE * d, d


def orthogonal():
    """127 uncorrelated directions over 128 clips, of mean 0 and variance 1: [128, 127]."""
    square = torch.from_numpy(hadamard(CLIPS)).float()
    return square[:, 1:]


def test_embeddings_wider_than_the_batch_stay_above_a_floor():
    """Centred over 128 clips, C has at most rank 127."""
    floor, diagonal = least(rank=CLIPS - 1)
    assert (floor, diagonal) == (pytest.approx(30.5, abs=0.05), pytest.approx(0.985, abs=1e-3))
    noise = normal(CLIPS, SIZE, seed=19)
    few = normal(CLIPS, 20, seed=23) @ normal(20, SIZE, seed=24)
    flattest = orthogonal().repeat(1, 17)[:, :SIZE]  # each direction 16 or 17 times
    pairs = [(noise, normal(CLIPS, SIZE, seed=20)), (few, few), (flattest, -flattest)]
    for a, b in [*pairs, (noise, noise), (flattest, flattest)]:
        assert barlow_twins(a, b, REDUNDANCY).item() > floor
    assert barlow_twins(flattest, flattest, REDUNDANCY).item() == pytest.approx(30.992, abs=0.02)
    assert barlow_twins(flattest, flattest, 0.0).item() == pytest.approx(0, abs=0.01)


def test_the_floor_is_nearly_reached():
    """By views that share 126 directions and differ a little along the last."""
    floor, diagonal = least(rank=CLIPS - 2)
    directions = orthogonal()
    shared = directions[:, :-1].repeat(1, 17)[:, :SIZE]
    other = diagonal * shared + math.sqrt(1 - diagonal**2) * directions[:, -1:]
    found = barlow_twins(shared, other, REDUNDANCY).item()
    assert found == pytest.approx(floor, abs=0.03)  # 126 does not divide 2048
    assert least(rank=CLIPS - 1)[0] < found < 1.01 * least(rank=CLIPS - 1)[0]


def test_training_does_not_get_below_the_floor():
    """Descent on the embeddings themselves, free to be anything."""
    pair = [normal(CLIPS, SIZE, seed=seed).requires_grad_() for seed in (26, 27)]
    optimizer = torch.optim.Adam(pair, lr=0.05)
    for _ in range(60):
        optimizer.zero_grad()
        loss = barlow_twins(*pair, REDUNDANCY)
        loss.backward()
        optimizer.step()
    floor, _ = least(rank=CLIPS - 1)
    assert floor < loss.item() < 1.1 * floor


def test_losses_are_float32_whatever_comes_in():
    a, b = normal(16, 8, seed=21).bfloat16(), normal(16, 8, seed=22).bfloat16()
    assert ccc_loss(a, b).dtype == barlow_twins(a, b, REDUNDANCY).dtype == torch.float32
    assert ccc_loss(a, b) == ccc_loss(a.float(), b.float())
    assert barlow_twins(a, b, REDUNDANCY) == barlow_twins(a.float(), b.float(), REDUNDANCY)


@pytest.mark.parametrize("precision", [torch.bfloat16, torch.float16])
def test_losses_are_the_same_to_the_last_bit_below_autocast(precision):
    a, b = normal(32, 64), normal(32, 64, seed=1)
    labels = torch.rand(32, 10, generator=torch.Generator().manual_seed(2))
    alone = barlow_twins(a, b, 1.0), ccc_loss(a[:, :10], labels)
    with torch.autocast("cpu", precision):
        assert (a @ a.T).dtype == precision  # autocast is on
        below = barlow_twins(a, b, 1.0), ccc_loss(a[:, :10], labels)
    assert [loss.item() for loss in below] == [loss.item() for loss in alone]


def test_the_difference_of_two_views_is_numpys_mean_square_in_value_and_gradient():
    predictions = normal(2, 7, 4).requires_grad_()
    step = Step(*[None] * 5, predictions, None, None, None)
    loss = build("terms", Part(name="difference"), None, 8)(step)
    loss.backward()
    first, second = predictions.detach().numpy().astype(float)
    assert loss.item() == pytest.approx(np.mean((first - second) ** 2), rel=1e-6)
    slope = 2 * (first - second) / first.size
    np.testing.assert_allclose(predictions.grad.numpy(), [slope, -slope], rtol=1e-5)


def test_the_difference_is_that_of_what_the_head_says_of_both_views():
    row = Row(**{**TWINS, "terms": ["ccc", "difference"]}, encoder="cnn10", weighting=EVEN)
    still = {"block_dropout": 0.0, "head_dropout": 0.0}
    whole = objective(row, **still)
    x, labels = 20 * normal(8, 1, 32, 64) - 40, torch.rand(8, 10)
    found = whole(x, labels, masks())[1][1].item()
    with torch.no_grad():
        _, z = whole.network(x, masks())
        first, second = whole.network.head(z).numpy()
    assert found == pytest.approx(np.mean((first - second) ** 2), rel=1e-4)
    assert found > 0
    same = row.model_copy(update={"views": ["clean", "clean"]})
    assert objective(same, **still)(x, labels, masks())[1][1].item() == 0
