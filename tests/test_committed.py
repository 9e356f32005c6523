"""What is committed says the same everywhere: README, tables and their JSON."""

import json
from pathlib import Path

import pytest

from harness.evaluation.rendering import comma_separated, latex, markdown

ROOT = Path(__file__).parents[1]
TABLES = sorted(ROOT.glob("results/*/table2.json"))


@pytest.mark.parametrize("path", TABLES, ids=lambda path: path.parent.name)
@pytest.mark.parametrize(
    ("kind", "render"), [("md", markdown), ("csv", comma_separated), ("tex", latex)]
)
def test_a_committed_table_is_its_json_rendered(path, kind, render):
    table = json.loads(path.read_text(encoding="utf-8"))
    assert path.with_suffix(f".{kind}").read_text(encoding="utf-8") == render(table)


@pytest.mark.parametrize("path", TABLES, ids=lambda path: path.parent.name)
def test_a_committed_table_has_nine_rows_and_at_least_three_seeds(path):
    table = json.loads(path.read_text(encoding="utf-8"))
    assert len(table["rows"]) == 9
    assert len(table["seeds"]) >= 3


def test_the_readme_shows_the_committed_table():
    table = json.loads((ROOT / "results/synthetic/table2.json").read_text(encoding="utf-8"))
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for row in table["rows"]:
        assert f"| {row['row']} | {row['ccc']:.3f} ± {row['ccc_sd']:.3f} |" in readme


def test_default_rows_learn_and_stay_under_the_ceiling():
    table = json.loads((ROOT / "results/synthetic/table2.json").read_text(encoding="utf-8"))
    assert all(0.2 < row["ccc"] < table["ceiling"] for row in table["rows"])


def test_every_row_on_real_bursts_beats_a_linear_model():
    """Ridge on 130 log-mel and prosody statistics, by speaker: mean CCC 0.157 on EmoGator."""
    table = json.loads((ROOT / "results/emogator/table2.json").read_text(encoding="utf-8"))
    assert table["corpus"] == "emogator"
    assert all(row["ccc"] > 0.157 for row in table["rows"])
