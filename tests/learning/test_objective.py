"""harness.learning.network: what rules see of terms and emotions, and what each term's gradient is
of the whole."""

import numpy as np
import pytest
import torch

from harness.config.rows import Row
from harness.errors import ParamsError
from harness.learning import loop
from harness.learning.network import About
from tests.learning.cells import (
    ONE_VIEW,
    ROWS,
    TWINS,
    assert_same,
    cell,
    losses,
    masks,
    objective,
    train_cell,
)
from tests.learning.packed import TARGETS, write_features

ONES = {"fixed": {"weights": [1.0, 1.0, 1.0]}}


@pytest.fixture(scope="module")
def features(tmp_path_factory):
    folder = tmp_path_factory.mktemp("features")
    write_features(folder)
    return folder


def row(**changes):
    """One view of CNN10 alone, but for the changes."""
    return Row.model_validate({"encoder": "cnn10", **ONE_VIEW} | changes)


def test_a_row_trains_in_bf16_too(features, tmp_path):
    mixed = cell(features, tmp_path, "rrtn", arithmetic="fast", precision="bf16-mixed")
    last = train_cell(mixed).history[-1]
    assert np.isfinite(last["dev_ccc"])
    assert sum(last[f"share_{term}"] for term in TWINS["terms"]) == pytest.approx(1)


def test_the_history_has_the_losses_and_weights_of_emotions_that_a_rule_weighs(features, tmp_path):
    weighed = row(emotions={"fixed": {"weights": [3.0, 2.0, 1.0]}})
    found = train_cell(cell(features, tmp_path, weighed)).history[-1]
    assert [found[f"weight_{target}"] for target in TARGETS] == [3, 2, 1]
    assert all(0 < found[f"loss_{target}"] < 2 for target in TARGETS)


def test_a_rule_looks_at_its_own_losses_after_the_weights_of_the_epoch_are_told():
    seen = {}
    both = objective(row(emotions=ONES), targets=3)
    for name in ("weighting", "emotions"):
        rule = getattr(both, name)

        def look(losses, name=name, rule=rule):
            seen[name] = losses.tolist()
            rule.factors.zero_()

        rule.after_epoch = look
    told = both.end_epoch(torch.tensor([0.5, 0.1, 0.2, 0.3]), TARGETS)
    assert seen["weighting"] == pytest.approx([0.5])
    assert seen["emotions"] == pytest.approx([0.1, 0.2, 0.3])
    assert [told[f"weight_{name}"] for name in ("ccc", *TARGETS)] == [1, 1, 1, 1]


def test_emotions_cannot_be_weighed_in_a_pooled_ccc():
    with pytest.raises(ParamsError, match="ccc_loss: per_target"):
        objective(row(emotions=ONES), targets=3, ccc_loss="pooled")


def test_two_terms_of_one_name_in_the_history_are_refused():
    terms = ["ccc", "harness.learning.terms.ccc"]
    with pytest.raises(ParamsError, match="one name"):
        objective(row(terms=terms, weighting={"fixed": {"weights": [1.0, 1.0]}}))


# Each term's share of the gradient in the encoder.


def drop_nothing(name):
    torch.manual_seed(0)
    return objective(name, block_dropout=0.0, head_dropout=0.0)


@pytest.mark.parametrize("name", ["rrtn", "rrtn-ruwl"])
def test_shares_are_the_norms_of_gradients_taken_one_after_the_other(name):
    """Of a copy for each term: its loss times its weight, backward, and the norm by hand."""
    whole = drop_nothing(name)
    x, labels = 20 * torch.randn(8, 1, 32, 64) - 40, torch.rand(8, 10)
    norms = {}
    for place, term in enumerate(TWINS["terms"]):
        alone = drop_nothing(name)
        weight = alone.weighting.weights()[place].item()
        (weight * losses(alone, x, labels, masks())[place]).backward()
        square = 0.0
        for parameter in alone.network.encoder.parameters():
            square += sum(value**2 for value in parameter.grad.double().flatten().tolist())
        norms[f"share_{term}"] = square**0.5
    whole(x, labels, masks(), About(lambda name: masks(), share=True))
    expected = {term: norm / sum(norms.values()) for term, norm in norms.items()}
    assert whole.shares == pytest.approx(expected, rel=1e-4)
    assert sum(whole.shares.values()) == pytest.approx(1)
    assert min(whole.shares.values()) > 0
    assert all(parameter.grad is None for parameter in whole.parameters())


@pytest.mark.parametrize("name", ["rrtn", "rrtn-ruwl"])
def test_finding_the_shares_moves_no_byte_of_the_training(features, tmp_path, name, monkeypatch):
    told = train_cell(cell(features, tmp_path / "told", name))
    monkeypatch.setattr(loop, "About", lambda *given: About(*given[:-1], share=False))
    untold = train_cell(cell(features, tmp_path / "untold", name))
    for epoch in told.history:
        shares = [epoch.pop(f"share_{term}") for term in TWINS["terms"]]
        assert sum(shares) == pytest.approx(1)
    assert_same(told, untold)


def test_a_row_of_one_term_has_no_shares(features, tmp_path):
    state = train_cell(cell(features, tmp_path, "vanilla", epochs=1))
    assert not [key for key in state.history[0] if key.startswith("share_")]


def test_a_term_that_does_not_reach_the_encoder_has_no_share():
    twins = ROWS["rrtn"].model_copy(
        update={
            "weighting": ROWS["rrtn"].weighting.model_copy(
                update={"params": {"weights": [1, 0, 0]}}
            )
        }
    )
    whole = objective(twins)
    x, labels = torch.randn(8, 1, 32, 64), torch.rand(8, 10)
    whole(x, labels, masks(), About(lambda name: masks(), share=True))
    assert list(whole.shares.values()) == [1, 0, 0]
