"""The encoders against what others publish: torchvision, PANNs, and the sizes in Table 2."""

import json
from pathlib import Path

import pytest
import torch
from torch import nn
from torchvision.models.resnet import BasicBlock, ResNet

from harness.config.rows import read_rows
from harness.config.strict import block
from harness.config.training import Train
from harness.learning.network import parameters
from harness.paper import read_paper
from tests.learning import cells
from tests.readings import readings
from tests.references import panns

ROOT = Path(__file__).parents[2]
PAPER = read_paper(ROOT / "paper.yaml")
TABLES = sorted(ROOT.glob("results/*/table2.json"))
PANNS_DROPOUT = (0.2, 0.5)


def encoder(name, dropout=(0.0, 0.0)):
    """At the paper's width, with batch norms whose gains and shifts matter."""
    network = cells.encoder(name, 1.0, dropout)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, 0, 0.1)
    return network


def log_mels(clips, frames):
    return torch.randn(clips, 1, frames, 64) * 20 - 40


def torchvision_resnet18():
    """With one input channel and no classes."""
    network = ResNet(BasicBlock, [2, 2, 2, 2])
    network.conv1 = nn.Conv2d(1, 64, 7, 2, 3, bias=False)
    network.fc = nn.Identity()
    return network


def torchvision_name(name):
    """blocks.3.shortcut.0.weight → layer2.1.downsample.0.weight."""
    if not name.startswith("blocks."):
        return name
    _, number, *rest = name.split(".")
    rest = ["downsample" if part == "shortcut" else part for part in rest]
    return ".".join([f"layer{int(number) // 2 + 1}", str(int(number) % 2), *rest])


def panns_name(name):
    """blocks.3.conv1.weight → network.conv_block4.conv1.weight."""
    if not name.startswith("blocks."):
        return f"network.{name}"
    _, number, *rest = name.split(".")
    return ".".join([f"network.conv_block{int(number) + 1}", *rest])


def renamed(network, rename):
    return {rename(name): value.clone() for name, value in network.state_dict().items()}


def with_weights_of(ours, theirs, rename):
    theirs.load_state_dict(renamed(ours, rename), assign=True)
    return theirs


def assert_same(ours, theirs, rename):
    """Outputs of a training step, what it leaves in the batch norms, and outputs in evaluation."""
    x = log_mels(3, 40)
    found, expected = ours(x), theirs(x)
    assert expected.std() > 0.01
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
    state, left = renamed(ours, rename), theirs.state_dict()
    statistics = [name for name in state if "running" in name]
    assert len(statistics) == 2 * sum(isinstance(m, nn.BatchNorm2d) for m in ours.modules())
    for name in statistics:
        torch.testing.assert_close(state[name], left[name], rtol=1e-4, atol=1e-4)
    x = log_mels(2, 35)  # an odd number of frames: what pooling leaves out counts
    torch.testing.assert_close(ours.eval()(x), theirs.eval()(x), rtol=1e-4, atol=1e-4)


@torch.no_grad()
def test_resnet18_is_torchvisions_in_training_and_evaluation():
    ours = encoder("resnet18")
    theirs = with_weights_of(ours, torchvision_resnet18(), torchvision_name)
    theirs.register_forward_pre_hook(lambda _, inputs: inputs[0].transpose(2, 3))  # mel, time
    assert_same(ours, theirs, torchvision_name)


@torch.no_grad()
@pytest.mark.parametrize("name", ["cnn10", "cnn14"])
def test_panns_are_the_published_in_training_without_dropout_and_in_evaluation(name):
    ours = encoder(name)
    theirs = with_weights_of(ours, getattr(panns, name.upper())(), panns_name)
    assert_same(ours, theirs.without_dropout(), panns_name)


