"""Parts are found by their name, take their parameters strictly, and do what the loop relies on."""

import importlib
import itertools
import re
import sys

import pytest
import torch

from harness.config.rows import Part, Row
from harness.errors import ParamsError
from harness.learning.data import Packed
from harness.learning.loop import own_generators
from harness.learning.parts import HERE, KINDS, build, load, part_class
from tests.learning.cells import (
    ONE_VIEW,
    RUWL,
    TRAIN,
    TWINS,
    assert_same,
    cell,
    killed_after,
    masks,
    objective,
    rule,
    train_cell,
)
from tests.learning.packed import TARGETS, write_features

CPU = torch.device("cpu")
OWN = [
    (kind, file.stem)
    for kind in KINDS
    for file in sorted((HERE / kind).glob("*.py"))
    if not file.stem.startswith("_")
]
NUMBER = itertools.count()


@pytest.fixture(scope="module")
def features(tmp_path_factory):
    folder = tmp_path_factory.mktemp("features")
    write_features(folder)
    return folder


@pytest.fixture
def outside(tmp_path, monkeypatch):
    """Content of a file → its dotted name as a part, in a working directory that is new."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])

    def write(name, content):
        package = f"mine{next(NUMBER)}"  # what is imported once is not read again
        (tmp_path / package).mkdir()
        (tmp_path / package / f"{name}.py").write_text(content)
        return f"{package}.{name}"

    return write


# How a part is found.


@pytest.mark.parametrize(("kind", "name"), OWN)
def test_every_file_is_a_part_that_is_found_by_its_name(kind, name):
    found = part_class(kind, load(kind, name))
    base = getattr(importlib.import_module(f"harness.learning.{kind}"), KINDS[kind])
    assert issubclass(found, base)
    assert found is not base
    assert load(kind, name.replace("_", "-")) is load(kind, name)


@pytest.mark.parametrize(("kind", "name"), OWN)
def test_no_part_takes_a_parameter_that_it_does_not_know(kind, name):
    one = kind.removesuffix("s")
    with pytest.raises(ParamsError, match=rf"'{one} {name}\.no_such_key' is not a key"):
        build(kind, Part(name=name, params={"no_such_key": 1}))


@pytest.mark.parametrize(("kind", "name"), OWN)
def test_a_misspelt_name_is_an_error_with_the_nearest_and_all(kind, name):
    with pytest.raises(ParamsError) as caught:
        load(kind, f"{name}x")
    message = str(caught.value)
    known = [other for of, other in OWN if of == kind]
    assert message.startswith(f"{kind.removesuffix('s')} '{name}x' is not there; did you mean '")
    assert message.endswith(f"harness/learning/{kind} has {', '.join(known)}")


@pytest.mark.parametrize("name", ["__init__", "_panns", "", "a/b", ".x", "mine.", "CNN10"])
def test_what_is_no_part_is_one_line_that_names_it(name):
    with pytest.raises(ParamsError, match=f"encoder '{name}'"):
        load("encoders", name)


@pytest.mark.parametrize("name", ["nobody.has_this", ".", ".fixed", "harness.learning.nothing"])
def test_a_module_that_is_not_there_is_an_error_that_names_it(name):
    with pytest.raises(ParamsError, match=f"weighting '{re.escape(name)}'"):
        load("weightings", name)


RRUW = '''\
import torch

from harness.learning.weightings.ruwl import RUWL, Params


class RRUW(RUWL):
    """Random restrained uncertainty weights: RUWL of losses that are drawn up or down."""

    def forward(self, losses, draws=None):
        drawn = torch.rand(len(losses), generator=draws("rruw"))
        return super().forward(2 * drawn * losses, draws)
'''


def test_a_class_below_another_part_is_found_in_a_file_of_ones_own(outside):
    name = outside("rruw", RRUW)
    found = rule({name: {"scale": [1, 1, 1e-8]}}, 3)
    assert type(found).__name__ == "RRUW"
    losses = torch.tensor([0.7, 0.9, 500.0])
    drawn = torch.rand(3, generator=torch.Generator().manual_seed(5))
    expected = rule(RUWL, 3)(2 * drawn * losses)
    assert found(losses, lambda name: torch.Generator().manual_seed(5)).equal(expected)
    with pytest.raises(ParamsError, match=rf"'weighting {name}\.scal' is not a key.*'scale'"):
        rule({name: {"scal": [1, 1, 1]}}, 3)


@pytest.mark.parametrize(("count", "more"), [(0, "_"), (2, "")])
def test_a_file_of_no_or_two_public_classes_says_so(outside, count, more):
    content = RRUW.replace("class RRUW", f"class {more}RRUW") + (
        "" if more else "\n\nclass Another(RRUW):\n    pass\n"
    )
    fault = rf"rruw\.py has {count} public classes below Weighting, not one"
    with pytest.raises(ParamsError, match=fault):
        rule(outside("rruw", content), 3)


def test_a_part_of_another_kind_is_none_of_this(outside):
    with pytest.raises(ParamsError, match=r"has 0 public classes below Term, not one"):
        build("terms", Part(name=outside("rruw", RRUW)))


@pytest.mark.parametrize("wanted", ["no_such_package", "no_such_package.inside"])
def test_what_a_part_itself_fails_to_import_is_shown(outside, wanted):
    with pytest.raises(ModuleNotFoundError, match="No module named 'no_such_package'"):
        rule(outside("rruw", f"import {wanted}\n\n{RRUW}"), 3)


def views(name):
    return part_class("terms", load("terms", name)).views


@pytest.mark.parametrize("name", [n for k, n in OWN if k == "terms" and views(n) == 2])
def test_a_term_of_two_views_in_a_row_of_one_says_so(name):
    row = Row(encoder="cnn10", **{**ONE_VIEW, "terms": [name]})
    with pytest.raises(ParamsError, match=f"term {name} needs 2 views, the row has 1"):
        objective(row)


# What a part is given.

PROBE = """\
from harness.learning.terms import Term

