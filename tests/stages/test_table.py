import json
import math
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from harness.errors import RunError
from harness.evaluation.table import Table
from stages import collect, draw, statistics, table
from tests.fabricated import PAPER, TARGETS, write_params, write_tree

ROOT = Path(__file__).parents[2]


@pytest.fixture
def tree(evaluated, tmp_path, monkeypatch):
    shutil.copytree(evaluated, tmp_path, dirs_exist_ok=True, ignore=lambda *_: ["runs"])
    monkeypatch.chdir(tmp_path)


def written(kind):
    return Path(f"results/toy/table2.{kind}").read_text(encoding="utf-8")


def test_four_files_and_a_printed_table(tree, capsys):
    table.main(["table2"])
    printed = capsys.readouterr().out
    assert all(name in printed for name in PAPER)
    for kind in ("md", "csv", "tex"):
        assert all(name in written(kind) for name in PAPER)
    found = json.loads(written("json"))
    assert [row["row"] for row in found["rows"]] == list(PAPER)
    assert (found["profile"], found["corpus"]) == ("toy", "toy")
    assert (found["selection"], found["seeds"]) == ("last", [1, 2])
    assert (found["ceiling"], found["targets"]) == (0.9, len(TARGETS))


def test_json_repeats_the_statistics_unchanged(tree):
    table.main(["table2"])
    known = json.loads(Path("results/toy/table2/statistics.json").read_text())
    for row in json.loads(written("json"))["rows"]:
        numbers = known[row["row"]]
        for key in ("params", "ccc", "ccc_sd", "ccc_low", "ccc_high"):
            assert row[key] == numbers[key]
        compared = {kind: each for kind, each in numbers["comparisons"].items() if each}
        assert list(row["against"]) == list(compared)
        for kind, gain in row["against"].items():
            assert gain == {key: compared[kind][key] for key in gain}


def test_all_tests_of_all_comparisons_stand_side_by_side(tree):
    table.main(["table2"])
    text = Path("results/toy/table2/significance.md").read_text(encoding="utf-8")
    known = json.loads(Path("results/toy/table2/statistics.json").read_text())
    assert "corpus toy, not hume-vb" in text.splitlines()[2]
    lines = [[c.strip() for c in line.strip("|").split("|")] for line in text.splitlines()]
    rows = [line for line in lines if line[0] in ("local", "global", "ruwl")]
    assert len(rows) == 2 * (6 + 8 + 3)  # p, and intervals
    head = next(line for line in lines if line[0] == "comparison")
    covers = dict(zip(head, next(line for line in lines if line[0] == "covers"), strict=True))
    assert (covers["bootstrap"], covers["sign flip"], covers["fisher z"]) == (
        *("speakers", "seeds", "clips"),
    )
    first = dict(zip(head, rows[0], strict=True))
    compared = known[first["row"]]["comparisons"]["local"]
    assert first["baseline"] == compared["baseline"]
    assert first["fisher z"] == f"{compared['tests']['fisher z']['p']:.3f}"
    assert first["mrmc"] == first["headline"] == first["Holm"] == "–"  # two seeds
    assert first["sign flip"] == "≤ 0.5"
    assert "The smallest p that the sign flip can reach with 2 seeds is 0.5." in text


def test_what_a_gain_takes_is_told_of_each_kind_where_seeds_are_enough(readings):
    text = Path("results/toy/readings/significance.md").read_text(encoding="utf-8")
    known = json.loads(Path("results/toy/readings/power.json").read_text())["kinds"]["paper"]
    section = text.split("## What a gain takes")[1].split("## The tests")[0]
    lines = [[c.strip() for c in line.strip("|").split("|")] for line in section.splitlines()]
    rows = [line for line in lines if line[0] == "paper"]
    seeds = [str(each["seeds"] or "> 1,000") for each in known["needed"]]
    assert [cell for row in rows for cell in row[-3:]] == seeds
    assert [[row[1], row[6]] for row in rows] == [["0.400", "2 %"], ["0.400", "5 %"]]
    head = next(line for line in lines if line[0] == "comparison")
    assert head[-3:] == [f"seeds with {size} speakers" for size in (12, 24, 568)]


SIZES = [(1, 12), (2, 12), (3, 12), (21, 12), (25, 12), (1, 1), (3, 1), (25, 1)]
SIZES += [(1, 2), (2, 2), (3, 2), (3, 3), (2, 6), (3, 5), (3, 6), (21, 30)]