@torch.no_grad()
def test_cnn14_drops_what_the_published_drops():
    """The same seed gives the same mask, so places, shapes and rates of dropout are the same."""
    ours = encoder("cnn14", PANNS_DROPOUT)
    theirs = with_weights_of(ours, panns.CNN14(), panns_name)
    x = log_mels(3, 40)
    torch.manual_seed(1)
    found = ours(x)
    torch.manual_seed(1)
    torch.testing.assert_close(found, theirs(x), rtol=1e-4, atol=1e-4)
    assert (found - theirs.without_dropout()(x)).abs().max() > 0.1


def full_scale(**changes):
    """The train block with the paper's sizes."""
    settings = block(Train, "train", ROOT / "profiles/hume-vb.yaml")
    for key in ("width", "embedding"):
        assert getattr(settings, key) == PAPER.settings[key]
    return settings.model_copy(update=changes)


def parameter_count(name, targets=10, **changes):
    """Of a row of Table 2, trained on ten emotions at the paper's sizes."""
    row = read_rows(ROOT / "rows.yaml")[f"table2/{name}"]
    return parameters(row, full_scale(**changes), readings(), bands=64, targets=targets)


def in_millions(count, like):
    """As Table 2 prints it, with the decimals of `like`."""
    return f"{count / 1e6:.{like.decimals}f}"


ROWS = list(PAPER.table2)
UNEXPLAINED = ["cnn14-rrtn", "cnn14-rrtn-ruwl"]


@pytest.mark.parametrize(
    ("name", "network", "size", "vanilla"),
    [
        ("resnet18", torchvision_resnet18, 512, 11_175_370),
        ("cnn10", panns.CNN10, 512, 4_954_058),
        ("cnn14", panns.CNN14, 2048, 79_694_282),
    ],
)
def test_parameter_counts_are_those_of_the_published_networks(name, network, size, vanilla):
    theirs = sum(p.numel() for p in network().parameters())
    assert parameter_count(name) == theirs + 10 * (size + 1) == vanilla
    projector = 2048 * (size + 1)  # with a bias, and batch norm without scale and shift
    assert parameter_count(f"{name}-rrtn") == vanilla + projector
    assert parameter_count(f"{name}-rrtn-ruwl") == vanilla + projector


@pytest.mark.parametrize("name", [name for name in ROWS if name not in UNEXPLAINED])
def test_table_2_prints_our_parameter_count(name):
    printed = PAPER.table2[name].params_m
    assert in_millions(parameter_count(name), printed) == printed.text


@pytest.mark.parametrize("name", UNEXPLAINED)
def test_83_95_million_parameters_are_not_explained(name):
    """What §2.1 describes has 83.89 M; nothing else that the paper or the release names gives
    83.95 M either."""
    printed, count = PAPER.table2[name].params_m, parameter_count(name)
    assert (printed.text, in_millions(count, printed)) == ("83.95", "83.89")
    missing = (printed.value - printed.rounding) * 1e6 - count
    assert 54_000 < missing < 55_000
    norms = [m for m in panns.CNN14().modules() if isinstance(m, nn.BatchNorm2d)]
    changes = {
        "RUWL's three weights": 3,
        "scale and shift before the loss, as released": 2 * 2048,
        "no bias in the projector": -2048,
        "three input channels": 2 * 64 * 3 * 3,
        "running statistics counted": sum(2 * m.num_features + 1 for m in norms),
        "the mel filters counted": 257 * 64,
    }
    for change in changes.values():
        assert in_millions(count + change, printed) != printed.text
    assert count == pytest.approx(1e6 * printed.value, rel=1e-3)  # and it is no other network


@pytest.mark.committed
@pytest.mark.parametrize("path", TABLES, ids=lambda path: path.parent.name)
def test_a_committed_table_counts_its_rows_at_full_width(path):
    """With the paper's projector, beside what Table 2 prints."""
    table = json.loads(path.read_text(encoding="utf-8"))
    assert [row["row"] for row in table["rows"]] == ROWS
    for row in table["rows"]:
        assert row["params"] == parameter_count(row["row"], table["targets"])
        assert row["paper"]["params_m"] == PAPER.table2[row["row"]].params_m.value