SEEN = []


class Probe(Term):
    def forward(self, step):
        SEEN.append(step)
        return step.z.square().mean()
"""


def test_a_term_sees_the_batch_the_representations_and_the_progress(features, tmp_path, outside):
    name = outside("probe", PROBE)
    row = Row(
        encoder="cnn10",
        views=["clean", "masked"],
        terms=["ccc", name],
        weighting={"fixed": {"weights": [1, 0.1]}},
    )
    state = train_cell(cell(features, tmp_path / "scratch", row, epochs=2))
    assert list(state.history[0])[1:3] == ["loss_ccc", "loss_probe"]
    data, steps = Packed(features, "train", CPU), load("terms", name).SEEN
    assert [step.progress for step in steps] == [0, 0.25, 0.5, 0.75]
    for step in steps:
        assert torch.equal(step.labels, data.labels[step.clips])
        assert torch.equal(step.speakers, data.speaker[step.clips])
        assert torch.equal(step.countries, data.country[step.clips])
        assert step.x.shape == (TRAIN.batch, 1, TRAIN.frames, 64)
        assert step.z.shape[:2] == (2, TRAIN.batch)
        assert step.raw.shape == (2, TRAIN.batch, len(TARGETS))
        assert [len(view) for view in step.maps] == [4, 4]
    seen = torch.cat([step.clips for step in steps[:2]])
    assert sorted(seen.tolist()) == list(range(len(data)))


# Generators of a part's own.


def draw(draws, name):
    return torch.rand(5, generator=draws(name)).tolist()


def test_a_part_draws_the_same_whoever_draws_beside_it():
    alone = own_generators(1, 0, CPU)
    first, second = draw(alone, "noise"), draw(alone, "noise")
    assert first != second  # it goes on
    beside = own_generators(1, 0, CPU)
    other = draw(beside, "rruw")
    assert draw(beside, "noise") == first
    draw(beside, "rruw")
    assert draw(beside, "noise") == second
    others = [own_generators(seed, epoch, CPU) for seed, epoch in ((1, 1), (2, 0), (0, 1))]
    drawn = [first, other, *(draw(each, "noise") for each in others)]
    assert len({tuple(values) for values in drawn}) == 5


NOISE = """\
import torch

