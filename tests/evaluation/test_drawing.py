import re

import pandas as pd
import pytest

from harness.evaluation.drawing import over_steps, weights


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
    weights(over_steps(found, tmp_path, {row: row for row in found["row"]}), tmp_path / "w.svg")
    text = (tmp_path / "w.svg").read_text(encoding="utf-8")
    return text, re.findall(r">([^<>]+)</text>", text)


def test_every_row_has_a_panel_but_those_with_one_loss(tmp_path):
    _, texts = drawn(tmp_path, history(ROWS))
    assert {"moves", "fixed", "Barlow Twins"} <= set(texts)
    assert "one-loss" not in texts


def test_the_same_numbers_are_the_same_bytes(tmp_path):
    assert drawn(tmp_path, history(ROWS))[0] == drawn(tmp_path, history(ROWS))[0]


@pytest.mark.parametrize("count", [2, 4, 13])
def test_every_loss_has_a_line_in_the_legend_whatever_their_number(tmp_path, count):
    losses = [f"loss{i}" for i in range(count)]
    found = history({"row": [[1.0 + i for i in range(count)]] * 2}, losses)
    _, texts = drawn(tmp_path, found)
    assert [text for text in texts if text.startswith("loss")] == losses


def test_without_any_weight_there_is_a_picture_without_panels(tmp_path):
    _, texts = drawn(tmp_path, pd.DataFrame({"row": ["a"], "seed": [1], "epoch": [1]}))
    assert set(texts) <= {"epoch", "weight in the total loss"}


def test_a_cells_own_steps_are_drawn_where_it_has_them(tmp_path):
    (tmp_path / "family" / "moves" / "2").mkdir(parents=True)
    steps = "step,weight_ccc,weight_ccc_masked\n5,1,2\n10,3,4\n15,5,6\n20,7,8\n"
    (tmp_path / "family" / "moves" / "2" / "weights.csv").write_text(steps)
    found = over_steps(history(ROWS), tmp_path, {row: f"family/{row}" for row in ROWS})
    moves = found[found["row"] == "moves"].set_index("seed")
    assert moves.loc[1, "at"].tolist() == [1, 2]  # no file: the ends of the epochs
    assert moves.loc[2, "at"].tolist() == [0.5, 1, 1.5, 2]
    assert moves.loc[2, "weight_ccc_masked"].tolist() == [2, 4, 6, 8]
