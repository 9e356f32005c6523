"""stages.readings: what each reading changes, from cells whose Ĉ is known."""

import json
from pathlib import Path

import pytest

from harness.config.readings import base
from harness.errors import ParamsError, RunError
from stages import readings
from tests.fabricated import write_tree

TABLE = {"cnn10": 0.4, "cnn10-rrtn": 0.42, "cnn10-rrtn-ruwl": 0.45}
VARIED = {
    "cnn10-rrtn-ruwl+ccc_loss=pooled": 0.15,
    "cnn10-rrtn-ruwl+selection=best": 0.45,
    "cnn10-rrtn+fixed_weights=1,1,0": 0.44,
}
SEEDS = (1, 2, 3)


@pytest.fixture
def tree(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_tree(TABLE | VARIED, SEEDS, names=list(TABLE))
    write_asked(list(VARIED), SEEDS)
    Path("variations/toy").mkdir(parents=True)
    for row in VARIED:
        for seed in SEEDS:
            Path(f"runs/toy/{row}-{seed}").rename(f"variations/toy/{row}-{seed}")
    Path("results/toy").mkdir(parents=True)


def write_asked(rows, seeds):
    text = Path("params.yaml").read_text().split("sensitivity:")[0]
    asked = f"sensitivity: {json.dumps({'rows': rows, 'seeds': list(seeds)})}\n"
    Path("params.yaml").write_text(text + asked)


def results():
    readings.main()
    return json.loads(Path("results/toy/readings.json").read_text())


def test_each_reading_is_compared_with_the_row_that_it_changes(tree):
    found = results()
    assert [line["row"] for line in found["readings"]] == list(VARIED)
    for line in found["readings"]:
        assert line["against"] == base(line["row"])
        assert line["difference"] == pytest.approx(line["ccc"] - line["against_ccc"])
        assert line["low"] <= line["difference"] <= line["high"]
        assert line["p"] <= line["p_holm"] <= 1
    pooled, best, _ = found["readings"]
    assert pooled["ccc"] == pytest.approx(0.15, abs=1e-6)
    assert pooled["difference"] == pytest.approx(-0.30, abs=1e-6)
    assert pooled["p"] < 0.05
    assert (pooled["change"], pooled["from"]) == ("ccc_loss pooled", "per_target")
    assert best["ccc"] == pytest.approx(0.46, abs=1e-6)  # the best epoch is 0.01 better
    assert found["covers"] == "seeds and speakers"


def test_controls_are_compared_with_the_row_with_ruwl(tree):
    controls = {line["row"]: line for line in results()["controls"]}
    assert list(controls) == ["cnn10-rrtn", "cnn10-rrtn+fixed_weights=1,1,0"]
    assert {line["against"] for line in controls.values()} == {"cnn10-rrtn-ruwl"}
    assert controls["cnn10-rrtn"]["difference"] == pytest.approx(-0.03, abs=1e-6)


def test_the_text_says_what_a_reading_decides_and_what_was_seen(tree):
    results()
    text = Path("results/toy/readings.md").read_text(encoding="utf-8")
    line = next(line for line in text.splitlines() if "ccc_loss pooled" in line)
    assert "one over the flattened batch: Ĉ lower" in line
    assert "-0.300" in line
    assert "How much of RUWL is the Barlow Twins term" in text


def test_a_p_at_its_floor_is_a_bound_in_the_text(tree):
    pooled = results()["readings"][0]
    assert pooled["p"] == pooled["smallest_p"] == 0.01
    text = Path("results/toy/readings.md").read_text(encoding="utf-8")
    line = next(line for line in text.splitlines() if "ccc_loss pooled" in line)
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    assert cells[6:8] == ["≤ 0.01", "≤ 0.03"]


@pytest.mark.parametrize("seeds", [(1,), (1, 2)])
def test_with_fewer_than_three_seeds_nothing_is_claimed(tree, seeds):
    """However far the interval is from 0: it covers speakers only."""
    write_asked(list(VARIED), seeds)
    found = results()
    pooled = found["readings"][0]
    assert pooled["high"] < 0
    assert {line[key] for line in found["readings"] for key in ("p", "p_holm")} == {None}
    text = Path("results/toy/readings.md").read_text(encoding="utf-8")
    assert "p takes three seeds and 6 dev speakers, so there is none" in text
    assert "The interval covers speakers." in text
    assert "Ĉ lower" not in text
    assert "Ĉ higher" not in text


def test_without_controls_there_is_no_such_table(tree):
    write_asked(list(VARIED)[:2], SEEDS)
    assert results()["controls"] == []
    assert "How much" not in Path("results/toy/readings.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("rows", "seeds", "message"),
    [
        (["cnn14-rrtn+ccc_loss=pooled"], SEEDS, "needs row 'cnn14-rrtn' in table"),
        (list(VARIED), (1, 4), r"needs seeds \[1, 4\] in table"),
    ],
)
def test_what_is_not_in_the_table_is_no_base(tree, rows, seeds, message):
    write_asked(rows, seeds)
    with pytest.raises(ParamsError, match=message):
        readings.main()


def test_a_missing_cell_is_named_with_its_command(tree):
    write_asked(["cnn10-rrtn+epochs=7"], SEEDS)
    with pytest.raises(RunError, match=r"cell cnn10-rrtn\+epochs=7-1"):
        readings.main()
