"""harness.learning.training: what makes a step faster does not move results."""

import numpy as np
import pytest
import torch

from harness import portable
from harness.errors import RunError
from harness.learning import arithmetic, loop
from harness.learning.data import Packed
from tests.learning.cells import TRAIN, assert_same, cell, train_cell
from tests.learning.packed import write_features

CPU, GPU = torch.device("cpu"), torch.device("cuda")
SEEDS = (1, 2, 3, 4, 5)


def scores(folder, kind, **changes):
    """Dev Ĉ of the last epoch, a number a seed."""
    learned = {"epochs": 6, "learning_rate": 0.01, "width": 1 / 16, "head_dropout": 0.0, **changes}
    cells = [cell(folder / "features", folder / kind, "rrtn", seed, **learned) for seed in SEEDS]
    return np.array([train_cell(one).history[-1]["dev_ccc"] for one in cells])


def test_bf16_moves_ccc_by_less_than_seeds_do(tmp_path):
    write_features(tmp_path / "features", train=64, dev=40)
    exact = scores(tmp_path, "exact")
    fast = scores(tmp_path, "fast", arithmetic="fast", precision="bf16-mixed")
    assert (fast != exact).all()  # it is another arithmetic
    assert exact.min() > 0.2  # and there is something to lose
    assert abs((fast - exact).mean()) < np.ptp(exact)


AVX2, AVX512, AMX = {"avx2"}, {"avx2", "avx512_bf16"}, {"avx2", "avx512_bf16", "amx_bf16"}


@pytest.mark.parametrize(
    ("device", "features", "precision", "width", "channels_last"),
    [
        (CPU, AVX2, "32-true", 1 / 16, False),
        (CPU, AVX2, "32-true", 1 / 4, True),
        (CPU, AVX2, "32-true", 1.0, True),
        (CPU, AVX512, "32-true", 1 / 16, True),
        (CPU, AVX512, "bf16-mixed", 1 / 16, True),
        (CPU, AMX, "bf16-mixed", 1 / 4, False),
        (CPU, AMX, "bf16-mixed", 1.0, True),
        (GPU, AVX2, "bf16-mixed", 1 / 16, True),
        (GPU, AVX2, "32-true", 1 / 16, True),
    ],
)
def test_the_layout_follows_device_width_and_what_the_cpu_can(
    monkeypatch, device, features, precision, width, channels_last
):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: dict.fromkeys(features, True))
    changes = {"arithmetic": "fast", "precision": precision, "width": width}
    train = TRAIN.model_copy(update=changes)
    expected = torch.channels_last if channels_last else torch.contiguous_format
    assert arithmetic.layout_for(train, device) == expected


@pytest.mark.skipif(torch.cuda.is_available(), reason="asks about the CPU")
@pytest.mark.parametrize(
    ("features", "expected"), [(AVX2, "32-true"), (AVX512, "bf16-mixed"), (AMX, "bf16-mixed")]
)
def test_auto_is_bf16_where_the_cpu_multiplies_in_it(monkeypatch, features, expected):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: dict.fromkeys(features, True))
    fast = TRAIN.model_copy(update={"arithmetic": "fast", "precision": "auto"})
    assert arithmetic.precision_for(fast) == expected
    assert arithmetic.precision_for(fast.model_copy(update={"precision": "32-true"})) == "32-true"


@pytest.mark.skipif(not portable.supported(), reason="needs Linux on an x86-64 CPU with AVX2")
@pytest.mark.parametrize("width", [1 / 16, 1 / 4, 1.0])
def test_portable_arithmetic_asks_nothing_of_the_processor(monkeypatch, width):
    train = TRAIN.model_copy(update={"precision": "auto", "width": width})
    found = set()
    for features in (AVX2, AVX512, AMX):
        able = dict.fromkeys(features, True)
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda able=able: able)
        layout = arithmetic.layout_for(train, CPU)
        found.add((arithmetic.accelerator(train), arithmetic.precision_for(train), layout))
        assert arithmetic.arithmetic(train) == arithmetic.rounding(train) == "portable float32"
    assert len(found) == 1


def test_where_nothing_can_be_pinned_portable_rows_train_fast_and_say_so(monkeypatch):
    monkeypatch.setattr(portable, "supported", lambda: False)
    assert arithmetic.arithmetic(TRAIN).startswith("fast 32-true (portable needs Linux on")
    assert arithmetic.arithmetic(TRAIN) != arithmetic.rounding(TRAIN)  # which names the processor


def test_portable_arithmetic_is_refused_where_torch_loaded_without_it(monkeypatch):
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX512")
    monkeypatch.setattr(portable, "supported", lambda: True)
    with pytest.raises(RunError, match="import harness before torch"):
        arithmetic.is_portable(TRAIN)


def test_a_wide_network_computes_in_channels_last_from_its_first_block_on(tmp_path):
    write_features(tmp_path)
    wide = cell(tmp_path, "unset", "rrtn", width=1 / 4)
    fabric = loop.fabric_for(wide.train)
    data = Packed(tmp_path, "train", fabric.device)
    objective, _, _ = loop.set_up(fabric, wide, data)
    seen = []
    for block in objective.network.encoder.blocks:
        block.register_forward_hook(lambda _, __, y: seen.append(y))
    objective.network.predict(data.crops(torch.arange(4, device=fabric.device), 32, -100.0))
    assert len(seen) == 8
    deep = [y for y in seen if min(y.shape[2:]) > 1]
    assert deep
    assert all(y.is_contiguous(memory_format=torch.channels_last) for y in deep)


def test_channels_last_gives_the_same_bytes_again(tmp_path):
    features = tmp_path / "features"
    write_features(features)
    one, other = (train_cell(cell(features, tmp_path / n, "rrtn", width=1 / 4)) for n in "ab")
    assert_same(one, other)
