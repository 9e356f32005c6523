"""harness.learning.weighting: Eq. 4 to 6 by hand, and what training does to the weights."""

import math
import shutil
from dataclasses import replace

import pandas as pd
import pytest
import torch

from harness.config.rows import Row
from harness.errors import ParamsError
from harness.learning.network import Objective
from harness.learning.outputs import finish
from tests.learning.cells import RUWL, TWINS, cell, objective, rule, setting, train_cell
from tests.learning.packed import write_features

LOSSES = [0.7, 0.9, 500.0]


def started(scale, start):
    """RUWL with another first c than the reading's three."""
    found = rule({"ruwl": {"scale": scale}}, len(scale), ruwl_start=[1, 1, 0.01])
    with torch.no_grad():
        found.c.copy_(torch.tensor(start))
    return found


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
    own = started(scale, start)
    total = own(torch.tensor(losses)).item()
    assert total == pytest.approx(equation_6(losses, scale, start), rel=1e-5)


def test_ruwl_at_the_papers_start_by_hand():
    own = rule(RUWL, 3)
    # 0.7 + 0.9 + 1e-8 / 1e-4 · 500 + 2 ln 2 + ln 1.0001 + |2 - 2.01|
    assert own(torch.tensor(LOSSES)).item() == pytest.approx(3.0463943, abs=1e-5)


@pytest.mark.parametrize("start", [[1, 1, 0.01], [0.4, -0.7, 0.1]])  # Σ|c| above 2, and below
def test_ruwl_has_the_gradient_of_equation_6(start):
    scale = [1, 1, 1e-4]
    own = started(scale, start)
    losses = torch.tensor(LOSSES, requires_grad=True)
    own(losses).backward()
    restraint = -1 if sum(map(abs, start)) < 2 else 1
    expected = [
        -2 * factor * one / c**3 + 2 * c / (1 + c**2) + restraint * math.copysign(1, c)
        for one, factor, c in zip(LOSSES, scale, start, strict=True)
    ]
    assert own.c.grad.tolist() == pytest.approx(expected, rel=1e-5)
    assert losses.grad.tolist() == pytest.approx(own.weights().tolist(), rel=1e-6)


def test_ruwl_weights_are_lambda_over_c_squared():
    assert rule(RUWL, 3).weights().tolist() == pytest.approx([1, 1, 1e-4], rel=1e-6)
    learned = [name for name, _ in rule(RUWL, 3).named_parameters()]
    assert learned == ["c"]


def test_fixed_is_the_weighted_sum_and_learns_nothing():
    own = rule({"fixed": {"weights": [1, 1, 0.001]}}, 3)
    losses = torch.tensor(LOSSES, requires_grad=True)
    total = own(losses)
    total.backward()
    assert total.item() == pytest.approx(0.7 + 0.9 + 0.5)
    assert losses.grad.tolist() == own.weights().tolist() == pytest.approx([1, 1, 0.001])
    assert not list(own.parameters())


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
        rule(block, 3)
    assert all(part in str(caught.value) for part in parts), str(caught.value)


@pytest.mark.parametrize("weights", [1, [1, 1, "x"], [1, 1, None], [1, 1, [1]]])
def test_weights_that_are_no_list_of_numbers_are_an_error_that_names_them(weights):
    with pytest.raises(ParamsError, match=r"weighting fixed\.weights"):
        rule({"fixed": {"weights": weights}}, 3)


def test_ruwl_anneals_barlow_twins_away_and_pins_the_sum_of_c_at_2():
    """An epoch of Hume-VB has 156 steps; the fixed rule keeps 1e-3."""
    own = rule(RUWL, 3)
    optimizer = torch.optim.AdamW(own.parameters(), lr=1e-3, eps=1e-8, weight_decay=0.01)
    losses = torch.tensor([0.5, 0.5, 300.0])

    def epoch():
        for _ in range(156):
            optimizer.zero_grad()
            own(losses).backward()
            optimizer.step()
        return own.weights()[2].item()

    first = epoch()
    later = [epoch() for _ in range(4)][-1]
    assert later < first < 1e-4
    assert own.c.abs().sum().item() == pytest.approx(2, abs=0.02)
    assert own.weights()[:2].tolist() == pytest.approx([1, 1], abs=0.15)


# `ended`: the weights that another row learned, kept.

TWO = {"views": ["clean", "masked"], "terms": ["ccc", "barlow_twins"]}
LINES = "step,weight_ccc,weight_barlow_twins\n1,0.5,0.25\n2,0.75,0.125\n"


def ended(folder, terms, lines=LINES, **changes):
    """The objective of a row with these terms, after a cell with such a file of weights."""
    (folder / "weights.csv").write_text(lines)
    row = Row(encoder="cnn10", views=TWO["views"], terms=terms, weighting="ended", **changes)
    return Objective(row, replace(setting(), before=folder))


@pytest.mark.parametrize("terms", [TWO["terms"], TWO["terms"][::-1]])
def test_ended_takes_the_last_line_by_the_names_of_the_terms(tmp_path, terms):
    whole = ended(tmp_path, terms)
    expected = [{"ccc": 0.75, "barlow_twins": 0.125}[term] for term in terms]
    assert whole.weighting.weights().tolist() == expected
    total = whole.weighting(torch.tensor([2.0, 16.0])).item()
    assert total == expected[0] * 2 + expected[1] * 16
    assert not list(whole.weighting.parameters())


@pytest.mark.parametrize(
    "terms", [["ccc"], ["ccc", "ccc_masked"], ["ccc", "ccc_masked", "barlow_twins"]]
)
def test_ended_after_a_row_of_other_terms_is_one_line_that_names_both(tmp_path, terms):
    with pytest.raises(ParamsError) as caught:
        ended(tmp_path, terms)
    message = str(caught.value)
    assert f"terms are {', '.join(terms)}" in message
    assert "are ccc, barlow_twins; give both rows the same terms" in message
    assert "\n" not in message


def test_ended_does_not_weigh_emotions(tmp_path):
    with pytest.raises(ParamsError, match="give its emotions another rule"):
        ended(tmp_path, TWO["terms"], emotions="ended")


def test_ended_is_checked_before_the_row_that_it_comes_after_is_there():
    whole = objective(Row(encoder="cnn10", **TWO, weighting="ended"))
    assert whole.weighting.weights().tolist() == [1, 1]


def test_a_cell_after_another_keeps_the_weights_with_which_that_one_ended(tmp_path):
    write_features(tmp_path / "features")
    twins = {"encoder": "cnn10", **TWINS}
    first = cell(tmp_path / "features", tmp_path / "a", Row(**twins, weighting=RUWL))
    finish(first)
    shutil.copytree(first.staged, first.kept)
    frozen = cell(tmp_path / "features", tmp_path / "b", Row(**twins, weighting="ended"))
    state = train_cell(replace(frozen, after=(first,)))
    history = pd.read_csv(first.kept / "history.csv")
    for name in (f"weight_{term}" for term in TWINS["terms"]):
        told = [epoch[name] for epoch in state.history]
        assert told == pytest.approx([history[name].iloc[-1]] * len(told), rel=1e-6)
