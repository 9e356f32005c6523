"""Pre-training on speakers and countries, and the term that keeps away from what it has learned."""

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch.nn import functional as F

from harness.config.rows import Part, Row
from harness.errors import ParamsError
from harness.learning import loop
from harness.learning.data import Packed
from harness.learning.network import About
from harness.learning.outputs import finish
from harness.learning.parts import build
from harness.learning.terms.anti_transfer import frozen_encoder, gram, similarity
from harness.learning.validation import check
from tests.learning.cells import ONE_VIEW, TRAIN, assert_same, cell, killed_after, setting
from tests.learning.packed import write_features
from tests.readings import readings

PLAIN = {"views": ["clean"], "weighting": {"fixed": {"weights": [1, 1]}}}
PRETEXT = {**ONE_VIEW, "terms": [{"classify": {"by": "speaker"}}], "keep": ["weights"]}
SMALL = {"width": 1 / 32, "epochs": 2, "head_dropout": 0.1}


@pytest.fixture(scope="module")
def features(tmp_path_factory):
    folder = tmp_path_factory.mktemp("features")
    write_features(folder, train=32)
    return folder


@pytest.fixture(scope="module")
def before(features, tmp_path_factory):
    """A finished cell whose network knows the speakers."""
    made = cell(features, tmp_path_factory.mktemp("pretext"), Row(encoder="cnn10", **PRETEXT))
    finish(made)
    made.kept.parent.mkdir(parents=True)
    made.staged.rename(made.kept)
    return made


def row(encoder="cnn10", **params):
    return Row(encoder=encoder, terms=["ccc", {"anti_transfer": params}], **PLAIN)


def after(before, features, scratch, block, **changes):
    return replace(cell(features, scratch, block, **SMALL, **changes), after=(before,))


def started(made):
    """The objective of a cell, its optimiser, and one batch."""
    fabric = loop.fabric_for(made.train)
    data = Packed(made.features, "train", fabric.device)
    objective, model, optimizer = loop.set_up(fabric, made, data)
    chosen = torch.arange(8)
    about = About(lambda name: torch.Generator(), chosen, data.speaker[:8], data.country[:8])
    return objective, model, optimizer, (data.crops(chosen, 32, -80.0), data.labels[:8], about)


def step(model, optimizer, batch):
    x, labels, about = batch
    loss, losses = model(x, labels, torch.Generator(), about)
    optimizer.zero_grad()
    loss.backward()
    return losses


def coupled(own, other):
    """The released loss at β = 1: the maps of all clips of a batch as if they were one clip's."""

    def products(maps):
        batch, channels, height, width = maps.shape
        flat = maps.reshape(batch * channels, height * width)
        return flat @ flat.T / (batch * channels * height * width) / 0.001

    return F.cosine_similarity(products(own), products(other), dim=-1).abs().mean() ** 2


# The loss.


def test_a_clip_alone_has_the_released_loss_and_a_batch_the_mean_of_its_clips():
    own, other = torch.rand(2, 3, 6, 8, 5, generator=torch.Generator().manual_seed(0))
    each = [similarity(own[[i]], other[[i]], "gram") for i in range(3)]
    for i, found in enumerate(each):
        torch.testing.assert_close(found, coupled(own[[i]], other[[i]]))
    torch.testing.assert_close(similarity(own, other, "gram"), torch.stack(each).mean())
    assert abs(coupled(own, other) - torch.stack(each).mean()) > 1e-4


def test_the_loss_is_one_for_equal_maps_and_does_not_see_the_scale_or_the_order_of_places():
    own, other = torch.rand(2, 2, 6, 8, 5, generator=torch.Generator().manual_seed(0))
    for kind in ("gram", "centred"):
        found = similarity(own, other, kind)
        assert similarity(own, own, kind).item() == pytest.approx(1, abs=1e-6)
        torch.testing.assert_close(similarity(3 * own, other, kind), found)
        torch.testing.assert_close(similarity(own.flip(2), other, kind), found)


def test_independent_rectified_maps_look_alike_to_the_published_loss_not_to_the_centred_one():
    """Means of channels dominate a Gram matrix of what is never negative: the loss has a floor."""
    own, other = torch.randn(2, 4, 32, 16, 16, generator=torch.Generator().manual_seed(0)).relu()
    assert similarity(own, other, "gram") > 0.95
    assert similarity(own, other, "centred") < 0.1


def test_centred_products_are_the_covariances_off_the_diagonal():
    maps = torch.rand(2, 5, 6, 4, generator=torch.Generator().manual_seed(0))
    for found, clip in zip(gram(maps, "centred"), maps, strict=True):
        expected = torch.cov(clip.flatten(1), correction=0)
        torch.testing.assert_close(found, expected - torch.diag(expected.diagonal()))


