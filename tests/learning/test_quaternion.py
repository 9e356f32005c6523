"""Quaternion layers, against Hamilton's rules written out, and the encoders made of them."""

import math

import pytest
import torch
from torch.nn import functional as F

from harness.config.rows import Row
from harness.errors import ParamsError
from harness.learning import loop
from harness.learning.cost import count_step
from harness.learning.data import Packed
from harness.learning.encoders._quaternion import (
    Lift,
    QuaternionConv2d,
    QuaternionLinear,
    difference,
    first_weight,
    hamilton,
)
from harness.learning.network import parameters
from harness.learning.validation import check
from tests.learning.cells import ONE_VIEW, TRAIN, cell, encoder, train_cell
from tests.learning.packed import write_features
from tests.readings import readings

ENCODERS = ("cnn10", "cnn14", "vgg16")
NARROW = TRAIN.model_copy(update={"width": 1 / 16, "frames": 64})


def product(p, q):
    """Of two quaternions, from i² = j² = k² = ijk = -1."""
    a, b, c, d = p
    e, f, g, h = q
    return torch.stack(
        [
            a * e - b * f - c * g - d * h,
            a * f + b * e + c * h - d * g,
            a * g - b * h + c * e + d * f,
            a * h + b * g - c * f + d * e,
        ]
    )


def generator():
    return torch.Generator().manual_seed(0)


def linear(inputs, outputs):
    torch.manual_seed(0)
    return QuaternionLinear(inputs, outputs)


def test_ij_is_k_and_ji_is_minus_k():
    one, i, j, k = torch.eye(4)
    assert torch.equal(product(i, j), k)
    assert torch.equal(product(j, i), -k)
    layer = linear(4, 4)
    for left in (one, i, j, k):
        layer.weight.data = left.reshape(4, 1)
        for right in (one, i, j, k):
            assert torch.equal(layer(right).detach(), product(left, right))


def test_a_linear_layer_is_a_sum_of_hamilton_products():
    layer, x = linear(12, 8), torch.randn(5, 12, generator=generator())
    parts = x.reshape(5, 4, 3).permute(1, 0, 2)  # [4, batch, quaternions]
    expected = sum(
        product(layer.weight.reshape(4, 2, 3)[:, :, n, None], parts[:, None, :, n])
        for n in range(3)
    )  # [4, outputs, batch]
    torch.testing.assert_close(layer(x), expected.permute(2, 0, 1).reshape(5, 8) + layer.bias)


def test_a_convolution_is_hamilton_products_place_by_place():
    torch.manual_seed(0)
    layer, x = QuaternionConv2d(8, 12), torch.randn(2, 8, 5, 6, generator=generator())
    padded = F.pad(x, (1, 1, 1, 1)).reshape(2, 4, 2, 7, 8)
    expected = torch.zeros(4, 2, 3, 5, 6)
    for n in range(2):
        for row in range(3):
            for column in range(3):
                seen = padded[:, :, n, row : row + 5, column : column + 6].transpose(0, 1)
                weight = layer.weight.reshape(4, 3, 2, 3, 3)[:, :, n, row, column]
                expected += product(weight[:, None, :, None, None], seen[:, :, None])
    torch.testing.assert_close(layer(x), expected.transpose(0, 1).reshape(2, 12, 5, 6))


def test_the_norm_of_a_product_is_the_product_of_the_norms():
    layer, x = linear(4, 4), torch.randn(50, 4, generator=generator())
    expected = layer.weight.norm() * x.norm(dim=1)
    torch.testing.assert_close(layer(x).norm(dim=1), expected)


def test_a_layer_commutes_with_a_product_from_the_right():
    """What is shared: turning all inputs from the right turns all outputs."""
    layer, x = linear(12, 8), torch.randn(5, 12, generator=generator())
    turn = torch.randn(4, generator=generator())

    def turned(values):
        parts = values.reshape(5, 4, -1).transpose(0, 1)
        return product(parts, turn[:, None, None]).transpose(0, 1).reshape(5, -1)

    torch.testing.assert_close(layer(turned(x)), turned(layer(x)), rtol=1e-4, atol=1e-5)
    from_left = product(turn[:, None, None], x.reshape(5, 4, 3).transpose(0, 1))
    other = layer(from_left.transpose(0, 1).reshape(5, 12))
    assert not torch.allclose(other, turned(layer(x)), atol=1e-2)


def test_first_weights_have_parcollets_lengths_and_keep_the_variance():
    torch.manual_seed(0)
    weight = first_weight(4 * 200, 4 * 100, (3, 3))
    scale = 1 / math.sqrt(2 * (200 + 100) * 9)
    squares = (
        weight.reshape(4, -1).square().sum(dim=0) / scale**2
    )  # χ² with four degrees of freedom
    assert squares.mean().item() == pytest.approx(4, rel=0.01)
    assert squares.var().item() == pytest.approx(8, rel=0.03)
    assert weight.mean().abs() < 0.01 * scale
    layer, x = linear(400, 400), torch.randn(500, 400)
    assert layer(x).var().item() == pytest.approx(1, rel=0.05)


