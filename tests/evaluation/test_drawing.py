import re

import pandas as pd
import pytest

from harness.evaluation import drawing
from harness.evaluation.drawing import curves, forest, over_steps, weights
from tests.evaluation.test_table import readings_table, table


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


NAMES = ["resnet18", "resnet18-rrtn", "cnn14", "cnn14-rrtn"]
GAINS = {"local": {"gain": 5.0, "gain_low": -1.0, "gain_high": 11.0, "p_holm": 0.2}}
GAINS["global"] = {"gain": -4.0, "gain_low": -6.0, "gain_high": -2.0, "p_holm": 0.01}


def dev_curves(names, epochs=6, seeds=(1, 2, 3)):
    lines = [
        {"row": row, "seed": seed, "epoch": epoch, "dev_ccc": 0.1 * place + 0.01 * epoch * seed}
        for place, row in enumerate(names)
        for seed in seeds
        for epoch in range(1, epochs + 1)
    ]
    return pd.DataFrame(lines)


def texts_of(path):
    return re.findall(r">([^<>]+)</text>", path.read_text(encoding="utf-8"))


def test_every_row_has_a_curve_in_the_panel_of_its_encoder(tmp_path):
    encoders = {name: name.partition("-")[0] for name in NAMES}
    path = tmp_path / "curves.svg"
    curves(dev_curves(NAMES), table(names=NAMES), encoders, path)
    found = texts_of(path)
    assert set(NAMES) <= set(found)
    assert [found.count(name) for name in ("resnet18", "cnn14")] == [2, 2]  # title and legend
    first = path.read_bytes()
    curves(dev_curves(NAMES), table(names=NAMES), encoders, path)
    assert path.read_bytes() == first


def test_a_curve_is_the_mean_over_seeds_of_the_scored_epochs(monkeypatch):
    drawn = {}

    class Axis:
        def plot(self, x, y, **look):
            drawn["x"], drawn["y"] = list(x), list(y)

        def fill_between(self, x, low, high, **look):
            drawn["width"] = list(high - low)

    cells = dev_curves(["a"], epochs=3)
    drawing._curve(Axis(), cells[cells["epoch"] != 2], "a", "grey")
    assert drawn["x"] == [1, 3]
    assert drawn["y"] == pytest.approx([0.02, 0.06])
    assert drawn["width"] == pytest.approx([0.02, 0.06])  # sd of 1, 2, 3 is 1


def test_where_an_encoder_has_many_rows_each_has_a_panel_with_its_baseline(tmp_path, monkeypatch):
    monkeypatch.setattr(drawing, "CROWD", 2)
    built = readings_table()
    names = [row.row for row in built.rows]
    path = tmp_path / "curves.svg"
    curves(dev_curves(names), built, dict.fromkeys(names, "cnn10"), path)
    titles = [text for text in texts_of(path) if "grey:" in text]
    assert titles == [f"{name}, grey: table2/cnn10-rrtn-ruwl" for name in ("pooled", "longer")]


def test_a_forest_has_a_line_a_pair_of_rows_with_the_papers_gain(tmp_path):
    path = tmp_path / "forest.svg"
    forest(table(names=NAMES, gains=GAINS), path)
    found = texts_of(path)
    lines = [text for text in found if "over resnet18" in text]
    assert lines == [f"{name}  over resnet18" for name in NAMES[1:]]  # local is global here
    assert "printed in the paper" in found
    assert "smaller than this design detects" in found


def test_a_family_without_comparisons_has_an_empty_forest(tmp_path):
    forest(table(names=["resnet18"]), tmp_path / "forest.svg")
    assert not [text for text in texts_of(tmp_path / "forest.svg") if "over resnet18" in text]


def test_pictures_have_no_background_and_text_that_is_neither_light_nor_dark(tmp_path):
    path = tmp_path / "forest.svg"
    forest(table(names=NAMES), path)
    text = path.read_text(encoding="utf-8")
    assert "fill: #ffffff" not in text
    assert "#000000" not in text
    red, green, blue = (int(drawing.GREY[k : k + 2], 16) / 255 for k in (1, 3, 5))
    luminance = sum(
        share * (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4)
        for share, c in zip((0.2126, 0.7152, 0.0722), (red, green, blue), strict=True)
    )
    for page in (1.0, 0.006):  # white, and GitHub's dark
        light, dark = max(page, luminance), min(page, luminance)
        assert (light + 0.05) / (dark + 0.05) > 3.8


def test_ten_emotions_and_three_terms_have_a_colour_each():
    assert len({*drawing.COLOURS}) == len(drawing.COLOURS) >= 13