def test_a_channel_that_is_silent_gives_a_number_and_a_gradient():
    own = torch.zeros(2, 4, 6, 6, requires_grad=True)
    similarity(own, torch.rand(2, 4, 6, 6), "gram").backward()
    assert torch.isfinite(own.grad).all()


# The frozen network.


def test_the_frozen_network_has_every_weight_of_the_row_before_and_no_other(
    before, features, tmp_path
):
    """The release loads it with names that do not match and says nothing."""
    made = after(before, features, tmp_path, row(block=4))
    frozen = started(made)[0].terms[1].frozen
    kept = load_file(before.kept / "network.safetensors")
    for name, value in frozen.state_dict().items():
        assert torch.equal(value, kept[f"encoder.{name}"]), name
    assert {f"encoder.{name}" for name in frozen.state_dict()} == {
        name for name in kept if name.startswith("encoder.")
    }


def test_a_random_frozen_network_is_the_same_encoder_with_other_weights(before):
    here = setting()
    trained, random = (frozen_encoder(before.kept, here, known) for known in (True, False))
    same = [
        torch.equal(a, b) for a, b in zip(trained.parameters(), random.parameters(), strict=True)
    ]
    assert len(same) > 8
    assert not all(same)


def test_a_step_moves_neither_weights_nor_statistics_of_the_frozen_network(
    before, features, tmp_path
):
    objective, model, optimizer, batch = started(after(before, features, tmp_path, row(block=2)))
    frozen = objective.terms[1].frozen
    first = {name: value.clone() for name, value in frozen.state_dict().items()}
    assert any("running_mean" in name for name in first)
    objective.train()
    for _ in range(3):
        step(model, optimizer, batch)
        optimizer.step()
    assert all(torch.equal(value, first[name]) for name, value in frozen.state_dict().items())
    assert not any(p.requires_grad or p.grad is not None for p in frozen.parameters())
    held = {id(p) for group in optimizer.param_groups for p in group["params"]}
    assert not held & {id(p) for p in frozen.parameters()}


def test_the_frozen_network_stops_after_its_block(before, features, tmp_path):
    for block in (1, 3):
        term = started(after(before, features, tmp_path, row(block=block)))[0].terms[1]
        assert len(term.frozen.blocks) == block


# Its effect.


def gradient(before, features, scratch, **params):
    """Of the encoder's first convolution, and the losses."""
    objective, model, optimizer, batch = started(after(before, features, scratch, row(**params)))
    losses = step(model, optimizer, batch)
    return objective.network.encoder.blocks[0].conv1.weight.grad.clone(), losses


def test_every_block_gives_another_gradient(before, features, tmp_path):
    """The release reads the layer from its settings and never uses it."""
    blocks = range(5)
    found = [gradient(before, features, tmp_path, block=block)[0] for block in blocks]
    for one in blocks:
        for other in range(one):
            assert not torch.allclose(found[one], found[other], rtol=1e-3, atol=1e-9)


@pytest.mark.parametrize("kind", ["gram", "centred"])
def test_at_the_input_the_loss_is_constant_and_the_row_trains_as_if_it_were_not_there(
    before, features, tmp_path, kind
):
    vanilla = cell(features, tmp_path / "vanilla", Row(encoder="cnn10", **ONE_VIEW), **SMALL)
    noop = after(before, features, tmp_path / "noop", row(block=0, kind=kind))
    one, other = loop.train(vanilla).state, loop.train(noop).state
    for key in ("last", "best"):
        assert (one.chosen[key].predictions == other.chosen[key].predictions).all()
    assert len({epoch["loss_anti_transfer"] for epoch in other.history}) == 1


def test_the_loss_falls_when_it_alone_is_trained(before, features, tmp_path):
    block = row(block=2, kind="centred").model_copy(
        update={"weighting": Part(name="fixed", params={"weights": [0, 1]})}
    )
    history = loop.train(after(before, features, tmp_path, block)).state.history
    assert history[-1]["loss_anti_transfer"] < history[0]["loss_anti_transfer"]


def test_epochs_are_chosen_by_ccc_whatever_the_term_is(before, features, tmp_path):
    """The release chooses its epoch by the sum of both losses."""
    state = loop.train(after(before, features, tmp_path, row(block=2))).state
    assert state.chosen["best"].dev_ccc == max(epoch["dev_ccc"] for epoch in state.history)


def test_a_resumed_training_equals_the_unbroken_one(before, features, tmp_path):
    block = row(block=2)
    unbroken = loop.train(after(before, features, tmp_path / "whole", block)).state
    broken = after(before, features, tmp_path / "broken", block)
    killed_after(1, broken)
    assert_same(loop.train(broken).state, unbroken)


