"""harness.learning.encoders: how they start, scale and drop; what they compute: test_fidelity."""

import math

import pytest
import torch
from torch import nn

from harness.config.rows import Row
from harness.errors import ParamsError
from tests.learning.cells import FIXED, ONE_VIEW, TWINS, objective
from tests.learning.cells import encoder as build


@pytest.mark.parametrize("name", ["resnet18", "cnn10", "cnn14"])
def test_evaluation_uses_running_statistics_so_a_clip_does_not_depend_on_its_batch(name):
    encoder = build(name, 1 / 32, (0.2, 0.5))
    x = torch.randn(6, 1, 64, 64) * 20 - 40
    encoder(x)
    encoder.eval()
    alone = torch.cat([encoder(clip[None]) for clip in x])
    torch.testing.assert_close(encoder(x), alone, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", ["cnn10", "cnn14"])
def test_dropout_is_as_wide_as_asked_and_in_training_only(name):
    """A head that drops nearly all makes the embedding that of a zero input: relu(bias)."""
    encoder = build(name, 1 / 32, (0.0, 0.999))
    nn.init.constant_(encoder.fc1.bias, 0.25)
    x = torch.randn(2, 1, 64, 64)
    assert (encoder(x) == 0.25).float().mean() > 0.9
    assert not (encoder.eval()(x) == 0.25).any()
    blocks = build(name, 1 / 32, (0.999, 0.0))
    nn.init.constant_(blocks.fc1.bias, 0.25)
    assert (blocks(x) == 0.25).float().mean() > 0.9


def spread(weight):
    return weight.std().item(), weight.abs().max().item()


@pytest.mark.parametrize("name", ["cnn10", "cnn14"])
def test_panns_start_from_xavier_uniform_weights_and_no_bias(name):
    encoder = build(name, 0.25, (0.0, 0.0))
    layers = [m for m in encoder.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    assert len(layers) == 2 * len(encoder.blocks) + 1
    for layer in layers:
        outputs, inputs, *kernel = layer.weight.shape
        area = math.prod(kernel)
        bound = math.sqrt(6 / (area * (inputs + outputs)))
        deviation, largest = spread(layer.weight)
        size = layer.weight.numel()
        assert bound * (1 - 20 / size) < largest <= bound
        # the standard error of a uniform's deviation is √(1/5) of itself over √n, about
        assert deviation == pytest.approx(bound / math.sqrt(3), rel=4 * math.sqrt(0.2 / size))
        assert layer.bias is None or not layer.bias.any()


def test_resnet18_starts_from_kaiming_normal_fan_out_but_for_the_first_layer():
    encoder = build("resnet18", 1.0, (0.0, 0.0))
    layers = [m for m in encoder.blocks.modules() if isinstance(m, nn.Conv2d)]
    assert len(layers) == 8 * 2 + 3
    for layer in layers:
        outputs, _, height, width = layer.weight.shape
        deviation, largest = spread(layer.weight)
        size = layer.weight.numel()
        expected = math.sqrt(2 / (outputs * height * width))
        assert deviation == pytest.approx(expected, rel=4 * math.sqrt(0.5 / size))
        assert largest > 3 * expected  # a normal has tails
    deviation, largest = spread(encoder.conv1.weight)  # PyTorch's own: uniform ± 1/√fan_in
    assert largest <= 1 / 7
    assert deviation == pytest.approx(1 / 7 / math.sqrt(3), rel=4 * math.sqrt(0.2 / (64 * 49)))


@pytest.mark.parametrize("name", ["cnn10", "cnn14"])
def test_the_head_on_a_pann_starts_from_xavier_uniform_weights_and_no_bias(name):
    layer = objective(Row(encoder=name, **ONE_VIEW), targets=40).network.head.linear
    outputs, inputs = layer.weight.shape
    bound = math.sqrt(6 / (inputs + outputs))
    deviation, largest = spread(layer.weight)
    size = layer.weight.numel()
    assert bound * (1 - 20 / size) < largest <= bound
    assert deviation == pytest.approx(bound / math.sqrt(3), rel=4 * math.sqrt(0.2 / size))
    assert not layer.bias.any()


def test_the_head_on_resnet18_starts_from_pytorchs_uniform_weights_and_bias():
    layer = objective(Row(encoder="resnet18", **ONE_VIEW), targets=400).network.head.linear
    bound = 1 / math.sqrt(layer.weight.shape[1])
    for values in (layer.weight, layer.bias):
        deviation, largest = spread(values)
        size = values.numel()
        assert bound * (1 - 20 / size) < largest <= bound
        assert deviation == pytest.approx(bound / math.sqrt(3), rel=4 * math.sqrt(0.2 / size))


def test_barlow_twins_projector_starts_from_pytorchs_weights_whatever_the_encoder():
    for name in ("resnet18", "cnn10", "cnn14"):
        twins = objective(Row(encoder=name, **TWINS, weighting=FIXED))
        layer = twins.terms[2].projector
        bound = 1 / math.sqrt(layer.weight.shape[1])
        assert layer.bias.any()
        assert 0.8 * bound < layer.weight.abs().max() <= bound


def test_batch_norm_starts_as_the_identity():
    for name in ("resnet18", "cnn10", "cnn14"):
        norms = [m for m in build(name, 1 / 16, (0, 0)).modules() if isinstance(m, nn.BatchNorm2d)]
        assert norms
        assert all((norm.weight == 1).all() and (norm.bias == 0).all() for norm in norms)


@pytest.mark.parametrize(
    ("name", "channels"),
    [
        ("resnet18", [64, 128, 256, 512]),
        ("cnn10", [64, 128, 256, 512]),
        ("cnn14", [64, 128, 256, 512, 1024, 2048]),
    ],
)
@pytest.mark.parametrize("width", [1, 0.5, 1 / 16, 1 / 64])
def test_width_scales_every_channel_count(name, channels, width):
    with torch.device("meta"):
        encoder = build(name, width, (0.0, 0.0))
    expected = [max(2, round(c * width)) for c in channels]
    found = [block.conv2.weight.shape[0] for block in encoder.blocks]
    assert sorted(set(found)) == sorted(set(expected))
    assert encoder.size == expected[-1]
    assert encoder(torch.empty(2, 1, 64, 64, device="meta")).shape == (2, expected[-1])


@pytest.mark.parametrize("name", ["cnn15", "encoder", "Encoder", "pann", "CNN10"])
def test_an_unknown_encoder_is_an_error_that_lists_the_known(name):
    with pytest.raises(ParamsError) as caught:
        build(name, 1.0, (0.0, 0.0))
    assert f"'{name}'" in str(caught.value)
    known = str(caught.value).rpartition(" has ")[2].split(", ")
    assert {"cnn10", "cnn14", "resnet18"} <= set(known)
