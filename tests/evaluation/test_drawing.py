import re

import pandas as pd
import pytest

from harness.evaluation.drawing import weights


def history(rows, losses=("ccc", "ccc_masked", "barlow_twins")):
    """`rows`: name → by epoch the weights of its losses; two seeds."""
    lines = [
        {"row": row, "seed": seed, "epoch": epoch}
        | dict(zip((f"weight_{loss}" for loss in losses), each, strict=False))
        for row, epochs in rows.items()
        for seed in (1, 2)
        for epoch, each in enumerate(epochs, start=1)
    ]
    return pd.DataFrame(lines)


ROWS = {
    "one-loss": [(1.0,), (1.0,)],
    "fixed": [(1.0, 1.0, 0.001)] * 2,
    "moves": [(1.0, 1.1, 0.001), (1.2, 1.3, 0.0001)],
}


def drawn(tmp_path, found):
    weights(found, tmp_path / "weights.svg")
    text = (tmp_path / "weights.svg").read_text(encoding="utf-8")
    return text, re.findall(r">([^<>]+)</text>", text)


def test_rows_whose_weights_move_are_named_and_rows_with_one_loss_are_left_out(tmp_path):
    _, texts = drawn(tmp_path, history(ROWS))
    assert {"moves", "fixed weights", "Barlow Twins"} <= set(texts)
    assert "one-loss" not in texts
    assert "fixed" not in texts


def test_the_same_numbers_are_the_same_bytes(tmp_path):
    assert drawn(tmp_path, history(ROWS))[0] == drawn(tmp_path, history(ROWS))[0]


@pytest.mark.parametrize("count", [1, 2, 4, 7])
def test_every_loss_has_a_panel_whatever_their_number(tmp_path, count):
    losses = [f"loss{i}" for i in range(count)]
    found = history({"row": [[1.0 + i for i in range(count)]] * 2}, losses)
    _, texts = drawn(tmp_path, found)
    assert [text for text in texts if text.startswith("loss")] == losses


def test_without_any_weight_there_is_an_empty_picture(tmp_path):
    _, texts = drawn(tmp_path, pd.DataFrame({"row": ["a"], "seed": [1], "epoch": [1]}))
    assert texts == []
