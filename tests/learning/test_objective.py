"""harness.learning.network: what rules see of terms and emotions, in every arithmetic."""

import json

import numpy as np
import pytest
import torch

from harness.config.rows import Row
from harness.config.training import SpecAugment, Train
from harness.errors import ParamsError
from harness.learning.cell import Cell
from harness.learning.loop import train
from harness.learning.network import Objective
from harness.learning.outputs import finish
from harness.learning.parts import load
from tests.learning.packed import TARGETS, write_features
from tests.readings import readings

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
VANILLA = {
    "encoder": "cnn10",
    "views": ["clean"],
    "terms": ["ccc"],
    "weighting": {"fixed": {"weights": [1.0]}},
}
ONES = {"fixed": {"weights": [1.0, 1.0, 1.0]}}
RRTN = VANILLA | {
    "views": ["clean", "masked"],
    "terms": ["ccc", "ccc_masked", "barlow_twins"],
    "weighting": ONES,
}


def row(block=VANILLA, **changes):
    return Row.model_validate(block | changes)


def objective(row, **changes):
    torch.manual_seed(0)
    return Objective(row, TRAIN, readings(block_dropout=0.0, head_dropout=0.0, **changes), 64, 3)


def cell(folder, row, **changes):
    read = readings(epochs=2, padding="silence", head_dropout=0.1)
    places = (folder / "features", folder / "scratch", folder / "runs")
    return Cell("x/y", 1, row, TRAIN.model_copy(update=changes), read, *places, {"corpus": "a"})


def batch():
    return 20 * torch.randn(8, 1, 32, 64) - 40, torch.rand(8, 3), torch.Generator()


def test_a_row_trains_in_bf16_too(tmp_path):
    write_features(tmp_path / "features")
    mixed = cell(tmp_path, row(RRTN), arithmetic="fast", precision="bf16-mixed")
    assert np.isfinite(train(mixed).state.history[-1]["dev_ccc"])


def test_the_history_has_the_losses_and_weights_of_emotions_that_a_rule_weighs(tmp_path):
    write_features(tmp_path / "features")
    history = train(cell(tmp_path, row(emotions={"fixed": {"weights": [3.0, 2.0, 1.0]}})))
    found = history.state.history[-1]
    assert [found[f"weight_{target}"] for target in TARGETS] == [3, 2, 1]
    assert all(0 < found[f"loss_{target}"] < 2 for target in TARGETS)


def test_a_rule_looks_at_its_own_losses_after_the_weights_of_the_epoch_are_told():
    seen = {}
    both = objective(row(emotions=ONES))
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
        objective(row(emotions=ONES), ccc_loss="pooled")


def test_a_term_before_barlow_twins_leaves_its_projectors_first_weights(tmp_path, monkeypatch):
    (tmp_path / "drawing").mkdir()
    (tmp_path / "drawing" / "layer.py").write_text(
        "from torch import nn\n"
        "from harness.learning.terms import Term\n"
        "class Layer(Term):\n"
        "    def __init__(self, params, setting, size):\n"
        "        super().__init__(params, setting, size)\n"
        "        self.layer = nn.Linear(size, 5)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    terms = ["ccc", "drawing.layer", "ccc_masked", "barlow_twins"]
    more = row(RRTN, terms=terms, weighting={"fixed": {"weights": [1.0] * 4}})
    one, other = (objective(each).terms[-1].projector.weight for each in (row(RRTN), more))
    assert torch.equal(one, other)


@pytest.mark.parametrize("name", ["__init__", "_panns", "", "a/b", ".x", "mine.", "CNN10"])
def test_what_is_no_part_is_one_line_that_names_it(name):
    with pytest.raises(ParamsError, match=f"encoder '{name}'"):
        load("encoders", name)


def test_two_terms_of_one_name_in_the_history_are_refused():
    terms = ["ccc", "harness.learning.terms.ccc"]
    with pytest.raises(ParamsError, match="one name"):
        objective(row(terms=terms, weighting={"fixed": {"weights": [1.0, 1.0]}}))


def test_cells_of_one_key_have_one_record(tmp_path):
    """`against` and the choice between last and best come after the training."""
    write_features(tmp_path / "features")
    found = set()
    for number, against in enumerate([{}, {"x": "table2/cnn10"}]):
        one = cell(tmp_path, row(against=against))
        chosen = one.readings.model_copy(update={"selection": ("last", "best")[number]})
        one = Cell(**{**vars(one), "readings": chosen, "scratch": tmp_path / str(number)})
        finish(one)
        record = (one.staged / "record.json").read_bytes()
        assert json.loads(record)["key"] == one.key
        found.add(record)
    assert len(found) == 1