from harness.learning.terms import Term


class Noise(Term):
    def forward(self, step):
        return torch.rand((), generator=step.draws("noise"))
"""


def test_a_term_that_draws_moves_neither_masks_nor_dropout(features, tmp_path, outside):
    """A constant has no gradient, so all else must be the same to the last bit."""
    name = outside("noise", NOISE)
    terms = TWINS["terms"]
    kinds = {
        "without": (terms, [1, 1, 0.001]),
        "with": ([*terms, name], [1, 1, 0.001, 1]),
        "first": ([name, *terms], [1, 1, 1, 0.001]),
    }
    states = {}
    for kind, (own, weights) in kinds.items():
        rows = {**TWINS, "terms": own, "weighting": {"fixed": {"weights": weights}}}
        one = cell(features, tmp_path / kind, Row(encoder="cnn10", **rows), block_dropout=0.2)
        states[kind] = train_cell(one)
    plain = states["without"]
    for kind in ("with", "first"):
        for row, expected in zip(states[kind].history, plain.history, strict=True):
            assert {key: row[key] for key in expected} == expected
        last = states[kind].chosen["last"].predictions
        assert last.tobytes() == plain.chosen["last"].predictions.tobytes()
    noise = [row["loss_noise"] for row in states["with"].history]
    assert noise == [row["loss_noise"] for row in states["first"].history]
    assert len(set(noise)) == len(noise)


LAYER = """\
from torch import nn

from harness.learning.terms import Term


class Layer(Term):
    def __init__(self, params, setting, size):
        super().__init__(params, setting, size)
        self.layer = nn.Linear(size, 5)
"""


def test_a_term_before_barlow_twins_leaves_its_projectors_first_weights(outside):
    first = []
    for terms in (TWINS["terms"], ["ccc", outside("layer", LAYER), "ccc_masked", "barlow_twins"]):
        weights = {"fixed": {"weights": [1.0] * len(terms)}}
        torch.manual_seed(0)
        row = Row(encoder="cnn10", **{**TWINS, "terms": terms}, weighting=weights)
        first.append(objective(row).terms[-1].projector.weight)
    assert torch.equal(*first)


# Weightings.


def naive_ccc_losses(predictions, labels):
    """1 - CCC of each target in float64, one after the other, from Lin's formula."""
    found = []
    for target in range(labels.shape[1]):
        x, y = predictions[:, target].double(), labels[:, target].double()
        covariance = sum((a - x.mean()) * (b - y.mean()) for a, b in zip(x, y, strict=True))
        spread = sum((a - x.mean()) ** 2 + (b - y.mean()) ** 2 for a, b in zip(x, y, strict=True))
        found.append(1 - 2 * covariance / (spread + len(x) * (x.mean() - y.mean()) ** 2))
    return found


def gradients(whole, loss):
    whole.zero_grad()
    loss.backward()
    return {
        name: parameter.grad.clone()
        for name, parameter in whole.named_parameters()
        if parameter.grad is not None
    }


def two_views(**blocks):
    """CCC of both views alone, without dropout; with a batch and a generator of masks."""
    torch.manual_seed(0)
    terms = {"views": ["clean", "masked"], "terms": ["ccc", "ccc_masked"]}
    row = Row(encoder="cnn10", **terms, weighting={"fixed": {"weights": [1, 0.5]}}, **blocks)
    whole = objective(row, block_dropout=0.0, head_dropout=0.0)
    torch.manual_seed(1)
    return whole, 20 * torch.randn(8, 1, 32, 64) - 40, torch.rand(8, 10)


