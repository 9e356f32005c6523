"""Rows that are made, as cells: keys, order, and what stage, launch, validation and collect do."""

import json
import re

import numpy as np
import pandas as pd
import pytest

from harness.config.rows import read_family, read_rows
from harness.errors import ParamsError, RunError
from harness.evaluation.cells import read_labels, read_result
from harness.launch import level
from harness.learning import making
from harness.learning.cell import cells_of, read_cell, read_cells, seeds_of
from harness.learning.validation import summary, validate
from stages import train as stage
from tests.learning.packed import TARGETS, write_features
from tests.processes import run
from tests.tree import VANILLA, small, write, write_tree

ENSEMBLE = "mine/ensemble"
OWN = """\
import numpy as np
from harness.config.strict import Strict
from harness.made import Made, arithmetic
from harness.packed import read_split


class Params(Strict):
    level: float


def make(params, given):
    dev = read_split(given.features, "dev")
    flat = np.full((len(dev.clips), len(dev.targets)), params.level)
    return Made(dev.clips[::-1], dev.targets, flat, arithmetic())
"""


def with_made(folder, seeds=(1, 2), **blocks):
    """A ridge; three teachers, their ensemble, and three students after it with theirs."""
    params, rows = small()
    params |= {"seeds": list(seeds), "families": {"mine": {}}}
    students = VANILLA | {"members": 3, "after": ENSEMBLE, "readings": {"mask_fill": "mean"}}
    rows["rows"] = {
        "mine/ridge": {"made": "ridge", "against": {"vanilla": "table2/cnn10"}},
        "mine/teachers": VANILLA | {"members": 3},
    }
    rows["after"] = {
        "mine/again": {"made": "ensemble", "after": "mine/students", "against": {"x": "ensemble"}},
        "mine/students": students,
        ENSEMBLE: {"made": "ensemble", "after": "mine/teachers"},
        "mine/all": {"made": "ensemble", "after": "table2"},
    }
    for full, block in blocks.items():
        rows["after" if "after" in block else "rows"][full] = block
    write(folder, params, rows)
    return params, rows


