"""What is committed says the same everywhere: README, tables and their JSON."""

import json
import re
from pathlib import Path

import pytest

from harness.evaluation import floors
from harness.evaluation.rendering import comma_separated, latex, markdown
from harness.evaluation.significance_table import significance_table
from harness.evaluation.table import Table
from harness.extras.bench import report as bench
from harness.extras.simulation import pooling
from harness.extras.simulation.report import fewest

ROOT = Path(__file__).parents[1]
STATISTICS = sorted(ROOT.glob("results/*/*/statistics.json"))  # of a profile and a family
TABLES = [path.parent.with_suffix(".json") for path in STATISTICS]
TABLE2 = [path for path in TABLES if path.stem == "table2"]


def name(path):
    return f"{path.parent.name}-{path.stem}"


def read(path):
    return Table.model_validate_json(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", TABLES, ids=name)
@pytest.mark.parametrize(
    ("kind", "render"), [("md", markdown), ("csv", comma_separated), ("tex", latex)]
)
def test_a_committed_table_is_its_json_rendered(path, kind, render):
    assert path.with_suffix(f".{kind}").read_text(encoding="utf-8") == render(read(path))


@pytest.mark.parametrize("path", TABLES, ids=name)
def test_committed_tests_of_significance_are_their_json_rendered(path):
    folder = path.with_suffix("")
    statistics = json.loads((folder / "statistics.json").read_text(encoding="utf-8"))
    text = (folder / "significance.md").read_text(encoding="utf-8")
    power = folder / "power.json"
    found = json.loads(power.read_text(encoding="utf-8")) if power.is_file() else None
    assert text == significance_table(statistics, read(path), found)


@pytest.mark.parametrize("path", TABLES, ids=name)
def test_a_committed_table_has_seeds_that_differ(path):
    assert len(read(path).seeds) >= 2


@pytest.mark.parametrize("path", TABLES, ids=name)
def test_a_committed_row_of_table_2_is_the_same_wherever_it_stands(path):
    """On the same seeds: a family is compared with the committed table's own cells."""
    own = read(path.with_name("table2.json"))
    scores = {f"table2/{row.row}": row.ccc for row in own.rows}
    for row in read(path).rows:
        if row.row.startswith("table2/") and read(path).seeds == own.seeds:
            assert row.ccc == pytest.approx(scores[row.row], abs=1e-6)


def test_default_rows_learn_and_stay_under_the_ceiling():
    table = json.loads((ROOT / "results/synthetic/table2.json").read_text(encoding="utf-8"))
    assert all(0.2 < row["ccc"] < table["ceiling"] for row in table["rows"])


def test_every_row_on_real_bursts_beats_a_linear_model():
    """Ridge on 130 log-mel and prosody statistics, by speaker: mean CCC 0.157 on EmoGator."""
    table = json.loads((ROOT / "results/emogator/table2.json").read_text(encoding="utf-8"))
    assert table["corpus"] == "emogator"
    assert all(row["ccc"] > 0.157 for row in table["rows"])


def test_the_readme_counts_what_the_audit_found():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    audit = (ROOT / "results/paper/audit.md").read_text(encoding="utf-8")
    line = next(line for line in audit.splitlines() if line.startswith("| All "))
    _, checked, holds, *rest = [int(cell) for cell in line.split("|")[2:-1]]
    _, table = audit.split("| what does not simply hold hangs on ", 1)
    lines = [line.split("|") for line in table.split("\n\n")[0].splitlines()[2:]]
    causes = [(line[1].strip(), line[2].strip()) for line in lines]
    faults, conditions = (
        [cause for cause, verdict in causes if verdict == wanted]
        for wanted in ("fails", "possible only if")
    )
    assert len(causes) == 6
    assert f"of {checked} numbers that can be checked, {holds} hold" in readme
    assert f"The other {sum(rest)} hang on six causes" in readme
    assert f"{len(faults)} faults ({', '.join(faults)})" in readme
    assert f"{len(conditions)} conditions ({', '.join(conditions)})" in readme


def test_the_readme_names_the_weighting_rules_whose_intervals_leave_out_0():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    line = next(line for line in readme.splitlines() if line.startswith("- **Loss weighting**"))
    terms, _, emotions = line.partition("Over the ten emotions")
    table = json.loads((ROOT / "results/synthetic/weighting.json").read_text(encoding="utf-8"))
    gains = {row["row"]: row["against"].get("fixed") for row in table["rows"]}
    for kind, text in (("terms-", terms), ("emotions-", emotions)):
        own = {name: gain for name, gain in gains.items() if gain and name.startswith(kind)}
        away = {n for n, g in own.items() if g["gain_low"] > 0 or g["gain_high"] < 0}
        assert set(re.findall(r"`([a-z-]+)`", text)) == {n.removeprefix(kind) for n in away}
    told = [gain["p_holm"] for row in table["rows"] for gain in row["against"].values()]
    assert min(told) > 0.05
    assert table["smallest_p"] * table["comparisons"] > 0.05


def test_the_committed_bench_is_its_json_rendered_and_its_goals_stand_in_the_readme():
    sections = json.loads((ROOT / "results/bench/bench.json").read_text(encoding="utf-8"))
    text = (ROOT / "results/bench/bench.md").read_text(encoding="utf-8")
    assert text == bench.markdown(sections)
    goals = text.split("\n\n")[1]
    assert goals.startswith("| goal ")
    assert goals in (ROOT / "README.md").read_text(encoding="utf-8")


def simulated():
    text = (ROOT / "results/simulation/simulation.json").read_text(encoding="utf-8")
    return json.loads(text)


def test_the_headline_keeps_its_level_and_coverage_where_the_truth_is_known():
    """From 3 seeds and 30 speakers up: false positives 4 to 6 %, coverage 93 to 97 %."""
    found = simulated()
    assert found["draws"] >= 2000
    headline = [
        each for each in found["settings"] if each["test"] == "headline" and each["speakers"] >= 30
    ]
    assert {each["speakers"] for each in headline} == {30, 60, 568}
    assert {each["seeds"] for each in headline} == {3, 5, 8}
    assert {each["gain"] == 0 for each in headline} == {True, False}
    for each in headline:
        assert 0.93 <= each["covered"] <= 0.97
        assert each["gain"] != 0 or 0.04 <= each["rejected"] <= 0.06


def test_the_headline_keeps_its_level_whatever_rows_vary_how_much_and_pooling_does_not():
    content = json.loads((ROOT / "results/simulation/pooling.json").read_text(encoding="utf-8"))
    text = (ROOT / "results/simulation/pooling.md").read_text(encoding="utf-8")
    assert text == pooling.markdown(content)
    rates = {test: [] for test in pooling.TESTS}
    for each in content["settings"]:
        rates[each["test"]].append(each["false_positives"])
    assert all(0.04 <= rate <= 0.06 for rate in rates["its pair"])
    for test in ("its encoder", "the table", "shrunk", "the larger"):
        assert max(rates[test]) > 0.08


def test_the_readme_says_what_the_simulation_found():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    null = [each for each in simulated()["settings"] if each["gain"] == 0]

    def right(test, speakers, seeds=range(3, 9)):
        """Least and most often, in %, that a test sees no difference where there is none."""
        some = [s for s in null if s["test"] == test and s["seeds"] in seeds]
        rates = [100 * (1 - s["rejected"]) for s in some if s["speakers"] in speakers]
        return min(rates), max(rates)

    large = range(30, 569)
    for part in (
        "{:.1f} to {:.1f} % of them from three seeds".format(*right("headline", large)),
        "{:.1f} to {:.1f} % with 6 to 20 speakers".format(*right("headline", range(6, 21))),
        "a bootstrap over speakers alone in as little as {:.0f} %".format(
            *right("bootstrap", large)
        ),
        "Fisher's z on clips in {:.0f} %".format(*right("fisher z", large)),
        "in {1:.0f} to {0:.0f} % of them. So".format(
            *(100 - each for each in right("bootstrap", range(2, 9), seeds=[1]))
        ),
    ):
        assert part in readme


def test_a_p_is_told_from_the_speakers_on_that_the_simulation_finds_enough():
    enough = fewest(simulated()["settings"])
    enough["mrmc"] = enough.pop("headline")
    assert enough == floors.FEWEST


def test_the_headline_that_is_told_of_few_speakers_is_calibrated():
    """Below 30 speakers a true null still gives p of at most 5 % in no more than 7 %."""
    told = [
        each
        for each in simulated()["settings"]
        if (each["test"], each["gain"]) == ("headline", 0)
        and each["speakers"] >= floors.FEWEST["mrmc"]
    ]
    assert {each["speakers"] for each in told} == {6, 8, 12, 20, 30, 60, 568}
    assert max(each["rejected"] for each in told) <= 0.07
