"""The staleness gate: what DVC's own status finds with the data, found without any data."""

from pathlib import Path

import pytest
from dvc.repo import Repo
from ruamel.yaml import YAML

from harness.errors import RunError
from harness.verdict.recipes import Recipes
from harness.verdict.report import stages
from harness.verdict.revisions import Folder, UsageError
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
        {*(f"train@cnn10-rrtn-{seed}" for seed in small.SEEDS), "collect", "table"},
    ),
    "param of no stage": (lambda: append("params.yaml", "unused: 1\n"), set()),
    "command": (lambda: replace("dvc.yaml", "cp moments.csv", "cp  moments.csv"), {"collect"}),
    "output": (lambda: append("results/small/metrics.json", "\n"), {"collect", "table"}),
    "output removed": (lambda: Path("results/small/table2.json").unlink(), {"table"}),
    "dep removed": (lambda: Path("features.sh").unlink(), {"features"}),
    "seed added": (
        lambda: replace("params.yaml", "seeds: [1, 2, 3]", "seeds: [1, 2, 3, 4]"),
        {*(f"train@{row}-4" for row in small.CCC), "collect", "table"},
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
        "params.yaml: rows.cnn10.scale modified",
    ]
    assert (
        "- train (6 cells): train.sh changed; params.yaml: rows.cnn10.scale modified (3 of them)"
        in stages(found)[0][1]
    )


def edit_lock(stage, key, path, **changes):
    yaml = YAML()
    lock = yaml.load(Path("dvc.lock"))
    entry = next(one for one in lock["stages"][stage][key] if one["path"] == path)
    entry.update(changes)
    yaml.dump(lock, Path("dvc.lock"))


REMADE = {  # edited in the lock: the stage and output, and who read the earlier bytes
    "features": (("features", "features/small", {"md5": f"{'0' * 32}.dir"}), small.CELLS),
    "a cell": (("train@cnn10-2", "runs/small/cnn10-2", {"size": 99}), {"collect"}),
    "a cached result": (("collect", "results/small/moments.npz", {"md5": "0" * 32}), {"table"}),
}


@pytest.mark.parametrize("edit", REMADE)
def test_other_bytes_of_the_same_recipe_are_told_and_are_not_stale(clone, edit):
    (stage, path, changes), readers = REMADE[edit]
    edit_lock(stage, "outs", path, **changes)
    found = staleness()
    assert found.reasons == {}
    assert found.passes
    assert [set(names) for names in found.remade.values()] == [readers]


@pytest.mark.parametrize("edit", REMADE)
def test_other_bytes_of_another_recipe_make_their_readers_stale(clone, edit):
    (stage, path, changes), readers = REMADE[edit]
    edit_lock(stage, "outs", path, **changes)
    found = staleness(changed={stage})
    assert set(found.reasons) == readers
    assert found.remade == {}


def test_what_a_stale_stage_wrote_last_makes_its_readers_stale(clone):
    edit_lock("features", "outs", "features/small", md5=f"{'0' * 32}.dir")
    append("features.sh")
    assert set(staleness().reasons) == {"features", *small.CELLS}


def test_cells_of_rows_that_left_the_table_are_no_reason(clone):
    edit_lock("collect", "deps", "runs/small", size=999, nfiles=9)
    assert staleness().reasons == {}
    assert staleness().remade == {}


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


def test_a_second_pipeline_may_be_of_another_arithmetic_and_of_no_other_parameter(clone):
    append("params.yaml", "train: {arithmetic: portable, batch: 16}\n")
    other = Path("sensitivity")
    other.mkdir()
    (other / "dvc.yaml").write_text(
        "stages:\n  readings:\n    wdir: ..\n    cmd: cp table2.json more.json\n"
        "    params:\n      - train\n    outs:\n      - more.json:\n          cache: false\n"
    )
    with Repo(".") as repo:
        repo.reproduce("sensitivity/dvc.yaml:readings")
    replace("params.yaml", "arithmetic: portable", "arithmetic: fast")
    assert staleness().reasons == {}
    replace("params.yaml", "batch: 16", "batch: 8")
    reason = "params.yaml: train.batch modified"
    assert staleness().reasons == {"sensitivity/dvc.yaml:readings": [reason]}


@pytest.mark.parametrize(
    ("change", "stages"),
    [(("arithmetic: fast", "arithmetic: portable"), set()), (("batch: 8", "batch: 9"), {"train"})],
    ids=["arithmetic", "batch"],
)
def test_another_arithmetic_is_no_other_recipe(tmp_path, change, stages):
    lock = (
        "stages: {train: {cmd: t, params: {params.yaml: {train: "
        "{arithmetic: fast, batch: 8}}}, outs: [{path: out, md5: a}]}}\n"
    )
    for name, text in (("old", lock), ("new", lock.replace(*change))):
        (tmp_path / name).mkdir()
        (tmp_path / name / "dvc.lock").write_text(text)
    assert Recipes(Folder(tmp_path / "old"), Folder(tmp_path / "new")).stages() == stages


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
