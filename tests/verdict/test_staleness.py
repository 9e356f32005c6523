"""The staleness gate: what DVC's own status finds with the data, found without any data."""

from pathlib import Path

import pytest
from dvc.repo import Repo
from ruamel.yaml import YAML

from harness.config.rows import families, read_family
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
    "code": (lambda: append("train.sh"), small.TRAIN),
    "param of one row": (
        lambda: replace("rows.yaml", *small.LONGER),
        {"train@cnn10-rrtn", "collect", "table"},
    ),
    "param of no stage": (lambda: append("params.yaml", "unused: 1\n"), set()),
    "command": (lambda: replace("dvc.yaml", "cp moments.csv", "cp  moments.csv"), {"collect"}),
    "output": (lambda: append("results/small/table2/metrics.json", "\n"), {"collect", "table"}),
    "output removed": (lambda: Path("results/small/table2.json").unlink(), {"table"}),
    "dep removed": (lambda: Path("features.sh").unlink(), {"features"}),
    "seed added": (
        lambda: replace("params.yaml", "seeds: [1, 2, 3]", "seeds: [1, 2, 3, 4]"),
        {*small.TRAIN, "collect", "table"},
    ),
    "lock removed": (
        lambda: Path("dvc.lock").unlink(),
        {"features", *small.TRAIN, "collect", "table"},
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
    replace("rows.yaml", *small.BASELINE)
    found = staleness()
    assert found.reasons["train@cnn10"] == [
        "train.sh changed",
        "rows.yaml: table2.cnn10.longer modified",
    ]
    assert (
        "- train (2 rows): train.sh changed; rows.yaml: table2.cnn10.longer modified (1 of them)"
        in stages(found)[0][1]
    )


def edit_lock(stage, key, path, **changes):
    yaml = YAML()
    lock = yaml.load(Path("dvc.lock"))
    entry = next(one for one in lock["stages"][stage][key] if one["path"] == path)
    entry.update(changes)
    yaml.dump(lock, Path("dvc.lock"))


REMADE = {  # edited in the lock: the stage and output, and who read the earlier bytes
    "features": (("features", "features/small", {"md5": f"{'0' * 32}.dir"}), small.TRAIN),
    "a row": (("train@cnn10", "runs/small/table2/cnn10", {"size": 99}), {"collect"}),
    "a cached result": (
        ("collect", "results/small/table2/moments.npz", {"md5": "0" * 32}),
        {"table"},
    ),
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
    assert set(staleness().reasons) == {"features", *small.TRAIN}


def test_cells_of_rows_that_left_the_table_are_no_reason(clone):
    edit_lock("collect", "deps", "runs/small/table2", size=999, nfiles=99)
    assert staleness().reasons == {}
    assert staleness().remade == {}


def test_a_pipeline_of_ones_own_counts(clone):
    other = Path("mine")
    other.mkdir()
    (other / "dvc.yaml").write_text(
        "stages:\n  more:\n    wdir: ..\n    cmd: cp table2.json more.json\n"
        "    deps:\n      - table2.json\n    outs:\n      - more.json:\n          cache: false\n"
    )
    assert staleness().reasons == {"mine/dvc.yaml:more": ["not in mine/dvc.lock"]}
    with Repo(".") as repo:
        repo.reproduce("mine/dvc.yaml:more")
    assert staleness().reasons == {}
    append("more.json")
    assert staleness().reasons == {"mine/dvc.yaml:more": ["more.json changed"]}


@pytest.fixture
def readings(full):
    small.add_readings()
    small.reproduce("families/dvc.yaml:table@readings")
    return full


def test_a_family_has_stages_of_its_own(readings):
    found = staleness()
    assert found.reasons == {}
    train = {f"families/dvc.yaml:train@readings/{row}" for row in ("one", "two")}
    assert set(found.families()["readings"]) == {*train, "families/dvc.yaml:table@readings"}
    assert found.upstream["families/dvc.yaml:table@readings"] >= {*train, *small.TRAIN}
    small.replace("rows.yaml", "longer: 3", "longer: 5")
    table = "families/dvc.yaml:table@readings"
    assert set(staleness().reasons) == {"families/dvc.yaml:train@readings/one", table}


def test_a_row_of_another_family_stales_nothing_until_its_family_is_asked_for(readings):
    small.replace("rows.yaml", "rows:", "rows:\n  mine/three: {<<: *cnn10, longer: 5}")
    assert staleness().reasons == {}
    assert set(staleness().families()) == {"table2", "readings"}
    small.replace("params.yaml", "{readings: {}}", "{readings: {}, mine: {}}")
    found = staleness()
    assert set(found.reasons) == {
        "families/dvc.yaml:train@mine/three",
        "families/dvc.yaml:table@mine",
    }
    assert found.passes  # none of its results are here to be wrong


def test_a_stage_of_a_family_that_is_not_asked_for_is_none(readings):
    """Where a pipeline lists families by itself, not as params.yaml has them."""
    text = (
        "  probe:\n    foreach: [readings, mine]\n    do:\n      wdir: ..\n"
        "      cmd: echo 1 > ${item}.probed\n      params: ['families.${item}']\n"
        "      outs: [{'${item}.probed': {cache: false}}]\n"
    )
    append("families/dvc.yaml", text)
    assert set(staleness().reasons) == {"families/dvc.yaml:probe@readings"}
    small.replace("params.yaml", "{readings: {}}", "{readings: {}, mine: {}}")
    assert "families/dvc.yaml:probe@mine" in staleness().reasons


def test_a_second_pipeline_may_be_of_another_arithmetic_and_of_no_other_parameter(clone):
    append("params.yaml", "train: {arithmetic: portable, batch: 16}\n")
    other = Path("families")
    other.mkdir()
    (other / "dvc.yaml").write_text(
        "stages:\n  readings:\n    wdir: ..\n    cmd: cp table2.json more.json\n"
        "    params:\n      - train\n    outs:\n      - more.json:\n          cache: false\n"
    )
    with Repo(".") as repo:
        repo.reproduce("families/dvc.yaml:readings")
    replace("params.yaml", "arithmetic: portable", "arithmetic: fast")
    assert staleness().reasons == {}
    replace("params.yaml", "batch: 16", "batch: 8")
    reason = "params.yaml: train.batch modified"
    assert staleness().reasons == {"families/dvc.yaml:readings": [reason]}


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
    assert set(staleness(revision="HEAD").reasons) == small.TRAIN
    assert staleness(revision="HEAD~1").reasons == {}


def test_behind_a_file_are_its_stage_and_all_upstream_but_none_beside():
    found = Staleness(
        {"train@a": ["code"], "draw": ["code"]},
        {"train@a": set(), "table": {"train@a"}, "draw": {"train@a"}},
        {"table2.json": "table", "weights.svg": "draw"},
    )
    assert set(found.behind(["table2.json"])) == {"train@a"}
    assert set(found.behind(["weights.svg"])) == {"train@a", "draw"}
    assert found.behind(["elsewhere.json"]) == {}


def test_a_folder_without_dvc_is_an_error_and_no_pass(tmp_path):
    small.git(tmp_path, "init", "--quiet")
    with pytest.raises(RunError, match="DVC cannot read"):
        staleness(tmp_path)


def test_an_unknown_revision_is_an_error_and_no_pass(clone):
    with pytest.raises(UsageError, match="'nowhere' is no revision"):
        staleness(revision="nowhere")


def test_the_committed_pipelines_are_resolved_whole():
    """Every stage of the repository's own dvc.yaml files, each row by its name."""
    rows = {f"train@{full.partition('/')[2]}" for full in read_family("table2").rows}
    found = staleness(small.ROOT)
    before = {"source", "download", "features"}
    assert found.upstream["table"] == {*rows, *before, "collect", "statistics"}
    for family in families()[1:]:
        own = {full for full, row in read_family(family).rows.items() if row.after is None}
        after = set(read_family(family).rows) - own
        first = {f"families/dvc.yaml:train@{full}" for full in own}
        first |= {f"families/dvc.yaml:train-after@{full}" for full in after}
        assert found.upstream[f"families/dvc.yaml:table@{family}"] >= {*first, *rows, *before}
