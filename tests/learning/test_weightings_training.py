"""Every rule in a training: over terms and over emotions, killed and resumed, and what it does."""

import math
from pathlib import Path

import pytest
import torch

from harness.config.rows import Row, read_rows
from harness.errors import ParamsError
from harness.learning.parts import HERE
from harness.learning.validation import check
from tests.learning.cells import (
    ONE_VIEW,
    TRAIN,
    TWINS,
    assert_same,
    cell,
    killed_after,
    objective,
    rule,
    train_cell,
)
from tests.learning.packed import TARGETS, write_features
from tests.readings import readings

ROOT = Path(__file__).parents[2]
RULES = {
    "chae": "chae",
    "chae-entropy": {"chae": {"entropy": 0.1}},
    "kendall": "kendall",
    "liebel": "liebel",
    "rruw": "rruw",
    "druw": "druw",
    "dwa-step": {"dwa": {"every": "step", "temperature": 10}},
    "dwa-epoch": "dwa",
    "stall": "stall",
    "uwso": {"uwso": {"temperature": 5}},
    "famo": "famo",
    "gls": "gls",
    "random": "random",
}
RUWL = {"ruwl": {"scale": [1.0] * 3, "start": [0.5] * 3}}


@pytest.fixture(scope="module")
def features(tmp_path_factory):
    folder = tmp_path_factory.mktemp("features")
    write_features(folder)
    return folder


def row(kind, block):
    if kind == "terms":
        return Row(encoder="cnn10", **TWINS, weighting=block)
    return Row(encoder="cnn10", **ONE_VIEW, emotions=block)


@pytest.mark.parametrize("kind", ["terms", "emotions"])
@pytest.mark.parametrize("name", [*RULES, "ruwl"])
def test_a_rule_resumed_after_a_kill_equals_the_unbroken(features, tmp_path, name, kind):
    block = row(kind, RULES.get(name, RUWL))
    unbroken = train_cell(cell(features, tmp_path / "whole", block, epochs=3))
    broken = cell(features, tmp_path / "broken", block, epochs=3)
    killed_after(2, broken)
    assert_same(train_cell(broken), unbroken)
    names = TARGETS if kind == "emotions" else TWINS["terms"]
    last = unbroken.history[-1]
    assert all(math.isfinite(last[f"weight_{each}"]) for each in names)
    if kind == "terms":
        assert sum(last[f"share_{each}"] for each in names) == pytest.approx(1)


@pytest.mark.parametrize("kind", ["terms", "emotions"])
@pytest.mark.parametrize("name", RULES)
def test_a_rule_is_valid_before_anything_trains(name, kind):
    check(row(kind, RULES[name]), TRAIN, readings(), "mine/row")


@pytest.mark.parametrize("name", ["famo", "druw", "dwa-step"])
def test_a_rule_that_looks_back_a_step_weighs_emotions_in_one_view_only(name):
    block = Row(encoder="cnn10", **TWINS, weighting={"fixed": {}}, emotions=RULES[name])
    with pytest.raises(ParamsError, match="give the row one view"):
        objective(block)


@pytest.mark.parametrize(
    ("block", "parts"),
    [
        ("uwso", ["weighting uwso", "temperature", "missing"]),
        ({"uwso": {"temperature": 0}}, ["weighting uwso", "temperature"]),
        ({"chae": {"entropi": 1}}, ["weighting chae", "'entropy'", "entropi"]),
        ({"dwa": {"every": "batch"}}, ["weighting dwa", "every"]),
        ({"kendall": {"scale": [1, 1]}}, ["weighting.scale", "2 numbers", "3 losses"]),
        ({"stall": {"scale": [1, 1, 0]}}, ["weighting stall", "scale"]),
        ({"ruwl": {"scale": [1, 1, 1], "start": [1]}}, ["weighting.start", "1 numbers"]),
        ({"gls": {"scale": [1, 1, 1]}}, ["weighting gls", "scale"]),
    ],
)
def test_a_wrong_block_is_an_error_that_names_the_fault(block, parts):
    with pytest.raises(ParamsError) as caught:
        rule(block, 3)
    assert all(part in str(caught.value) for part in parts), str(caught.value)


def test_the_family_has_every_rule_over_terms_and_over_emotions_and_nothing_else_changed():
    """`fixed` has the block of Table 2's CNN10, with and without RRTN, and so have the others."""
    rows = read_rows(ROOT / "rows.yaml")
    own = {name: row for name, row in rows.items() if name.startswith("weighting/")}
    rules = {file.stem for file in (HERE / "weightings").glob("[!_]*.py")} - {"ended"}
    for kind, part, fixed in (
        ("terms", "weighting", "table2/cnn10-rrtn"),
        ("emotions", "emotions", "table2/cnn10"),
    ):
        found = {name: row for name, row in own.items() if name.startswith(f"weighting/{kind}-")}
        used = {getattr(row, part).name for row in found.values() if getattr(row, part)}
        assert used | {"fixed"} == rules  # no rule over emotions is their plain mean
        for name, row in found.items():
            other = {part, "against", "readings"}
            assert row.model_dump(exclude=other) == rows[fixed].model_dump(exclude=other)
            against = {rule: f"weighting/{kind}-{rule}" for rule in ("fixed", "random")}
            searched = "uwso-t" in name
            assert row.readings == ({"selection": "held_out"} if searched else {})
            if name.endswith("-fixed"):
                assert getattr(row, part) == getattr(rows[fixed], part)
            assert row.against == {
                key: against[key] for key in against if not searched and against[key] != name
            }
    assert len({row.model_dump_json() for row in own.values()}) == len(own)


# What Chae's rule does by construction.

FIXED = [0.33, 0.36, 0.10]  # losses of a network that learns nothing at all


def after(own, losses, steps, rate):
    """Totals before and after so many steps of Adam on the rule alone."""
    optimizer = torch.optim.Adam(own.parameters(), lr=rate)
    first = own(losses).item()
    for _ in range(steps):
        optimizer.zero_grad()
        own(losses).backward()
        optimizer.step()
    return first, own(losses).item()


def test_chaes_total_falls_though_nothing_is_learned_so_it_is_no_evidence():
    """9,360 steps are the paper's 60 epochs on Hume-VB: .999 of the weight on the smallest loss."""
    own, losses = rule("chae", 3), torch.tensor(FIXED)
    first, last = after(own, losses, 9360, 1e-3)
    assert first == pytest.approx(sum(FIXED) / 3)
    assert own.weights()[2].item() == pytest.approx(0.999, abs=5e-4)
    assert last == pytest.approx(min(FIXED), abs=5e-4)  # 61 % lower, and no loss has changed


def test_chae_with_an_entropy_term_ends_at_a_softmax_of_the_losses():
    own, losses = rule({"chae": {"entropy": 0.2}}, 3), torch.tensor(FIXED)
    after(own, losses, 3000, 1e-2)
    expected = torch.softmax(-losses / 0.2, 0).tolist()
    assert own.weights().tolist() == pytest.approx(expected, abs=1e-3)


def test_kendalls_weights_end_at_half_the_inverse_losses():
    own, losses = rule("kendall", 3), torch.tensor(FIXED)
    after(own, losses, 4000, 1e-2)
    assert own.weights().tolist() == pytest.approx([1 / (2 * loss) for loss in FIXED], rel=1e-3)
