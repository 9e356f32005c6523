"""harness diff on a real git repository: params, Ĉ and verdicts of two revisions."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from dvc.repo import Repo

from harness.cli import main
from harness.verdict.recipes import flat
from tests.verdict import small

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:dvc")  # of DVC itself


@pytest.fixture
def branch(full):
    """A second commit: another scale, and a row that scores lower; run anew."""
    small.replace("rows.yaml", *small.LONGER)
    small.write(full, small.results(small.CCC | {"cnn10-rrtn": 0.4}))
    with Repo(".") as repo:
        repo.reproduce()
    small.commit(full, "Train twice as long")
    return full


def found(*arguments):
    main(["diff", *arguments, "--json", "out/diff.json"])
    return json.loads(Path("out/diff.json").read_text())["changes"]


def of(changes, kind):
    return [change for change in changes if change["kind"] == kind]


def test_only_changed_params_and_every_score_with_verdicts(branch):
    changes = found("HEAD~1", "HEAD")
    (param,) = of(changes, "param")
    assert (param["place"], param["key"]) == ("rows.yaml", "table2.cnn10-rrtn.longer")
    assert (param["old"], param["new"]) == (1, 2)
    metrics = {change["key"]: change for change in of(changes, "metric")}
    assert set(metrics) == set(small.CCC)
    assert metrics["cnn10"]["difference"] == 0
    assert metrics["cnn10-rrtn"]["difference"] == pytest.approx(-0.2)
    judged = {key: (one["old_verdict"], one["new_verdict"]) for key, one in metrics.items()}
    assert judged == {"cnn10": ("OK", "OK"), "cnn10-rrtn": ("OK", "CHANGED")}


def test_dvcs_own_diff_with_targets_prints_nothing_where_this_prints_all(branch):
    """The trap: after --targets, both revisions are taken for targets."""
    arguments = ["params", "diff", "--targets", "rows.yaml", "HEAD~1", "HEAD"]
    command = [sys.executable, "-m", "dvc", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "longer" not in done.stdout
    assert len(of(found("HEAD~1", "HEAD"), "param")) == 1


def test_the_second_side_is_the_working_tree_unless_named(branch):
    small.replace("rows.yaml", "longer: 2", "longer: 3")
    (param,) = of(found("HEAD"), "param")
    assert (param["old"], param["new"]) == (2, 3)
    assert of(found("HEAD", "HEAD"), "param") == []
    metrics = {one["key"]: one["new_verdict"] for one in of(found("HEAD"), "metric")}
    assert metrics == {"cnn10": "OK", "cnn10-rrtn": "STALE"}


def test_a_revision_whose_results_are_not_of_its_params_is_stale_there(branch):
    small.git(branch, "checkout", "--quiet", "HEAD~1", "--", "rows.yaml")
    small.commit(branch, "Forget to run it again")
    metrics = {one["key"]: one for one in of(found("HEAD", "HEAD~1"), "metric")}
    assert metrics["cnn10-rrtn"]["old_verdict"] == "STALE"
    assert metrics["cnn10"]["old_verdict"] == "OK"
    assert metrics["cnn10-rrtn"]["new_verdict"] == "OK"


def test_rows_and_profiles_on_one_side_only_are_shown(branch):
    small.write(Path("results/other"), small.results({"cnn10": 0.5}))
    other = [one for one in of(found("HEAD"), "metric") if one["place"] == "other"]
    assert [(one["key"], one["old"], one["new"]) for one in other] == [("cnn10", None, 0.5)]
    Path("results/small/table2/metrics.json").unlink()
    gone = [one for one in of(found("HEAD"), "metric") if one["place"] == "small"]
    assert {one["key"]: one["new"] for one in gone} == dict.fromkeys(small.CCC)
    assert {one["new_verdict"] for one in gone} == {"MISSING"}


def test_profiles_and_tolerances_are_parameters_too(branch):
    small.write(Path("profiles/readings"), {"paper.yaml": "epochs: 60\n"})
    small.write(Path("profiles"), {"emogator.yaml": "profile: emogator\n"})
    text = Path("tolerances.yaml").read_text()
    Path("tolerances.yaml").write_text(text.replace("seeds: 3", "seeds: 4"))
    keys = {(one["place"], one["key"]) for one in of(found("HEAD"), "param")}
    assert keys == {
        ("profiles/readings/paper.yaml", "epochs"),
        ("profiles/emogator.yaml", "profile"),
        ("tolerances.yaml", "spread.seeds"),
    }


def test_results_that_cannot_be_read_are_said_and_are_no_pass(branch, capsys):
    Path("results/small/table2/scores.csv").unlink()
    metrics = of(found("HEAD"), "metric")
    assert {one["new_verdict"] for one in metrics} == {"MISSING"}
    assert "working tree: results/small/table2/scores.csv is missing" in capsys.readouterr().out


def test_one_table_for_a_review(branch, capsys):
    main(["diff", "HEAD~1", "--md", "out/diff.md"])
    plain, markdown = capsys.readouterr().out, Path("out/diff.md").read_text()
    assert markdown.count("\n|-") == 1
    assert "| rows.yaml | table2.cnn10-rrtn.longer |" in markdown
    assert "Ĉ cnn10-rrtn" in markdown
    assert "-0.2000" in markdown
    for text in (plain, markdown):
        assert "1 parameter differs between HEAD~1 and working tree" in text
        assert "CHANGED" in text


@pytest.mark.parametrize(
    "arguments", [(), ("nowhere",), ("HEAD", "nowhere"), ("HEAD:params.yaml",)]
)
def test_what_is_no_revision_is_exit_status_2(branch, arguments):
    with pytest.raises(SystemExit) as ended:
        main(["diff", *arguments])
    assert ended.value.code == 2


def test_a_shallow_clone_is_enough_for_what_it_has(branch, tmp_path, monkeypatch):
    shallow = tmp_path / "shallow"
    small.git(tmp_path, "clone", "--quiet", "--depth", "1", f"file://{branch}", str(shallow))
    monkeypatch.chdir(shallow)
    assert of(found("HEAD"), "param") == []
    with pytest.raises(SystemExit) as ended:
        main(["check"])
    assert ended.value.code == 0
    with pytest.raises(SystemExit) as ended:
        main(["diff", "HEAD~1"])
    assert ended.value.code == 2


CHANGES = {  # of a params file, and how both values are shown
    "tolerance: .01": ("tolerance: .01001", ["0.01", "0.01001"]),
    "rate: 0.1": ("rate: 0.10000000001", ["0.1", "0.10000000001"]),
    "count: 1": ("count: '1'", ["1", "'1'"]),
    "nothing: null": ("other: 1", ["None", "'–'"]),
}


@pytest.mark.parametrize("old", CHANGES)
def test_two_values_that_differ_are_never_shown_as_one(branch, capsys, old):
    new, shown = CHANGES[old]
    small.write(Path("profiles"), {"mine.yaml": f"{old}\n"})
    small.commit(branch, "Add a profile")
    small.write(Path("profiles"), {"mine.yaml": f"{new}\n"})
    main(["diff", "HEAD"])
    line = next(line for line in capsys.readouterr().out.splitlines() if "profiles/mine" in line)
    assert line.split()[2:4] == shown


def test_scores_that_differ_are_never_shown_as_one(branch, capsys):
    scores = small.CCC | {"cnn10-rrtn": 0.400000001}
    Path("results/small/table2/metrics.json").write_text(json.dumps(scores))
    main(["diff", "HEAD"])
    line = next(line for line in capsys.readouterr().out.splitlines() if "Ĉ cnn10-rrtn" in line)
    assert line.split()[3:6] == ["0.4", "0.400000001", "+1e-09"]


def status(*arguments):
    """Exit status of diff; of a command that just returns it is 0."""
    try:
        main(["diff", *arguments])
    except SystemExit as ended:
        return ended.code
    return 0


def test_the_exit_status_tells_of_a_difference_where_it_is_asked_to(branch):
    assert status("HEAD~1", "HEAD") == 0
    assert status("HEAD~1", "HEAD", "--exit-code") == 1
    assert status("HEAD", "--exit-code") == 0
    assert status("nowhere", "--exit-code") == 2
    small.write(Path("profiles"), {"mine.yaml": "rate: .nan\n"})
    small.commit(branch, "Add a profile")
    assert status("HEAD", "--exit-code") == 0
    Path("tolerances.yaml").write_text(Path("tolerances.yaml").read_text().replace("3 ", "4 ", 1))
    assert status("HEAD", "--exit-code") == 1


def test_flat_keys_are_dotted_and_a_list_is_one_value():
    assert flat({"a": {"b": 1, "c": [1, {"d": 2}]}, "e": {}}) == {
        "a.b": 1,
        "a.c": [1, {"d": 2}],
        "e": {},
    }
    assert flat({}) == flat(None) == {}
