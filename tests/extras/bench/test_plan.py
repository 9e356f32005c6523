"""harness.extras.bench.plan: counted by hand, and an error where something is unknown."""

from pathlib import Path

import pytest

from harness.config.rows import Row
from harness.config.training import SpecAugment, Train
from harness.errors import ParamsError
from harness.extras.bench import plan
from harness.learning.cost import count_step
from harness.learning.network import parameters
from tests.extras.bench.single import CHANNELS
from tests.learning import cells
from tests.readings import readings

BATCH, FRAMES, BANDS, TARGETS = 4, 16, 8, 3
TRAIN = Train(
    batch=BATCH,
    learning_rate=0.001,
    epsilon=1e-8,
    weight_decay=0.01,
    frames=FRAMES,
    width=1.0,
    embedding=6,
    redundancy=0.001,
    spec_augment=SpecAugment(frames=4, frame_stripes=1, bands=2, band_stripes=1),
    precision="32-true",
    arithmetic="fast",
    threads=1,
)
ONE = {"encoder": "tests.extras.bench.single"}
ROW = Row(**ONE, views=["clean"], terms=["ccc"], weighting={"fixed": {"weights": [1]}})
TWINS = Row(**ONE, weighting={"fixed": {"weights": [1, 1, 1]}}, **cells.TWINS)


def test_flops_of_one_convolution_are_those_of_a_hand_count():
    """Forward 2 · 9 · channels · pixels a clip; backward the same for the weight, none for the
    input, which needs no gradient. The head: forward and both gradients."""
    step = count_step(ROW, TRAIN, readings(), BANDS, TARGETS)
    convolution = 2 * 9 * CHANNELS * FRAMES * BANDS
    head = 2 * CHANNELS * TARGETS
    assert step.evaluation == convolution + head
    assert step.training == BATCH * (2 * convolution + 3 * head)


def test_two_views_cost_twice_one_and_what_the_projector_takes():
    one = count_step(ROW, TRAIN, readings(), BANDS, TARGETS)
    two = count_step(TWINS, TRAIN, readings(), BANDS, TARGETS)
    projector = 2 * 3 * 2 * BATCH * CHANNELS * TRAIN.embedding
    gram = 2 * 2 * BATCH**2 * TRAIN.embedding  # a·aᵀ and b·bᵀ
    assert two.training == 2 * one.training + projector + 3 * gram
    assert two.evaluation == one.evaluation
    assert two.activations > one.activations


def test_what_is_kept_for_the_backward_grows_with_the_batch():
    double = TRAIN.model_copy(update={"batch": 2 * BATCH})
    one = count_step(ROW, TRAIN, readings(), BANDS, TARGETS).activations
    two = count_step(ROW, double, readings(), BANDS, TARGETS).activations
    assert one >= BATCH * FRAMES * BANDS * 2  # at least the input, in bf16
    assert 1.5 * one < two < 2.5 * one


def test_a_plan_adds_up_for_the_repositorys_own_profile():
    found = plan.plan(Path("params.yaml"), ["A100-80GB", "L4"], ["L4=0.5"], 0.2)
    assert set(found["gpus"]) == {"A100-80GB", "L4"}
    total = found["seeds"] * sum(row["flops"] for row in found["rows"].values())
    assert found["flops"] == total
    assert found["gpus"]["A100-80GB"]["hours"] == pytest.approx(total / (312e12 * 0.2) / 3600)
    assert found["gpus"]["A100-80GB"]["cost"] is None
    assert found["gpus"]["L4"]["cost"] == pytest.approx(0.5 * found["gpus"]["L4"]["hours"])
    assert "20% of the published peak assumed" in found["gpus"]["L4"]["from"]
    vanilla, twins = found["rows"]["resnet18"], found["rows"]["resnet18-rrtn"]
    assert vanilla["steps_an_epoch"] == found["clips"]["train"] // found["batch"]
    # two views, and the projector's units², which a narrow encoder does not outweigh
    assert 1.9 < twins["flops_a_step"] / vanilla["flops_a_step"] < 2.5


def test_parameters_are_the_networks():
    assert parameters(ROW, TRAIN, readings(), BANDS, TARGETS) == 9 * CHANNELS + 6 * TARGETS


@pytest.mark.parametrize(
    ("gpus", "prices", "named"),
    [(["H1000"], [], "H1000"), ([], ["L4"], "L4"), ([], ["L5=2"], "L5"), ([], ["L4=x"], "L4=x")],
)
def test_an_unknown_gpu_or_price_is_an_error_that_names_it(gpus, prices, named):
    with pytest.raises(ParamsError, match=named):
        plan.plan(Path("params.yaml"), gpus, prices, 0.2)


def test_every_gpu_has_a_peak_and_memory():
    known = plan.gpus([])
    assert len(known) >= 5
    assert all(gpu.bf16_tflops > 10 and gpu.memory_gb >= 16 for gpu in known.values())