# Pre-training.


def with_countries(features, folder):
    """The same clips; speakers 0 and 1 of one country, 2 and 3 of another."""
    folder.mkdir()
    for file in features.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    for split in ("train", "dev"):
        index = pd.read_csv(folder / f"{split}.csv")
        index["country"] = index["speaker"].str[-1].isin(["0", "1"]).map({True: "A", False: "B"})
        index.to_csv(folder / f"{split}.csv", index=False)
    return folder


def test_a_classifier_learns_and_is_no_part_of_the_kept_network(features, tmp_path):
    known = with_countries(features, tmp_path / "countries")
    terms = {**PRETEXT, "terms": [{"classify": {"by": "country"}}]}
    made = cell(known, tmp_path, Row(encoder="cnn10", **terms), epochs=12)
    finish(made)
    kept = load_file(made.staged / "network.safetensors")
    assert not any("classif" in name or name.startswith("terms") for name in kept)
    history = pd.read_csv(made.staged / "history.csv")
    assert history["loss_classify"].iloc[-1] < history["loss_classify"].iloc[0]


def test_a_classifier_reads_its_own_labels_and_leaves_the_head_alone(features, tmp_path):
    made = cell(
        features, tmp_path, Row(encoder="cnn10", **PRETEXT), block_dropout=0, head_dropout=0
    )
    objective, model, optimizer, batch = started(made)
    objective.train()
    losses = step(model, optimizer, batch)
    encoder, linear = objective.network.encoder, objective.terms[0].linear
    assert linear.out_features == 4
    z = encoder.pool(encoder.maps(encoder.normalise(batch[0]))[-1])
    torch.testing.assert_close(losses[0], F.cross_entropy(linear(z), batch[2].speakers).detach())
    assert all(p.grad is None for p in objective.network.head.parameters())


# What is wrong with a row is one line.


def fault(block, people=(4, 2), earlier=None):
    with pytest.raises(ParamsError) as caught:
        check(block, TRAIN, readings(), "mine/row", people=people, before=earlier)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_wrong_row_is_refused_before_anything_trains():
    weights = Row(encoder="cnn10", **PRETEXT)
    check(row(block=4), TRAIN, readings(), "mine/row", people=(4, 2), before=weights)
    assert "block 5: the encoder has 4" in fault(row(block=5), earlier=weights)
    assert "needs the key 'after'" in fault(row(block=1))
    no_weights = weights.model_copy(update={"keep": []})
    assert "keep: [weights]" in fault(row(block=1), earlier=no_weights)
    assert "same encoder, cnn14" in fault(row("cnn14", block=1), earlier=weights)
    masked = row(block=1).model_copy(update={"views": ["masked"]})
    assert "first view that is clean" in fault(masked, earlier=weights)
    by_country = Row(encoder="cnn10", **{**PRETEXT, "terms": [{"classify": {"by": "country"}}]})
    assert "no two countries" in fault(by_country, people=(4, 1))
    assert "no two speakers" in fault(weights, people=(1, 4))
    assert "'speaker' or 'country'" in fault(
        Row(encoder="cnn10", **{**PRETEXT, "terms": [{"classify": {"by": "age"}}]})
    )


def test_weights_of_another_width_or_none_are_one_line(before, features, tmp_path):
    with pytest.raises(ParamsError, match="same width and encoder"):
        frozen_encoder(before.kept, setting(width=1 / 16), True)
    folder = tmp_path / "cell"
    folder.mkdir()
    (folder / "record.json").write_bytes((before.kept / "record.json").read_bytes())
    with pytest.raises(ParamsError, match=r"is missing; .*keep: \[weights\]"):
        frozen_encoder(folder, setting(), True)
    kept = load_file(before.kept / "network.safetensors")
    kept.pop("encoder.fc1.bias")
    save_file(kept, folder / "network.safetensors")
    with pytest.raises(ParamsError, match=r"Missing key.*fc1\.bias") as caught:
        frozen_encoder(folder, setting(), True)
    assert "\n" not in str(caught.value)
    with pytest.raises(ParamsError, match="needs the key 'after'"):
        build("terms", Part(name="anti_transfer", params={"block": 1}), people(), 16)


def people():
    return replace(setting(), speakers=4, before=None)


def test_a_term_without_people_does_not_exist_for_a_corpus_without_countries(features, tmp_path):
    terms = {**PRETEXT, "terms": [{"classify": {"by": "country"}}]}
    with pytest.raises(ParamsError, match="no two countries"):
        loop.train(cell(features, Path(tmp_path), Row(encoder="cnn10", **terms)))
