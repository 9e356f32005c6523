"""The staleness gate: what DVC's own status finds with the data, found without any data."""

from pathlib import Path

import pytest
from dvc.repo import Repo
from ruamel.yaml import YAML

from harness.errors import RunError
from harness.verdict.revisions import UsageError
from harness.verdict.staleness import Staleness, staleness
from tests.verdict import small

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:dvc")  # of DVC itself


def append(path, text="# edited\n"):
    Path(path).write_text(Path(path).read_text() + text)


def replace(path, old, new):
    before = Path(path).read_text()
    assert old in before
    Path(path).write_text(before.replace(old, new, 1))


EDITS = {
    "nothing": (lambda: None, set()),
    "code": (lambda: append("train.sh"), small.CELLS),
    "param of one row": (
        lambda: replace("params.yaml", "method: rrtn, scale: 1", "method: rrtn, scale: 2"),
        {f"train@cnn10-rrtn-{seed}" for seed in small.SEEDS},
    ),
    "param of no stage": (lambda: append("params.yaml", "unused: 1\n"), set()),
    "command": (lambda: replace("dvc.yaml", "cp moments.csv", "cp  moments.csv"), {"collect"}),
    "output": (lambda: append("results/small/metrics.json", "\n"), {"collect", "table"}),
    "output removed": (lambda: Path("results/small/table2.json").unlink(), {"table"}),
    "dep removed": (lambda: Path("features.sh").unlink(), {"features"}),
    "seed added": (
        lambda: replace("params.yaml", "seeds: [1, 2, 3]", "seeds: [1, 2, 3, 4]"),
        {f"train@{row}-4" for row in small.CCC},
    ),
    "lock removed": (
        lambda: Path("dvc.lock").unlink(),
        {"features", *small.CELLS, "collect", "table"},
    ),
}


@pytest.mark.parametrize("edit", EDITS)
def test_an_edit_is_found_in_a_clean_clone_and_nothing_else(clone, edit):
    change, expected = EDITS[edit]
    change()
    assert set(staleness().reasons) == expected


@pytest.mark.parametrize("edit", EDITS)
def test_what_is_stale_is_what_dvc_says_when_it_has_the_data(full, edit):
    change, _ = EDITS[edit]
    change()
    with Repo(".") as repo:
        status = set(repo.status())
    assert set(staleness().reasons) == status


def test_every_reason_names_what_differs(clone):
    append("train.sh")
    replace("params.yaml", "vanilla, scale: 1", "vanilla, scale: 2")
    found = staleness()
    assert found.reasons["train@cnn10-1"] == [
        "train.sh changed",
        "params.yaml: rows.cnn10 modified",
    ]
    assert found.grouped() == [
        ("train (6 cells)", ["train.sh changed", "params.yaml: rows.cnn10 modified (3 of them)"])
    ]


def edit_lock(stage, key, path, **changes):
    yaml = YAML()
    lock = yaml.load(Path("dvc.lock"))
    entry = next(one for one in lock["stages"][stage][key] if one["path"] == path)
    entry.update(changes)
    yaml.dump(lock, Path("dvc.lock"))


def test_features_made_anew_make_their_readers_stale(clone):
    edit_lock("features", "outs", "features/small", md5=f"{'0' * 32}.dir")
    assert set(staleness().reasons) == small.CELLS
    assert staleness().reasons["train@cnn10-1"] == [
        "features/small is not what features wrote last"
    ]


def test_a_cell_of_another_size_makes_the_reader_of_all_cells_stale(clone):
    edit_lock("train@cnn10-2", "outs", "runs/small/cnn10-2", size=99)
    assert set(staleness().reasons) == {"collect"}


def test_a_cached_output_written_by_another_run_makes_its_reader_stale(clone):
    edit_lock("collect", "outs", "results/small/moments.npz", md5="0" * 32)
    assert set(staleness().reasons) == {"table"}


def test_a_second_pipeline_with_a_folder_of_its_own_counts(clone):
    other = Path("sensitivity")
    other.mkdir()
    (other / "dvc.yaml").write_text(
        "stages:\n  readings:\n    wdir: ..\n    cmd: cp table2.json more.json\n"
        "    deps:\n      - table2.json\n    outs:\n      - more.json:\n          cache: false\n"
    )
    assert staleness().reasons == {"sensitivity/dvc.yaml:readings": ["not in sensitivity/dvc.lock"]}
    with Repo(".") as repo:
        repo.reproduce("sensitivity/dvc.yaml:readings")
    assert staleness().reasons == {}
    append("more.json")
    assert staleness().reasons == {"sensitivity/dvc.yaml:readings": ["more.json changed"]}


def test_a_revision_is_read_from_git_and_not_from_the_tree(clone):
    append("train.sh")
    assert staleness(revision="HEAD").reasons == {}
    small.commit(clone, "Edit the training")
    assert set(staleness(revision="HEAD").reasons) == small.CELLS
    assert staleness(revision="HEAD~1").reasons == {}


def test_behind_a_file_are_its_stage_and_all_upstream_but_none_beside():
    found = Staleness(
        {"train@a-1": ["code"], "draw": ["code"]},
        {"train@a-1": set(), "table": {"train@a-1"}, "draw": {"train@a-1"}},
        {"table2.json": "table", "weights.svg": "draw"},
    )
    assert set(found.behind(["table2.json"])) == {"train@a-1"}
    assert set(found.behind(["weights.svg"])) == {"train@a-1", "draw"}
    assert found.behind(["elsewhere.json"]) == {}


def test_a_folder_without_dvc_is_an_error_and_no_pass(tmp_path):
    small.git(tmp_path, "init", "--quiet")
    with pytest.raises(RunError, match="DVC cannot read"):
        staleness(tmp_path)


def test_an_unknown_revision_is_an_error_and_no_pass(clone):
    with pytest.raises(UsageError, match="'nowhere' is no revision"):
        staleness(revision="nowhere")


def test_the_committed_pipelines_are_resolved_whole():
    """Every stage of the repository's own dvc.yaml files, each cell by its row and seed."""
    params = YAML(typ="safe").load(small.ROOT / "params.yaml")["table"]
    cells = {f"train@{row}-{seed}" for row in params["rows"] for seed in params["seeds"]}
    found = staleness(small.ROOT)
    assert cells <= set(found.upstream)
    before = {"source", "download", "features"}
    assert found.upstream["table"] == {*cells, *before, "collect", "statistics"}
    assert "sensitivity/dvc.yaml:readings" in found.upstream
