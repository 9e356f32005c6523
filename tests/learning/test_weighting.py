"""harness.learning.weighting: Eq. 4 to 6 by hand, and what training does to the weights."""

import math

import pytest
import torch

from harness.errors import ParamsError
from tests.learning.built import RUWL
from tests.learning.built import weighting as build
from tests.readings import readings

PAPER = readings()
LOSSES = [0.7, 0.9, 500.0]


def started(scale, start):
    """RUWL with another first c than the reading's three."""
    rule = build({"ruwl": {"scale": scale}}, len(scale), readings(ruwl_start=[1, 1, 0.01]))
    with torch.no_grad():
        rule.c.copy_(torch.tensor(start))
    return rule


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
    rule = started(scale, start)
    total = rule(torch.tensor(losses)).item()
    assert total == pytest.approx(equation_6(losses, scale, start), rel=1e-5)


def test_ruwl_at_the_papers_start_by_hand():
    rule = build(RUWL, 3, PAPER)
    # 0.7 + 0.9 + 1e-8 / 1e-4 · 500 + 2 ln 2 + ln 1.0001 + |2 - 2.01|
    assert rule(torch.tensor(LOSSES)).item() == pytest.approx(3.0463943, abs=1e-5)


@pytest.mark.parametrize("start", [[1, 1, 0.01], [0.4, -0.7, 0.1]])  # Σ|c| above 2, and below
def test_ruwl_has_the_gradient_of_equation_6(start):
    scale = [1, 1, 1e-4]
    rule = started(scale, start)
    losses = torch.tensor(LOSSES, requires_grad=True)
    rule(losses).backward()
    restraint = -1 if sum(map(abs, start)) < 2 else 1
    expected = [
        -2 * factor * one / c**3 + 2 * c / (1 + c**2) + restraint * math.copysign(1, c)
        for one, factor, c in zip(LOSSES, scale, start, strict=True)
    ]
    assert rule.c.grad.tolist() == pytest.approx(expected, rel=1e-5)
    assert losses.grad.tolist() == pytest.approx(rule.weights().tolist(), rel=1e-6)


def test_ruwl_weights_are_lambda_over_c_squared():
    assert build(RUWL, 3, PAPER).weights().tolist() == pytest.approx([1, 1, 1e-4], rel=1e-6)
    learned = [name for name, _ in build(RUWL, 3, PAPER).named_parameters()]
    assert learned == ["c"]


def test_fixed_is_the_weighted_sum_and_learns_nothing():
    rule = build({"fixed": {"weights": [1, 1, 0.001]}}, 3, PAPER)
    losses = torch.tensor(LOSSES, requires_grad=True)
    total = rule(losses)
    total.backward()
    assert total.item() == pytest.approx(0.7 + 0.9 + 0.5)
    assert losses.grad.tolist() == rule.weights().tolist() == pytest.approx([1, 1, 0.001])
    assert not list(rule.parameters())


@pytest.mark.parametrize(
    ("block", "parts"),
    [
        ({"rulw": {"scale": [1]}}, ["'rulw'", "'ruwl'", "fixed"]),
        ({"fixed": {"weigths": [1, 1, 1]}}, ["weighting fixed", "'weights'", "weigths"]),
        ("ruwl", ["weighting ruwl", "scale", "missing"]),
        ({"fixed": {"weights": [1, 1]}}, ["weighting.weights", "2 numbers", "3 losses"]),
        ({"ruwl": {"scale": [1, 1, 1, 1]}}, ["weighting.scale", "4 numbers", "3 losses"]),
    ],
)
def test_a_wrong_block_is_an_error_that_names_the_fault(block, parts):
    with pytest.raises(ParamsError) as caught:
        build(block, 3, PAPER)
    assert all(part in str(caught.value) for part in parts), str(caught.value)


@pytest.mark.parametrize("weights", [1, [1, 1, "x"], [1, 1, None], [1, 1, [1]]])
def test_weights_that_are_no_list_of_numbers_are_an_error_that_names_them(weights):
    with pytest.raises(ParamsError, match=r"weighting fixed\.weights"):
        build({"fixed": {"weights": weights}}, 3, PAPER)


def test_ruwl_anneals_barlow_twins_away_and_pins_the_sum_of_c_at_2():
    """An epoch of Hume-VB has 156 steps; the fixed rule keeps 1e-3."""
    rule = build(RUWL, 3, PAPER)
    optimizer = torch.optim.AdamW(rule.parameters(), lr=1e-3, eps=1e-8, weight_decay=0.01)
    losses = torch.tensor([0.5, 0.5, 300.0])

    def epoch():
        for _ in range(156):
            optimizer.zero_grad()
            rule(losses).backward()
            optimizer.step()
        return rule.weights()[2].item()

    first = epoch()
    later = [epoch() for _ in range(4)][-1]
    assert later < first < 1e-4
    assert rule.c.abs().sum().item() == pytest.approx(2, abs=0.02)
    assert rule.weights()[:2].tolist() == pytest.approx([1, 1], abs=0.15)
