"""What a step costs is counted of all that is done in it, the frozen network included."""

import pytest

from harness.config.rows import Row
from harness.learning.cost import cost, count_step
from tests.learning.cells import ONE_VIEW, TRAIN
from tests.readings import readings

WIDE = TRAIN.model_copy(update={"width": 0.25, "frames": 64, "batch": 4})
PLAIN = {"views": ["clean"], "weighting": {"fixed": {"weights": [1, 1]}}}
CHANNELS = (16, 32, 64, 128)  # of CNN10 at that width


def anti(block, **params):
    return Row(
        encoder="cnn10", terms=["ccc", {"anti_transfer": {"block": block, **params}}], **PLAIN
    )


def counted(row, train=WIDE):
    return cost(row, train, readings(), 64, 10)


VANILLA = Row(encoder="cnn10", **ONE_VIEW)


def by_hand(blocks):
    """Multiply-adds of the first blocks of CNN10 on one clip: two 3×3 convolutions each."""
    frames, bands, inputs, total = 64, 64, 1, 0
    for channels in CHANNELS[:blocks]:
        total += 9 * frames * bands * (inputs * channels + channels * channels)
        frames, bands, inputs = frames // 2, bands // 2, channels
    return total, frames * bands * inputs**2


def test_a_forward_pass_is_the_convolutions_and_the_last_layers():
    convolutions, _ = by_hand(4)
    assert counted(VANILLA)["forward"] == convolutions + 128 * 128 + 128 * 10


@pytest.mark.parametrize("block", [1, 2, 4])
def test_anti_transfer_adds_the_frozen_network_up_to_its_block_and_the_gram_matrices(block):
    """Two Gram matrices, and the gradient of one of them, which is two products as large."""
    convolutions, products = by_hand(block)
    more = counted(anti(block))["work"] - counted(VANILLA)["work"]
    assert more == pytest.approx(convolutions + 4 * products, rel=0.001)


def test_at_the_input_there_is_no_network_to_add():
    noop, vanilla = counted(anti(0)), counted(VANILLA)
    products = 64 * 64 * 1  # of one channel
    assert noop["work"] - vanilla["work"] <= 4 * products
    assert noop["parameters"] == vanilla["parameters"]


def test_a_random_frozen_network_costs_as_much_as_a_trained_one():
    assert counted(anti(2)) == counted(anti(2, frozen="random"))


def test_memory_is_that_of_trained_and_frozen_weights_and_of_what_the_backward_needs():
    found, vanilla = counted(anti(4)), counted(VANILLA)
    step = count_step(VANILLA, WIDE, readings(), 64, 10, bf16=False)
    assert vanilla["memory"] == 16 * vanilla["parameters"] + step.activations
    assert found["memory"] > vanilla["memory"] + 4 * 9 * 128 * 128


def test_work_is_of_one_clip_whatever_the_batch():
    double = WIDE.model_copy(update={"batch": 8})
    one, two = counted(anti(2)), counted(anti(2), double)
    assert one["work"] == two["work"]
    assert one["forward"] == two["forward"]