def test_a_weighting_of_the_emotions_is_a_weighted_mean_in_value_and_gradient():
    factors = [0.1 * (target + 1) for target in range(10)]
    whole, x, labels = two_views(emotions={"fixed": {"weights": factors}})
    total, losses = whole(x, labels, masks())
    found = gradients(whole, total)
    _, z = whole.network(x, masks())
    views = [
        sum(f * each for f, each in zip(factors, naive_ccc_losses(view, labels), strict=True)) / 10
        for view in whole.network.head.mean(whole.network.head(z))
    ]
    assert losses[:2].tolist() == pytest.approx([view.item() for view in views], rel=1e-5)
    expected = gradients(whole, views[0] + 0.5 * views[1])
    assert found.keys() == expected.keys()
    assert any(gradient.abs().max() > 1e-3 for gradient in expected.values())
    for name, gradient in expected.items():
        atol = 1e-4 * gradient.abs().max().item() + 1e-6
        torch.testing.assert_close(found[name], gradient, rtol=1e-3, atol=atol)


def test_ones_for_the_emotions_change_neither_losses_nor_gradients():
    plain, x, labels = two_views()
    ones, *_ = two_views(emotions={"fixed": {"weights": [1.0] * 10}})
    expected, found = plain(x, labels, masks()), ones(x, labels, masks())
    torch.testing.assert_close(found[1][:2], expected[1])
    expected, found = gradients(plain, expected[0]), gradients(ones, found[0])
    for name, gradient in expected.items():
        atol = 1e-4 * gradient.abs().max().item() + 1e-6
        torch.testing.assert_close(found[name], gradient, rtol=1e-4, atol=atol)


SLOWING = """\
import torch

from harness.learning.weightings import Weighting


class Slowing(Weighting):
    def __init__(self, params, setting, losses):
        super().__init__(params, setting, losses)
        self.register_buffer("factors", torch.ones(losses), persistent=True)

    def forward(self, losses, draws=None):
        return (self.factors * losses).sum()

    def weights(self):
        return self.factors.clone()

    def after_epoch(self, losses):
        self.factors = self.factors / (1 + losses)
"""


def slowing(features, scratch, name):
    rows = {"views": ["clean", "masked"], "terms": ["ccc", "ccc_masked"], "weighting": name}
    return cell(features, scratch, Row(encoder="cnn10", **rows), epochs=2)


def broken_and_whole(features, folder, name):
    """The states of a cell that is killed after its first epoch and of one that is not."""
    broken = slowing(features, folder / "broken", name)
    killed_after(1, broken)
    return train_cell(broken), train_cell(slowing(features, folder / "whole", name))


def test_what_a_weighting_learned_from_an_epoch_survives_a_kill(features, tmp_path, outside):
    broken, whole = broken_and_whole(features, tmp_path, outside("slowing", SLOWING))
    assert_same(broken, whole)
    expected = [1.0, 1.0]
    for row in whole.history:
        losses = [row["loss_ccc"], row["loss_ccc_masked"]]
        found = [row["weight_ccc"], row["weight_ccc_masked"]]
        assert found == pytest.approx(expected, rel=1e-5)
        expected = [factor / (1 + loss) for factor, loss in zip(expected, losses, strict=True)]


def test_what_is_neither_parameter_nor_kept_buffer_does_not(features, tmp_path, outside):
    """The one before would not see a loss of state, if this did not differ."""
    forgetful = SLOWING.replace("persistent=True", "persistent=False")
    broken, whole = broken_and_whole(features, tmp_path, outside("slowing", forgetful))
    assert broken.history[0] == whole.history[0]
    assert broken.history[1] != whole.history[1]


def test_a_weighting_that_draws_is_the_same_again_and_after_a_kill(features, tmp_path, outside):
    name = outside("rruw", RRUW)
    row = Row(encoder="cnn10", **TWINS, weighting={name: {"scale": [1, 1, 1e-8]}})
    one, other = (cell(features, tmp_path / place, row) for place in "ab")
    killed_after(2, one)
    assert_same(train_cell(one), train_cell(other))
