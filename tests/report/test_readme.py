"""README's blocks are those of the results, and of nothing else."""

import json
import re
from pathlib import Path

import pytest

from harness.errors import RunError
from harness.report.readme import BLOCK, filled

ROOT = Path(__file__).parents[2]


def row(name, **against):
    return {"row": name, "ccc": 0.4, "against": against}


def gain(value, low=None, high=None, p_holm=None, detects=None):
    return {
        "gain": value,
        "gain_low": low,
        "gain_high": high,
        "p_holm": p_holm,
        "detects_gain": detects,
    }


@pytest.fixture
def results(tmp_path):
    rows = [
        row("resnet18-rrtn", local=gain(-19.54, -26.35, -12.73, 0.04, 9.5)),
        row("cnn10-rrtn", local=gain(1.0)),
        row("cnn14-rrtn-ruwl", ruwl=gain(3.0, -1, 7, 1.0, 6.2)),
    ]
    about = {"corpus": "toy", "speakers": 9, "seeds": [1, 2], "arithmetic": ["portable float32"]}
    settings = {"width": [0.5, 1], "epochs": [8.0, 60.0]}
    folder = tmp_path / "toy"
    folder.mkdir()
    content = {**about, "settings": settings, "rows": rows}
    (folder / "table2.json").write_text(json.dumps(content))
    return tmp_path


def block(name, content=""):
    return f"before\n<!-- begin {name} -->\n{content}<!-- end -->\nafter\n"


def test_a_gain_stands_with_its_interval_and_what_the_design_detects(results):
    found = filled(block("gains/toy", "old\n"), results)
    lines = {cells[1]: cells[2:5] for cells in map(cells_of, found.splitlines()) if len(cells) > 4}
    first = ["**-19.5 [-26.4, -12.7] (10)**", "+1.0", "–"]
    assert lines["RRTN over the encoder alone"] == first
    assert lines["RUWL over fixed weights"] == ["–", "–", "+3.0 [-1.0, 7.0] (6)"]
    assert "old" not in found
    assert found.startswith("before\n")
    assert found.endswith("-->\nafter\n")


def test_a_family_that_was_not_run_leaves_its_lines_out(results):
    assert "SpecAugment" not in filled(block("gains/toy"), results)


def test_the_run_is_told_in_a_sentence(results):
    assert "9 dev speakers, 2 seeds, width 0.5, 8 epochs" in filled(block("facts/toy"), results)


@pytest.mark.parametrize("name", ["gains/nobody", "losses/toy", "gains"])
def test_a_block_of_nothing_known_is_one_line_that_names_it(results, name):
    with pytest.raises(RunError, match=f"no block is called '{re.escape(name)}'"):
        filled(block(name), results)


@pytest.mark.committed
def test_readme_has_the_numbers_of_the_committed_results(monkeypatch):
    monkeypatch.chdir(ROOT)
    text = Path("README.md").read_text(encoding="utf-8")
    assert BLOCK.search(text)
    assert filled(text, Path("results")) == text, "run `harness readme`"


def cells_of(line):
    return [cell.strip() for cell in line.split("|")]


def test_what_needs_no_network_stands_beside_the_highest_score_where_it_was_made(results):
    assert "ridge" not in filled(block("facts/toy"), results)
    (results / "toy" / "floors.json").write_text(
        json.dumps({"rows": [row("table2/resnet18"), {**row("ridge"), "ccc": 0.3216}]})
    )
    found = filled(block("facts/toy"), results)
    assert "A ridge on statistics of the log-mel: 0.322." in found
    assert "Trees" not in found


def test_a_system_has_a_line_that_counts_what_passes_holm(results):
    def compared(p, gained):
        return gain(gained, p_holm=p)

    rows = [
        row("table2/cnn10"),
        row("a", vanilla=compared(0.01, 3.0), rrtn=compared(0.05, -2.0)),
        row("b", vanilla=compared(0.2, 9.0), rrtn=compared(None, 1.0)),
    ]
    (results / "toy" / "controls.json").write_text(json.dumps({"rows": rows}))
    (results / "toy" / "readings.json").write_text(json.dumps({"rows": [row("c", own=gain(1.0))]}))
    found = filled(block("systems/toy"), results)
    line = next(line for line in found.splitlines() if "#controls" in line)
    assert "[2 rows](" in line
    assert "3 comparisons: 1 ahead, 1 behind, 1 open" in line
    assert "not run yet" in next(line for line in found.splitlines() if "#quaternions" in line)
    readings = next(line for line in found.splitlines() if "#readings" in line)
    assert "1 comparisons without a p" in readings