@pytest.fixture
def tree(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_tree(tmp_path)
    write_features(tmp_path / "features" / "toy", train=24, dev=12)
    with_made(tmp_path)
    return tmp_path


def labels(cells):
    return [cell.label for cell in cells]


def files(folder):
    return {file.name: file.read_bytes() for file in folder.iterdir()}


# What comes after what.


def test_a_seed_of_the_family_has_members_with_seeds_of_their_own(tree):
    assert seeds_of("mine/teachers") == [101, 102, 103, 201, 202, 203]
    assert seeds_of(ENSEMBLE) == [1, 2]
    keys = {cell.key for cell in read_cells(["mine/teachers"], seeds_of("mine/teachers"))}
    assert len(keys) == 6
    assert read_cell("mine/teachers", 101).key == read_cell("table2/cnn10", 101).key


def test_a_made_cell_comes_after_the_members_of_its_seed_and_these_after_the_one_of_theirs(tree):
    members = [f"mine/teachers-{seed}" for seed in (201, 202, 203)]
    assert labels(read_cell(ENSEMBLE, 2).after) == members
    for seed in (201, 203):
        assert labels(read_cell("mine/students", seed).after) == [f"{ENSEMBLE}-2"]
        assert read_cell("mine/students", seed).before == read_cell(ENSEMBLE, 2)
    assert labels(read_cell("mine/all", 2).after) == [
        "table2/cnn10-2",
        "table2/cnn10-rrtn-ruwl-2",
    ]
    assert read_cell("mine/ridge", 1).after == ()


def test_levels_are_how_many_must_be_finished_before(tree):
    levels = {cell.name.partition("/")[2]: level(cell) for cell in cells_of("mine")}
    assert levels == {
        "ridge": 0, "teachers": 0, "all": 1, "ensemble": 1, "students": 2, "again": 3,
    }  # fmt: skip


def test_a_row_with_members_stands_in_no_table(tree):
    family = read_family("mine")
    assert "mine/teachers" in family.rows
    own = [full for full in family.listed if full.startswith("mine/")]
    assert own == ["mine/ridge", "mine/again", ENSEMBLE, "mine/all"]


# Keys.


def keys(seed=1):
    names = ("mine/ridge", ENSEMBLE, "mine/students", "mine/again", "mine/all", "table2/cnn10")
    reader = {"mine/students": 100 * seed + 1}
    return {name: read_cell(name, reader.get(name, seed)).key for name in names}


def moved(before):
    return {name for name, key in keys().items() if key != before[name]}


def test_a_key_moves_when_that_of_a_member_does(tree):
    before = keys()
    with_made(tree, **{"mine/teachers": VANILLA | {"members": 3, "encoder": "resnet18"}})
    assert moved(before) == {ENSEMBLE, "mine/students", "mine/again"}
    with_made(tree, **{"mine/teachers": VANILLA | {"members": 4}})
    assert moved(before) == {ENSEMBLE, "mine/students", "mine/again"}


def test_a_ridge_depends_on_sound_and_labels_and_on_no_training(tree):
    before = keys()
    params, rows = with_made(tree)
    params["train"]["learning_rate"] = 0.5
    params["readings"]["epochs"] = 9
    write(tree, params, rows)
    assert moved(before) == set(before) - {"mine/ridge"}
    write_features(tree / "features" / "toy", train=24, dev=12, seed=3)
    with_made(tree)
    assert moved(before) == set(before)


def test_the_key_holds_the_code_that_makes_it_and_no_torch(tree):
    parts = read_cell("mine/ridge", 1).key_parts()
    assert {"harness/made/ridge.py", "harness/made/_left_out.py", "harness/packed.py"} <= set(parts)
    assert {"harness/made/bound.py", "harness/learning/loop.py", "torch"}.isdisjoint(parts)
    assert {"row", "selections", "seed", "numpy", "scikit-learn", "features/train.npy"} <= set(
        parts
    )
    assert "before" not in parts
    assert "before" in read_cell(ENSEMBLE, 1).key_parts()


def test_what_is_read_of_a_row_that_is_trained_has_the_names_that_it_had(tree):
    parts = [name for name in read_cell("table2/cnn10", 1).key_parts() if "/" not in name]
    assert parts == ["row", "train", "readings", "seed", "corpus", "features", "torch"]


# Stage and launch.


def test_the_stage_makes_a_ridge_once_and_collect_reads_it(tree, capsys):
    stage.main(["mine/ridge"])
    cell = read_cell("mine/ridge", 1)
    first = files(cell.kept)
    assert set(first) == {"predictions.npz", "history.csv", "metrics.json", "record.json"}
    assert first["predictions.npz"] == files(read_cell("mine/ridge", 2).kept)["predictions.npz"]
    capsys.readouterr()
    stage.main(["mine/ridge"])
    kept = "mine/ridge-{}: kept; nothing that it depends on has changed\n"
    assert capsys.readouterr().out == kept.format(1) + kept.format(2)
    found = read_labels(tree / "features" / "toy" / "dev.csv", TARGETS)
    result = read_result(tree / "runs" / "toy", "mine/ridge", cell.row, 1, found)
    assert {name: len(sums) for name, sums in result.moments.items()} == {
        "last": 1, "best": 1, "late": 1,
    }  # fmt: skip
    assert result.history["epoch"].tolist() == [0]
    cell.kept.rename(tree / "elsewhere")
    stage.main(["mine/ridge", "--seed", "1"])
    assert files(cell.kept) == first


def test_why_tells_what_changed(tree, capsys):
    stage.main(["mine/ridge", "--seed", "1"])
    write_features(tree / "features" / "toy", train=24, dev=12, seed=3)
    capsys.readouterr()
    stage.main(["mine/ridge", "--seed", "1", "--why"])
    said = capsys.readouterr().out
    assert said.startswith("mine/ridge-1: changed: features/dev.csv, features/dev.npy, ")


def test_a_launch_makes_each_level_when_the_one_before_is_kept(tree):
    assert run("harness.launch", "--jobs", "2", folder=tree).returncode == 0
    done = run("harness.launch", "--family", "mine", "--jobs", "2", folder=tree)
    assert done.returncode == 0, done.stderr
    assert all(cell.is_in(cell.kept) for cell in cells_of("mine"))
    for seed in (1, 2):
        loaded = [
            np.load(tree / f"runs/toy/mine/teachers/{100 * seed + k}/predictions.npz")
            for k in (1, 2, 3)
        ]
        made = np.load(tree / f"runs/toy/{ENSEMBLE}/{seed}/predictions.npz")
        assert made["late"].shape == loaded[0]["late"].shape  # [epochs, clips, targets]
        for name in ("last", "best", "late"):
            mean = sum(each[name].astype(float) for each in loaded) / 3
            np.testing.assert_allclose(made[name], mean, atol=1e-7)
    record = json.loads((tree / f"runs/toy/{ENSEMBLE}/1/record.json").read_text())
    assert record["after"] == [f"mine/teachers-{seed}" for seed in (101, 102, 103)]
    before = files(tree / f"runs/toy/{ENSEMBLE}/1")
    params, rows = with_made(tree)
    write(tree, params | {"seeds": [1]}, rows)
    assert run("harness.launch", "--family", "mine", folder=tree).returncode == 0
    assert sorted(f.name for f in (tree / "runs/toy/mine/teachers").iterdir()) == [
        "101",
        "102",
        "103",
    ]
    assert files(tree / f"runs/toy/{ENSEMBLE}/1") == before


def test_a_missing_member_is_one_line_with_the_command(tree):
    stage.main(["mine/teachers", "--seed", "101"])
    line = rf"{ENSEMBLE}-1 comes after mine/teachers-102, which .* `python -m stages.train mine/tea"
    with pytest.raises(RunError, match=line):
        stage.main([ENSEMBLE])
    done = run("harness.launch", "--family", "mine", folder=tree)  # its members come first
    assert "mine/all-1 comes after table2/cnn10-1, which is not finished" in done.stderr


# A module of the user's.


def test_a_module_of_ones_own_makes_a_row(tree):
    (tree / "own").mkdir()
    (tree / "own" / "flat.py").write_text(OWN)
    with_made(tree, **{"mine/flat": {"made": {"own.flat": {"level": 0.5}}}})
    assert "own/flat.py" in read_cell("mine/flat", 1).key_parts()
    stage.main(["mine/flat"])
    metrics = json.loads((tree / "runs/toy/mine/flat/1/metrics.json").read_text())
    assert metrics["last"]["ccc"] == 0
    predictions = np.load(tree / "runs/toy/mine/flat/1/predictions.npz")
    clips = pd.read_csv(tree / "features/toy/dev.csv")["clip"].tolist()
    assert predictions["clips"].tolist() == clips[::-1]


@pytest.mark.parametrize(
    ("name", "old", "new", "said"),
    [
        ("nan", "params.level)", "np.nan)", "36 of its 36 predictions are no finite numbers"),
        ("other", "dev.clips[::-1]", "['x'] * 12", "it is of other clips or targets than "),
    ],
)
def test_what_is_no_prediction_is_one_line_and_leaves_nothing(tree, name, old, new, said):
    folder = tree / f"odd_{name}"  # a package that no other test has loaded
    folder.mkdir()
    (folder / "flat.py").write_text(OWN.replace(old, new))
    with_made(tree, **{"mine/flat": {"made": {f"odd_{name}.flat": {"level": 0.5}}}})
    with pytest.raises(RunError, match=f"^mine/flat-1: {said}"):
        making.finish(read_cell("mine/flat", 1))
    assert not read_cell("mine/flat", 1).staged.exists()


# Validation.


def test_validation_counts_rows_that_are_made(tree):
    stage.main(["mine/ridge"])
    lines = {line.split()[0]: line.split()[1:] for line in summary().splitlines()}
    assert lines["mine/ridge"] == ["ridge", "-", "2", "of", "2"]
    assert lines["mine/teachers"][2:] == ["0", "of", "6"]


FAULTS = {
    "a kind": ({"made": "rigde"}, "made 'rigde' is not there; did you mean 'ridge'?"),
    "a module": ({"made": "own.nothing"}, "made 'own.nothing': there is no own/nothing.py"),
    "a parameter": ({"made": {"ridge": {"penalty": 3}}}, "'made ridge.penalty' is not a key"),
    "a mixed block": ({"made": "ridge", "encoder": "cnn10"}, "is made has no 'encoder'"),
    "a misspelt key": ({"made": "ridge", "agianst": {}}, "did you mean 'against'?"),
    "no members": ({"made": "ensemble"}, "needs two cells or more and has none"),
    "one member": (
        {"made": "ensemble", "after": "table2/cnn10"},
        "two cells or more and has only table2/cnn10-1",
    ),
    "a corpus without traits": ({"made": "bound"}, "the corpus made-up has no true traits"),
    "its own family": ({"made": "ensemble", "after": "mine"}, "after its own family"),
    "nobody": ({"made": "ensemble", "after": "mine/teacher"}, "did you mean 'mine/teachers'?"),
    "a student of several": (
        VANILLA | {"after": "mine/teachers"},
        "comes after one cell a seed; make an ensemble",
    ),
    "a student of a family": (
        VANILLA | {"after": "table2"},
        "comes after one cell a seed; make an ensemble",
    ),
    "against members": (
        {"made": "ridge", "against": {"x": "teachers"}},
        "has members and stands in no table",
    ),
    "members compared": (
        VANILLA | {"members": 3, "against": {"x": "table2/cnn10"}},
        "a row with members is compared with none",
    ),
    "one of members": (VANILLA | {"members": 1}, "greater than or equal to 2"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_block_that_cannot_be_is_one_line_before_anything_is_made(tree, fault):
    block, said = FAULTS[fault]
    with_made(tree, **{"mine/wrong": block})
    with pytest.raises(ParamsError) as raised:
        validate()
    assert said in str(raised.value)
    assert re.match(r"rows.yaml(:\d+)?: ", str(raised.value))
    assert "mine/wrong" in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_circle_over_members_and_families_is_told(tree):
    params, rows = with_made(tree)
    rows["rows"].pop("mine/teachers")
    rows["after"]["mine/teachers"] = VANILLA | {"members": 3, "after": "mine/again"}
    write(tree, params, rows)
    with pytest.raises(ParamsError, match=r"in a circle: mine/again → .* → mine/again"):
        read_rows()