def test_deltas_are_differences_in_time_and_need_no_parameter():
    x = torch.arange(6.0).square().reshape(1, 1, 6, 1).expand(1, 1, 6, 3)
    lift = Lift("deltas")
    found = lift(x)
    assert not list(lift.parameters())
    assert torch.equal(found[:, :1], x)
    assert found[0, 1, :, 0].tolist() == [0.5, 2, 4, 6, 8, 4.5]
    assert torch.equal(found[:, 2:3], difference(difference(x)))
    assert not found[:, 3].any()


@pytest.mark.parametrize("name", ENCODERS)
def test_a_quaternion_network_has_a_quarter_of_the_parameters_and_all_the_work(name):
    """At the paper's width; half the width has a quarter of both."""
    train = TRAIN.model_copy(update={"width": 1.0, "frames": 64, "batch": 32})

    def cost(encoder):
        row = Row(encoder=encoder, **ONE_VIEW)
        step = count_step(row, train, readings(), 64, 10)
        return parameters(row, train, readings(), 64, 10), step.training

    (real, work), (four, its), (half, less) = (
        cost(encoder) for encoder in (name, f"quaternion_{name}", f"half_{name}")
    )
    assert four / real == pytest.approx(0.25, abs=0.003)
    assert half / real == pytest.approx(0.25, abs=0.003)
    assert its / work == pytest.approx(1.0, abs=0.03)
    assert less / work == pytest.approx(0.25, abs=0.02)


@pytest.mark.parametrize("name", ENCODERS)
def test_maps_and_representation_have_the_shapes_of_the_real_network(name):
    x = torch.randn(2, 1, 64, 64, generator=generator())
    real, four = (encoder(each, 1 / 16, (0.0, 0.0)).eval() for each in (name, f"quaternion_{name}"))
    with torch.no_grad():
        shapes = [[tuple(m.shape) for m in each.maps(each.normalise(x))] for each in (real, four)]
        assert shapes[0] == shapes[1]
        assert real(x).shape == four(x).shape == (2, real.size)


def test_vgg16_has_the_convolutions_of_torchvisions():
    from torchvision.models import vgg16_bn

    mine = encoder("vgg16", 1.0, (0.0, 0.0))
    theirs = [m for m in vgg16_bn(weights=None).features if isinstance(m, torch.nn.Conv2d)]
    own = [m for m in mine.blocks.modules() if isinstance(m, torch.nn.Conv2d)]
    assert [m.out_channels for m in own] == [m.out_channels for m in theirs]
    assert [m.kernel_size for m in own] == [m.kernel_size for m in theirs]
    x = torch.rand(2, 1, 32, 64)
    assert mine.maps(mine.normalise(x))[-1].shape == (2, 512, 1, 2)


@pytest.mark.parametrize("kind", ["learned", "deltas"])
def test_a_quaternion_network_learns(tmp_path, kind):
    write_features(tmp_path, train=48)
    row = Row(encoder={"quaternion_cnn10": {"input": kind}}, **ONE_VIEW)
    history = train_cell(cell(tmp_path, tmp_path, row, width=1 / 16, epochs=6)).history
    assert history[-1]["loss_ccc"] < 0.8 * history[0]["loss_ccc"]


def test_a_quaternion_network_trains_in_channels_last_too(tmp_path):
    """Which wide networks have, and all on a GPU."""
    write_features(tmp_path)
    wide = cell(tmp_path, tmp_path, Row(encoder="quaternion_cnn10", **ONE_VIEW), width=1 / 4)
    fabric = loop.fabric_for(wide.train)
    objective, _, _ = loop.set_up(fabric, wide, Packed(tmp_path, "train", fabric.device))
    layer = objective.network.encoder.blocks[1].conv2
    assert layer.weight.is_contiguous(memory_format=torch.channels_last)
    x = torch.randn(2, 32, 6, 6)
    expected = F.conv2d(x, hamilton(layer.weight.detach().contiguous()), padding=1)
    torch.testing.assert_close(layer(x), expected)


@pytest.mark.parametrize("name", [*ENCODERS, *(f"half_{name}" for name in ENCODERS)])
def test_quaternion_rows_and_their_controls_are_valid_before_anything_trains(name):
    check(Row(encoder=name, **ONE_VIEW), NARROW, readings(), "mine/row")
    if not name.startswith("half"):
        check(Row(encoder=f"quaternion_{name}", **ONE_VIEW), NARROW, readings(), "mine/row")


def test_channels_that_four_does_not_divide_are_one_line():
    odd = NARROW.model_copy(update={"width": 1 / 32})
    with pytest.raises(ParamsError, match="2 channels, which four does not divide") as caught:
        check(Row(encoder="quaternion_cnn10", **ONE_VIEW), odd, readings(), "mine/row")
    assert "train.width" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_input_that_does_not_exist_is_one_line():
    row = Row(encoder={"quaternion_cnn10": {"input": "copies"}}, **ONE_VIEW)
    with pytest.raises(ParamsError, match="'learned' or 'deltas'"):
        check(row, NARROW, readings(), "mine/row")
