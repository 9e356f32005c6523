"""harness.learning.encoders: the published networks, weight by weight."""

import math

import pytest
import torch
from torch import nn
from torchvision.models.resnet import BasicBlock, ResNet

from harness.config.training import Row, SpecAugment, Train
from harness.errors import ParamsError
from harness.learning.encoders import build
from harness.learning.twins import parameters
from tests.readings import readings
from tests.references import panns

TRAIN = Train(
    batch=128,
    learning_rate=0.001,
    epsilon=1e-8,
    weight_decay=0.01,
    frames=250,
    width=1,
    embedding=2048,
    redundancy=0.001,
    spec_augment=SpecAugment(frames=64, frame_stripes=2, bands=8, band_stripes=2),
    precision="32-true",
    threads=1,
)


@pytest.fixture(autouse=True)
def reproducible():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    yield
    torch.set_num_threads(threads)


def row(encoder, views):
    weights = [1, 1, 0.001][: 2 * views - 1]
    weighting = {"rule": "fixed", "weights": weights}
    return Row(encoder=encoder, method="any", views=views, weighting=weighting)


@pytest.mark.parametrize(
    ("encoder", "vanilla", "twins"),
    [
        ("resnet18", 11_175_370, 12_225_994),
        ("cnn10", 4_954_058, 6_004_682),
        ("cnn14", 79_694_282, 83_890_634),  # Table 2 prints 83.95 M for the twins
    ],
)
def test_parameter_counts_are_those_of_the_published_networks(encoder, vanilla, twins):
    assert parameters(row(encoder, 1), TRAIN, readings(), bands=64, targets=10) == vanilla
    assert parameters(row(encoder, 2), TRAIN, readings(), bands=64, targets=10) == twins


def randomised(network):
    """Batch norm with gains and shifts that matter."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, 0, 0.1)
    return network


def torchvision_name(name):
    """blocks.3.shortcut.0.weight → layer2.1.downsample.0.weight."""
    if not name.startswith("blocks."):
        return name
    _, number, *rest = name.split(".")
    rest = ["downsample" if part == "shortcut" else part for part in rest]
    return ".".join([f"layer{int(number) // 2 + 1}", str(int(number) % 2), *rest])


def test_resnet18_is_torchvisions_in_training_and_evaluation():
    ours = randomised(build("resnet18", 64, 1.0, (0.0, 0.0)))
    theirs = ResNet(BasicBlock, [2, 2, 2, 2])
    theirs.conv1 = nn.Conv2d(1, 64, 7, 2, 3, bias=False)
    theirs.fc = nn.Identity()
    state = {torchvision_name(name): value for name, value in ours.state_dict().items()}
    theirs.load_state_dict(state, strict=True)
    x = torch.randn(4, 1, 50, 64) * 20 - 40
    for _ in range(2):
        torch.testing.assert_close(ours(x), theirs(x.permute(0, 1, 3, 2)), rtol=1e-4, atol=1e-4)
    ours.eval()
    theirs.eval()  # with the running statistics that training left
    with torch.no_grad():
        torch.testing.assert_close(ours(x), theirs(x.permute(0, 1, 3, 2)), rtol=1e-4, atol=1e-4)


def reference(encoder, x, last_is_halved):
    blocks = []
    for block in encoder.blocks:
        first, second = block.bn1, block.bn2
        blocks.append((block.conv1.weight, first.weight, first.bias))
        blocks[-1] += (block.conv2.weight, second.weight, second.bias)
    bands = encoder.bn0.weight, encoder.bn0.bias
    hidden = encoder.fc1.weight, encoder.fc1.bias
    return panns.embedding(x, *bands, blocks, last_is_halved, *hidden)


@pytest.mark.parametrize(
    ("name", "blocks", "last_is_halved", "frames"),
    [("cnn10", 4, True, 50), ("cnn14", 6, False, 71)],
)
def test_panns_are_those_of_the_paper(name, blocks, last_is_halved, frames):
    encoder = randomised(build(name, 64, 1 / 16, (0.0, 0.0))).double()
    assert len(encoder.blocks) == blocks
    x = torch.randn(5, 1, frames, 64, dtype=torch.float64) * 20 - 40
    expected = reference(encoder, x, last_is_halved)
    assert expected.std() > 0.01
    torch.testing.assert_close(encoder(x), expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("name", ["resnet18", "cnn10", "cnn14"])
def test_evaluation_uses_running_statistics_so_a_clip_does_not_depend_on_its_batch(name):
    encoder = build(name, 64, 1 / 32, (0.2, 0.5))
    x = torch.randn(6, 1, 64, 64) * 20 - 40
    encoder(x)
    encoder.eval()
    alone = torch.cat([encoder(clip[None]) for clip in x])
    torch.testing.assert_close(encoder(x), alone, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", ["cnn10", "cnn14"])
def test_dropout_is_as_wide_as_asked_and_in_training_only(name):
    """A head that drops nearly all makes the embedding that of a zero input: relu(bias)."""
    encoder = build(name, 64, 1 / 32, (0.0, 0.999))
    nn.init.constant_(encoder.fc1.bias, 0.25)
    x = torch.randn(2, 1, 64, 64)
    assert (encoder(x) == 0.25).float().mean() > 0.9
    assert not (encoder.eval()(x) == 0.25).any()
    blocks = build(name, 64, 1 / 32, (0.999, 0.0))
    nn.init.constant_(blocks.fc1.bias, 0.25)
    assert (blocks(x) == 0.25).float().mean() > 0.9


def spread(weight):
    return weight.std().item(), weight.abs().max().item()


@pytest.mark.parametrize("name", ["cnn10", "cnn14"])
def test_panns_start_from_xavier_uniform_weights_and_no_bias(name):
    encoder = build(name, 64, 0.25, (0.0, 0.0))
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
    encoder = build("resnet18", 64, 1.0, (0.0, 0.0))
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


def test_batch_norm_starts_as_the_identity():
    for name in ("resnet18", "cnn10", "cnn14"):
        norms = [
            m for m in build(name, 64, 1 / 16, (0, 0)).modules() if isinstance(m, nn.BatchNorm2d)
        ]
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
        encoder = build(name, 64, width, (0.0, 0.0))
    expected = [max(2, round(c * width)) for c in channels]
    found = [block.conv2.weight.shape[0] for block in encoder.blocks]
    assert sorted(set(found)) == sorted(set(expected))
    assert encoder.size == expected[-1]
    assert encoder(torch.empty(2, 1, 64, 64, device="meta")).shape == (2, expected[-1])


@pytest.mark.parametrize("name", ["cnn15", "encoder", "Encoder", "_pann", "pann", "CNN10", ""])
def test_an_unknown_encoder_is_an_error_that_lists_the_known(name):
    with pytest.raises(ParamsError) as caught:
        build(name, 64, 1.0, (0.0, 0.0))
    assert f"'{name}'" in str(caught.value)
    assert "['cnn10', 'cnn14', 'resnet18']" in str(caught.value)
