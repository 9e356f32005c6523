"""harness check against a base: what repeats, what is another machine's, and what was changed."""

import json
import shutil
from pathlib import Path

import pytest

from harness.cli import main
from tests.verdict import small

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:dvc")  # of DVC itself


def check(capsys, *arguments):
    """Exit status, last line, and the JSON report; the Markdown one is in out/check.md."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        main(["check", *arguments, "--json", "out/check.json", "--md", "out/check.md"])
    last = capsys.readouterr().out.splitlines()[-1]
    return ended.value.code, last, json.loads(Path("out/check.json").read_text())


def verdicts(report):
    return {(c["row"], c["metric"]): c["verdict"] for c in report["profiles"][0]["cells"]}


def test_a_fresh_clone_that_ran_everything_reproduces(clone, capsys):
    small.reproduce()
    status, last, report = check(capsys)
    assert small.git(clone, "status", "--porcelain", "--untracked-files=no") == ""
    assert (status, report["word"], report["base"]) == (0, "REPRODUCED", "HEAD")
    numbers = "REPRODUCED: 6 of 6 numbers are those of HEAD, bit for bit"
    assert last == f"{numbers}; the cells of 2 of 2 rows byte for byte"


def test_a_clone_that_ran_nothing_reproduces_nothing(clone, capsys):
    status, last, report = check(capsys)
    assert (status, report["word"], report["profiles"][0]["made"]) == (0, "UNCHANGED", False)
    numbers = "6 of 6 numbers are those of HEAD, bit for bit"
    assert last == f"UNCHANGED: read and not made here (small): {numbers}"


def test_only_the_profile_that_was_run_is_reproduced(clone, capsys):
    small.write(Path("results/other"), small.results(corpus="other"))
    small.commit(clone, "Add results of another machine")
    assert check(capsys)[2]["word"] == "UNCHANGED"
    small.reproduce()
    status, last, report = check(capsys)
    assert (status, report["word"]) == (0, "REPRODUCED")
    numbers = "6 of 6 numbers are those of HEAD, bit for bit"
    read = f"read and not made here (other): {numbers}"
    assert last == f"REPRODUCED: {numbers}; the cells of 2 of 2 rows byte for byte; {read}"
    assert {one["profile"]: one["made"] for one in report["profiles"]} == {
        "small": True,
        "other": False,
    }


def test_a_profile_that_lacks_a_cell_is_not_reproduced(clone, capsys):
    small.reproduce()
    shutil.rmtree("runs/small/table2/cnn10/2")
    assert check(capsys)[2]["word"] == "UNCHANGED"


def test_another_arithmetic_is_within_tolerance_and_stales_nothing(clone, capsys):
    small.reproduce(scores={"cnn10": 0.5 + 1e-9, "cnn10-rrtn": 0.612})
    status, last, report = check(capsys)
    assert (status, report["word"], report["stale"]) == (0, "WITHIN TOLERANCE", {})
    assert verdicts(report)["cnn10", "ccc"] == "OK"
    assert verdicts(report)["cnn10-rrtn", "ccc"] == "OKish"
    assert report["profiles"][0]["trained"] == {"same": 0, "of": 2}
    assert last.startswith("WITHIN TOLERANCE: ")
    # both counts of parameters
    assert "2 bit for bit; the cells of 0 of 2 rows byte for byte" in last


def test_equal_numbers_of_unequal_files_are_no_repetition(clone, capsys):
    small.replace("table2/scores.csv", "Awe,0.4", "Awe,0.3")
    small.reproduce()
    small.commit(clone, "Score another target lower")
    status, last, report = check(capsys, "--against", "HEAD~1")
    assert (status, report["word"]) == (0, "WITHIN TOLERANCE")
    assert "6 bit for bit" in last
    remark = "these numbers are equal, but others in the result files are not"
    assert remark in Path("out/check.md").read_text()


EDITS = {  # what differs, and the name of it that is said
    "a parameter": (("rows.yaml", *small.LONGER), "rows.yaml: table2.cnn10-rrtn.longer modified"),
    "a line of code": (("train.sh", "echo", "echo "), "train.sh changed"),
    "a number": (("results/small/table2/metrics.json", "0.6", "0.6001"), "metrics.json changed"),
}


@pytest.mark.parametrize("edit", EDITS)
def test_one_edit_fails_with_its_name(clone, capsys, edit):
    change, name = EDITS[edit]
    small.replace(*change)
    status, last, report = check(capsys)
    assert (status, report["word"]) == (1, "FAILS")
    assert last.startswith("FAILS: ")
    assert any(name in reason for reasons in report["stale"].values() for reason in reasons)
    assert verdicts(report)["cnn10-rrtn", "ccc"] == "STALE"


def without_the_second_row():
    text = Path("rows.yaml").read_text()
    start, end = text.index("  cnn10-rrtn:"), text.index("rows:")
    Path("rows.yaml").write_text(text[:start] + text[end:])
    small.write(Path(), small.results({"cnn10": 0.5}))


def with_a_third_row():
    mine = "  cnn10-mine: {encoder: cnn10, against: {local: cnn10, global: cnn10}}\n"
    small.replace("rows.yaml", "rows:", f"{mine}rows:")
    small.write(Path(), small.results(small.CCC | {"cnn10-mine": 0.4}))


@pytest.mark.parametrize(
    ("change", "row"), [(without_the_second_row, "cnn10-rrtn"), (with_a_third_row, "cnn10-mine")]
)
def test_a_row_that_is_new_or_gone_with_its_parameters_is_changed(full, capsys, change, row):
    """Run in a copy with data: the cells of a row that left the table still lie in runs/."""
    change()
    small.reproduce()
    status, _, report = check(capsys)
    assert (status, report["word"], report["stale"]) == (0, "WITHIN TOLERANCE", {})
    changed = {cell for cell, verdict in verdicts(report).items() if verdict == "CHANGED"}
    assert changed == {(row, metric) for metric in small.METRICS}
    assert check(capsys, "--strict")[0] == 1


@pytest.fixture
def readings(full):
    """A second family, of which Table 2 knows nothing, run and committed."""
    small.add_readings()
    small.reproduce("families/dvc.yaml:table@readings")
    small.commit(full, "Try readings")
    return full


def test_every_family_that_has_results_is_judged(readings, capsys):
    status, last, report = check(capsys)
    assert (status, report["word"]) == (0, "REPRODUCED")
    assert [(one["profile"], one["family"]) for one in report["profiles"]] == [
        ("small", "table2"),
        ("small", "readings"),
    ]
    assert all(one["made"] for one in report["profiles"])  # beside Table 2's rows, its own
    found = {(c["row"], c["metric"]): c["verdict"] for c in report["profiles"][1]["cells"]}
    metrics = ("ccc", "paper_gain", "params")
    assert found == {(row, metric): "OK" for row in ("one", "two") for metric in metrics}
    assert "12 of 12 numbers" in last
    assert "4 of 4 rows byte for byte" in last
    said = Path("out/check.md").read_text()
    assert "small/readings against results/small/readings of HEAD: 6 OK" in said
    assert said.count("`make family F=readings`") == 2  # of each row


def test_a_row_of_a_family_is_changed_with_its_own_block_alone(readings, capsys):
    for row, verdict, expected in (("one", "CHANGED", 0), ("two", "LOW", 1)):
        small.replace("rows.yaml", "longer: 3", "longer: 5")
        table = "families/dvc.yaml:table@readings"
        small.reproduce(table, there=small.readings(**{row: 0.3}))
        status, _, report = check(capsys)
        cells = {(c["row"], c["metric"]): c["verdict"] for c in report["profiles"][1]["cells"]}
        assert (status, cells[row, "ccc"], cells[row, "paper_gain"]) == (expected, verdict, verdict)
        assert report["stale"] == {}
        small.git(readings, "checkout", "--quiet", ".")


def test_a_familys_gain_is_changed_with_the_row_of_table_2(readings, capsys):
    small.replace("rows.yaml", *small.BASELINE)
    scores = small.CCC | {"cnn10": 0.45}
    small.write(Path(), small.results(scores))
    small.write(Path(), small.readings(**{"table2/cnn10": 0.45}))
    small.reproduce("table", "families/dvc.yaml:table@readings")
    status, _, report = check(capsys)
    cells = {(c["row"], c["metric"]): c["verdict"] for c in report["profiles"][1]["cells"]}
    assert (status, cells["one", "paper_gain"], cells["one", "ccc"]) == (0, "CHANGED", "OK")


def test_a_family_of_another_machines_features_is_told_once_and_passes(readings, capsys):
    small.reproduce(scores=small.CCC)
    status, last, report = check(capsys)
    assert (status, report["word"], report["stale"]) == (0, "REPRODUCED", {})
    assert "2 of 4 rows byte for byte" in last
    said = Path("out/check.md").read_text()
    assert said.count("features/small was remade") == 1
    assert "; families/dvc.yaml:train (2 rows)" in said


def test_an_old_family_marks_no_row_of_table_2_and_is_mended_by_its_own_command(readings, capsys):
    small.replace("features.sh", "sound", "tone")
    small.reproduce()
    status, _, report = check(capsys)
    assert "STALE" not in verdicts(report).values()
    own = {(c["row"], c["verdict"]) for c in report["profiles"][1]["cells"]}
    assert own == {("one", "STALE"), ("two", "STALE")}
    stale = {f"families/dvc.yaml:train@readings/{row}" for row in ("one", "two")}
    assert status == 1  # the family's table is there, and of other features
    assert stale <= set(report["stale"])
    said = Path("out/check.md").read_text()
    assert "STALE; run `make family F=readings`" in said
    assert "run `make repro`" not in said
    shutil.rmtree("results/small/readings")
    Path("results/small/readings.json").unlink()
    status, _, report = check(capsys, "--stale-only")
    assert status == 0
    assert stale < set(report["stale"])


def test_the_paper_moves_with_no_parameters(clone, capsys):
    """Its corpus is judged by what is printed, whatever changed here."""
    folder, ccc = Path("results/hume-vb"), {"resnet18": 0.3}
    for scale in (1, 2):
        small.write(folder, small.results(ccc, corpus="hume-vb"))
        text = f"profile: hume-vb\nscale: {scale}\n"
        small.write(Path("profiles"), {"hume-vb.yaml": text})
        small.commit(clone, f"Scale {scale}")
    status, _, report = check(capsys, "--against", "HEAD~1", "--profile", "hume-vb")
    assert status == 1
    assert verdicts(report)["resnet18", "ccc"] == "LOW"


def test_results_without_a_lock_are_changed_with_the_parameters_of_their_profile(clone, capsys):
    """dvc.lock is of one profile; the results of the others are compared by their own files."""
    for number, rate in ((0.6, 1), (0.4, 2), (0.2, 2)):
        scores = small.CCC | {"cnn10-rrtn": number}
        small.write(Path("results/other"), small.results(scores, corpus="other"))
        text = small.PARAMS.replace("profile: small", "profile: other") + f"train: {{rate: {rate}}}"
        small.write(Path("profiles"), {"other.yaml": text})
        small.commit(clone, f"Score {number}")
    honest = check(capsys, "--against", "HEAD~2", "--profile", "other")
    assert (honest[0], verdicts(honest[2])["cnn10-rrtn", "ccc"]) == (0, "CHANGED")
    assert "of another profile" in honest[2]["profiles"][0]["trained"]
    drift = check(capsys, "--against", "HEAD~1", "--profile", "other")
    assert (drift[0], verdicts(drift[2])["cnn10-rrtn", "ccc"]) == (1, "LOW")
    new = check(capsys, "--against", "HEAD~3", "--profile", "other")
    assert (new[0], set(verdicts(new[2]).values())) == (0, {"CHANGED"})


def test_a_base_without_a_lock_tells_of_parameters_and_of_no_cells(clone, capsys):
    Path("dvc.lock").unlink()
    small.commit(clone, "Lose the lock")
    small.reproduce(scores=small.CCC | {"cnn10-rrtn": 0.4})
    status, _, report = check(capsys)
    assert (status, verdicts(report)["cnn10-rrtn", "ccc"]) == (1, "LOW")
    assert "dvc.lock is missing in HEAD" in report["profiles"][0]["trained"]
    small.replace("rows.yaml", *small.LONGER)
    small.reproduce(scores=small.CCC | {"cnn10-rrtn": 0.4})
    status, _, report = check(capsys)
    assert (status, verdicts(report)["cnn10-rrtn", "ccc"]) == (0, "CHANGED")


def test_a_gain_over_another_baseline_is_changed(clone, capsys):
    """The block of a row names what it is compared with."""
    small.replace("rows.yaml", "against: {local: cnn10, global: cnn10}", "against: {local: cnn10}")
    small.replace("rows.yaml", "longer: 1}", "longer: 1, against: {global: cnn10-rrtn}}")
    against = {"cnn10": {"global": "cnn10-rrtn"}, "cnn10-rrtn": {"local": "cnn10"}}
    small.write(Path(), small.results(against=against))
    small.reproduce()
    status, _, report = check(capsys)
    found = verdicts(report)
    assert (status, found["cnn10", "global_gain"]) == (0, "CHANGED")
    assert found["cnn10-rrtn", "global_gain"] == "CHANGED"  # gone
    assert (found["cnn10", "ccc"], found["cnn10-rrtn", "ccc"]) == ("OK", "OK")


def test_a_family_that_was_never_run_is_told_so_and_fails_nothing(full, capsys):
    small.add_readings()
    small.reproduce()
    with pytest.raises(SystemExit) as ended:
        main(["check"])
    shown = capsys.readouterr().out
    assert ended.value.code == 0
    assert "Stages of readings: not run; `make family F=readings` makes its table." in shown
    assert "STALE" not in shown
