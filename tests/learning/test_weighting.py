"""harness.learning.weightings: Eq. 4 to 6 by hand, and what training does to the weights."""

import math

import pytest
import torch

from harness.errors import ParamsError
from tests.learning.cells import RUWL, rule

LOSSES = [0.7, 0.9, 500.0]


def equation_6(losses, scale, c):
    """λ/c² · L + ln(1 + c²), summed, and the restraint |2 - |c₁| - |c₂| - |c₃|| of Eq. 5."""
    total = 0.0
    for one, factor, weight in zip(losses, scale, c, strict=True):
        total += factor / weight**2 * one + math.log(1 + weight**2)
    return total + abs(2 - sum(abs(weight) for weight in c))


@pytest.mark.parametrize(
    ("losses", "scale", "start"),
    [
        (LOSSES, [1, 1, 1e-8], [1, 1, 0.01]),
        (LOSSES, [0.5, 2, 1e-6], [0.4, -0.7, 0.1]),
        (LOSSES, [1, 1, 1e-8], [1.5, 1.2, -0.001]),
    ],
)
def test_ruwl_is_equation_6_with_lambda_multiplying(losses, scale, start):
    ruwl = rule({"ruwl": {"scale": scale}}, 3, ruwl_start=start)
    total = ruwl(torch.tensor(losses)).item()
    assert total == pytest.approx(equation_6(losses, scale, start), rel=1e-5)


def test_ruwl_at_the_papers_start_by_hand():
    ruwl = rule(RUWL, 3)
    # 0.7 + 0.9 + 1e-8 / 1e-4 · 500 + 2 ln 2 + ln 1.0001 + |2 - 2.01|
    assert ruwl(torch.tensor(LOSSES)).item() == pytest.approx(3.0463943, abs=1e-5)


@pytest.mark.parametrize("start", [[1, 1, 0.01], [0.4, -0.7, 0.1]])  # Σ|c| above 2, and below
def test_ruwl_has_the_gradient_of_equation_6(start):
    scale = [1, 1, 1e-4]
    ruwl = rule({"ruwl": {"scale": scale}}, 3, ruwl_start=start)
    losses = torch.tensor(LOSSES, requires_grad=True)
    ruwl(losses).backward()
    restraint = -1 if sum(map(abs, start)) < 2 else 1
    expected = [
        -2 * factor * one / c**3 + 2 * c / (1 + c**2) + restraint * math.copysign(1, c)
        for one, factor, c in zip(LOSSES, scale, start, strict=True)
    ]
    assert ruwl.c.grad.tolist() == pytest.approx(expected, rel=1e-5)
    assert losses.grad.tolist() == pytest.approx(ruwl.weights().tolist(), rel=1e-6)


def test_ruwl_weights_are_lambda_over_c_squared():
    assert rule(RUWL, 3).weights().tolist() == pytest.approx([1, 1, 1e-4], rel=1e-6)
    learned = [name for name, _ in rule(RUWL, 3).named_parameters()]
    assert learned == ["c"]


def test_fixed_is_the_weighted_sum_and_learns_nothing():
    fixed = rule({"fixed": {"weights": [1, 1, 0.001]}}, 3)
    losses = torch.tensor(LOSSES, requires_grad=True)
    total = fixed(losses)
    total.backward()
    assert total.item() == pytest.approx(0.7 + 0.9 + 0.5)
    assert losses.grad.tolist() == fixed.weights().tolist() == pytest.approx([1, 1, 0.001])
    assert not list(fixed.parameters())


def test_fixed_without_weights_takes_those_of_the_reading():
    assert rule("fixed", 3, fixed_weights=[1, 1, 0.5]).weights().tolist() == [1, 1, 0.5]


@pytest.mark.parametrize(
    ("block", "parts"),
    [
        ("rulw", ["weighting 'rulw'", "'ruwl'", "fixed, ruwl"]),
        ({"fixed": {"weigths": [1, 1, 1]}}, ["weighting fixed.weigths", "'weights'"]),
        ("ruwl", ["weighting ruwl.scale", "missing"]),
        ({"ruwl": {"scale": [1, 1, 1], "start": [1, 1, 1]}}, ["weighting ruwl.start", "not a key"]),
        ({"fixed": {"weights": [1, 1]}}, ["weighting.weights", "2 numbers", "3 losses"]),
        ({"ruwl": {"scale": [1, 1, 1, 1]}}, ["weighting.scale", "4 numbers", "3 losses"]),
    ],
)
def test_a_wrong_block_is_an_error_that_names_the_fault(block, parts):
    with pytest.raises(ParamsError) as caught:
        rule(block, 3)
    assert all(part in str(caught.value) for part in parts), str(caught.value)


@pytest.mark.parametrize("block", ["fixed", {"ruwl": {"scale": [1]}}])
def test_readings_of_three_losses_do_not_fit_one(block):
    with pytest.raises(ParamsError, match=r"the reading (fixed_weights|ruwl_start) has 3 numbers"):
        rule(block, 1)


@pytest.mark.parametrize("weights", [1, [1, 1, "x"], [1, 1, None], [1, 1, [1]]])
def test_weights_that_are_no_list_of_numbers_are_an_error_that_names_them(weights):
    with pytest.raises(ParamsError, match=r"weighting fixed\.weights"):
        rule({"fixed": {"weights": weights}}, 3)


def test_ruwl_anneals_barlow_twins_away_and_pins_the_sum_of_c_at_2():
    """An epoch of Hume-VB has 156 steps; the fixed rule keeps 1e-3."""
    ruwl = rule(RUWL, 3)
    optimizer = torch.optim.AdamW(ruwl.parameters(), lr=1e-3, eps=1e-8, weight_decay=0.01)
    losses = torch.tensor([0.5, 0.5, 300.0])

    def epoch():
        for _ in range(156):
            optimizer.zero_grad()
            ruwl(losses).backward()
            optimizer.step()
        return ruwl.weights()[2].item()

    first = epoch()
    later = [epoch() for _ in range(4)][-1]
    assert later < first < 1e-4
    assert ruwl.c.abs().sum().item() == pytest.approx(2, abs=0.02)
    assert ruwl.weights()[:2].tolist() == pytest.approx([1, 1], abs=0.15)