@pytest.mark.parametrize(("seeds", "speakers"), SIZES)
def test_all_that_can_be_computed_is_whatever_the_seeds_and_speakers(
    tmp_path, monkeypatch, capsys, seeds, speakers
):
    """From the cells to the table. What cannot be computed is a dash, and nothing else is lost."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(ROOT / "paper.yaml", tmp_path)
    truth = {"cnn10": 0.3, "cnn10-rrtn": 0.6, "cnn10-rrtn-ruwl": 0.31}
    write_tree(truth, seeds=range(1, seeds + 1), speakers=speakers)
    for stage in (collect, statistics, table):
        stage.main(["table2"])
    for file in Path("results/toy").rglob("*.json"):
        json.loads(file.read_text(encoding="utf-8"), parse_constant=pytest.fail)  # NaN, Infinity
    rows = json.loads(written("json"))["rows"]
    assert [row["ccc"] for row in rows] == pytest.approx(list(truth.values()), abs=1e-6)
    assert [row["against"]["local"]["gain"] for row in rows[1:]] == pytest.approx(
        [100, 10 / 3], abs=1e-3
    )
    assert all((row["ccc_sd"] is None) == (seeds == 1) for row in rows)
    assert all((row["ccc_low"] is None) == (speakers == 1) for row in rows)

    headline = seeds >= 3 and speakers >= 6
    compared = json.loads(Path("results/toy/table2/statistics.json").read_text())["cnn10-rrtn"]
    local = compared["comparisons"]["local"]
    assert (local["low"] is None) == (speakers == 1)
    assert [local[key] is not None for key in ("p", "p_holm", "smallest_p")] == [headline] * 3
    assert local["family"] == (3 if headline else 0)
    assert (local["tests"]["t"]["p"] is None) == (seeds == 1)
    assert (local["tests"]["sign flip"]["p"] is None) == (seeds == 1 or seeds > 20)
    assert local["tests"]["fisher z"]["p"] is not None

    texts = [written("md"), written("tex"), capsys.readouterr().out]
    bound = max(0.03 / seeds, 2 / 2**speakers)
    if headline:  # a gross difference: p is at its floor, in every form
        assert local["p"] == local["smallest_p"] == pytest.approx(bound, rel=1e-5)
        assert all("≤ 0.0" in text.replace(r"$\leq$", "≤").replace("≤0", "≤ 0") for text in texts)
    else:
        assert all("Holm corrects" not in text and "* marks" not in text for text in texts)
        assert "There is no headline" in Path("results/toy/table2/significance.md").read_text(
            "utf-8"
        )
    significance = Path("results/toy/table2/significance.md").read_text("utf-8")
    assert ("## What a gain takes" in significance) == (seeds >= 3 and speakers > 1)
    stars = texts[2].count("*") - texts[2].count("* marks")
    assert (stars > 0) == (headline and 3 * bound <= 0.05)


def test_one_row_has_nothing_to_compare(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copy(ROOT / "paper.yaml", tmp_path)
    write_tree({"cnn10": 0.4}, seeds=(7,))
    for stage in (collect, statistics, table):
        stage.main(["table2"])
    assert "No row is compared" in Path("results/toy/table2/significance.md").read_text(
        encoding="utf-8"
    )


def test_reproduced_beside_printed(tree):
    table.main(["table2"])
    rows = {row["row"]: row for row in json.loads(written("json"))["rows"]}
    row = rows["resnet18-rrtn-ruwl"]
    assert (f"{row['against']['local']['gain']:.1f}", row["paper"]["local_gain"]) == ("3.4", 3.6)
    assert rows["resnet18"]["paper"] == {
        "params_m": 11.18,
        "ccc": 0.613,
        "local_gain": None,
        "global_gain": None,
    }
    assert "**0.678 ± 0.003**" in written("md")
    assert "<u>0.674 ± 0.003</u>" in written("md")


def test_first_line_names_a_corpus_that_is_not_the_papers(tree, capsys):
    table.main(["table2"])
    for text in (written("md"), written("tex"), capsys.readouterr().out):
        assert "corpus toy, not hume-vb" in text.splitlines()[0]
    write_params(list(PAPER), [1, 2], corpus="hume-vb")
    table.main(["table2"])
    assert "Not the paper's data" not in written("md")


def test_settings_that_differ_from_the_paper_reach_the_caption(tree):
    write_params(PAPER, [1, 2], width=0.5, epochs=3)
    table.main(["table2"])
    assert ", with epochs 3 (paper: 60), width 0.5 (paper: 1)." in written("md")


def test_missing_inputs_are_named(tree):
    Path("results/toy/table2/statistics.json").unlink()
    with pytest.raises(RunError, match=r"statistics.json is missing; run `dvc repro statistics`"):
        table.main(["table2"])


def test_a_row_added_since_is_named(tree):
    write_params([*PAPER, "cnn6"], [1, 2])
    with pytest.raises(RunError, match="no row 'cnn6'; run `dvc repro statistics`"):
        table.main(["table2"])


def test_as_a_command_an_error_is_one_line_and_status_1(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "stages.table", "table2"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "rows.yaml is missing" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("stage", "heavy"),
    [
        ("collect", {"torch", "matplotlib", "sklearn"}),
        ("statistics", {"torch", "matplotlib", "sklearn", "pandas", "scipy.stats"}),
        ("table", {"torch", "matplotlib", "sklearn", "pandas", "scipy"}),
    ],
)
def test_light_stages_import_nothing_heavy(stage, heavy):
    code = f"import sys, stages.{stage}; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert not heavy & set(done.stdout.split())


@pytest.fixture
def readings(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copy(ROOT / "paper.yaml", tmp_path)
    paper = {"paper": "table2/cnn10"}
    blocks = {
        "readings/pooled": {"readings": {"ccc_loss": "pooled"}, "against": paper},
        "readings/cnn10": {"readings": {"selection": "best"}, "longer": 1.5, "against": paper},
    }
    truth = {"cnn10": 0.4, "resnet18": 0.3, "readings/pooled": 0.3, "readings/cnn10": 0.41}
    write_tree(truth, (1, 2, 3), blocks=blocks)
    for stage in (collect, statistics, table):
        stage.main(["readings"])


def test_another_family_has_the_same_table_beside_the_rows_that_it_names(readings):
    found = json.loads(Path("results/toy/readings.json").read_text(encoding="utf-8"))
    assert (found["family"], found["kinds"], found["comparisons"]) == ("readings", ["paper"], 2)
    assert [row["row"] for row in found["rows"]] == ["table2/cnn10", "pooled", "cnn10"]
    first, pooled, own = found["rows"]
    assert (first["paper"]["ccc"], own["paper"]) == (0.655, None)  # not the paper's cnn10
    assert (first["against"], pooled["against"]["paper"]["baseline"]) == ({}, "table2/cnn10")
    assert own["reads"] == {"selection": "best", "longer": 1.5}
    assert (found["selection"], first["selection"], own["selection"]) == (None, "last", "best")
    text = Path("results/toy/readings.md").read_text(encoding="utf-8")
    head = [cell.strip() for cell in text.splitlines()[2].strip("|").split("|")]
    assert head == [
        *("row", "reads", "params (M)", "trained (M)", "paper (M)", "Ĉ ± sd", "trend"),
        *("95 % interval", "paper Ĉ", "paper gain (%)", "p (paper)", "Holm (paper)"),
        "detects (paper)",
    ]
    assert "The family readings on the corpus toy with 3 seeds" in text
    assert "Gains are relative, in percent, from unrounded Ĉ: paper over table2/cnn10." in text
    assert "In the row cnn10 it is of each cell's best epoch" in text
    assert "ccc_loss pooled" in text
    assert "Rows that begin with table2/ are those of Table 2" in text


def test_the_pictures_are_drawn_from_the_history_and_the_table(readings):
    draw.main(["readings"])
    folder = Path("results/toy/readings")
    text = {name: (folder / f"{name}.svg").read_text("utf-8") for name in ("curves", "forest")}
    assert "pooled  over table2/cnn10" in text["forest"]
    assert all(f">{row}</text>" in text["curves"] for row in ("table2/cnn10", "pooled", "cnn10"))
    Path("results/toy/readings.json").unlink()
    with pytest.raises(RunError, match=r"readings.json is missing; run `dvc repro families/dvc.ya"):
        draw.main(["readings"])


def test_a_table_that_is_written_is_read_back_the_same(readings):
    text = Path("results/toy/readings.json").read_text(encoding="utf-8")
    again = Table.model_validate_json(text)
    assert json.dumps(again.model_dump(), indent=2, ensure_ascii=False) + "\n" == text


def test_a_family_that_weighs_emotions_has_the_worst_one_and_the_weights_in_every_form(
    tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    shutil.copy(ROOT / "paper.yaml", tmp_path)
    one = {"views": ["clean"], "terms": ["ccc"], "against": {"fixed": "table2/cnn10"}}
    blocks = {"mine/chae": {**one, "emotions": "chae"}}
    write_tree({"cnn10": 0.4, "mine/chae": 0.3}, (1, 2, 3), blocks=blocks)
    for seed in (1, 2, 3):
        history = Path(f"runs/toy/mine/chae/{seed}/history.csv")
        weights = "".join(f",weight_{target}" for target in TARGETS)
        history.write_text(f"epoch,weight_ccc{weights}\n3,1,1,1,0\n")
    for stage in (collect, statistics, table, draw):
        stage.main(["mine"])
    first, chae = json.loads(Path("results/toy/mine.json").read_text(encoding="utf-8"))["rows"]
    assert (first["weighed"]["entropy"], first["weighed"]["worst_ccc"]) == (
        None,
        pytest.approx(0.4),
    )
    assert chae["weighed"]["entropy"] == pytest.approx(math.log(2) / math.log(3))
    assert chae["weighed"]["worst"] in TARGETS
    for kind in ("md", "tex", "csv"):
        text = Path(f"results/toy/mine.{kind}").read_text(encoding="utf-8")
        assert "entropy" in text
        assert "0.63" in text
    assert "with 0 all weight is on one loss" in Path("results/toy/mine.md").read_text("utf-8")
    drawn = Path("results/toy/mine/weights.svg").read_text(encoding="utf-8")
    assert all(f">{text}<" in drawn for text in ("chae", *TARGETS))
    assert "CCC, clean view" not in drawn  # the only term: its weight moves nothing
