"""harness.learning.cell: what a cell is, where it lies, and what its key depends on."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from harness.config.rows import TABLE2
from harness.errors import ParamsError
from harness.learning.cell import FILES, cells_of, read_cell, remove_others
from tests.processes import environment
from tests.tree import REPOSITORY, RUWL, VANILLA, small, write, write_tree

ROW = "table2/cnn10-rrtn-ruwl"
NAMES = ("table2/cnn10", ROW, "mine/resnet18")


@pytest.fixture
def tree(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return write_tree(tmp_path)


def keys():
    return {name: read_cell(name, 1).key for name in NAMES}


def moved(before, after):
    return {name for name in before if before[name] != after[name]}


def test_a_cell_lies_below_its_row(tree):
    cell = read_cell(ROW, 2)
    assert cell.label == f"{ROW}-2"
    assert cell.kept == Path("runs/toy/table2/cnn10-rrtn-ruwl/2")
    assert cell.staged == Path("scratch/toy/table2/cnn10-rrtn-ruwl/2")
    assert cell.checkpoint == Path("scratch/toy/table2/cnn10-rrtn-ruwl/2.safetensors")
    assert cell.circumstances == Path("scratch/toy/table2/cnn10-rrtn-ruwl/2.json")


def test_a_family_has_its_rows_with_its_seeds(tree):
    assert [cell.label for cell in cells_of(TABLE2)] == [
        "table2/cnn10-1",
        "table2/cnn10-2",
        f"{ROW}-1",
        f"{ROW}-2",
    ]
    assert [cell.label for cell in cells_of("mine")] == ["mine/resnet18-1"]


def test_a_row_that_does_not_exist_is_one_line_with_the_nearest(tree):
    with pytest.raises(ParamsError, match="no row is called 'table2/cnn11'; did you mean 'table2/"):
        read_cell("table2/cnn11", 1)


def test_a_wrong_reading_of_a_row_is_told_with_the_row(tree):
    params, rows = small()
    rows["rows"]["mine/resnet18"]["readings"] = {"mask_fil": "mean"}
    write(tree, params, rows)
    with pytest.raises(ParamsError, match=r"^rows.yaml: mine/resnet18: 'readings.mask_fil' is not"):
        read_cell("mine/resnet18", 1)
    params["readings"]["epoch"] = 3
    write(tree, params, rows)
    with pytest.raises(ParamsError, match=r"^params.yaml:\d+: 'readings.epoch' is not"):
        read_cell("mine/resnet18", 1)


CHANGES = {  # key by key, and the rows whose cells are others then
    "params.train.epsilon": (1e-7, NAMES),
    "params.corpus.name": ("other", NAMES),
    "params.features.bands": (63, NAMES),
    "params.readings.mask_fill": ("mean", NAMES),
    "params.readings.selection": ("held_out", NAMES),
    "rows.rows.mine/resnet18.encoder": ("cnn14", NAMES[2:]),
    "rows.rows.mine/resnet18.longer": (1.5, NAMES[2:]),
    "rows.rows.mine/resnet18.keep": (["weights"], NAMES[2:]),
    "rows.rows.mine/resnet18.emotions": ("fixed", NAMES[2:]),
    "rows.table2.cnn10-rrtn-ruwl.weighting": ("fixed", NAMES[1:2]),
    "rows.table2.cnn10-rrtn-ruwl.views": (["masked", "masked"], NAMES[1:2]),
    "rows.table2.cnn10-rrtn-ruwl.readings": ({"mask_fill": "mean"}, NAMES[1:2]),
    # what a training does not depend on
    "params.readings.selection ": ("best", ()),
    "params.seeds": ([7, 1], ()),
    "params.statistics.level": (0.9, ()),
    "rows.rows.mine/resnet18.against": ({}, ()),
    "rows.table2.cnn10-rrtn-ruwl.against": ({"other": "cnn10"}, ()),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_key_moves_with_what_the_training_depends_on_and_nothing_else(tree, change):
    before = keys()
    (value, others), (params, rows) = CHANGES[change], small()
    *above, last = change.strip().split(".")
    place = {"params": params, "rows": rows}
    for name in above:
        place = place[name]
    place[last] = value
    write(tree, params, rows)
    assert moved(before, keys()) == set(others)


def test_the_seed_and_the_sounds_move_a_key(tree):
    before = keys()
    assert read_cell(ROW, 2).key != before[ROW]
    levels = np.load(tree / "features" / "toy" / "train.npy")
    levels[0, 0] += 1
    np.save(tree / "features" / "toy" / "train.npy", levels)
    assert moved(before, keys()) == set(NAMES)


def test_the_same_row_under_another_name_is_the_same_training(tree):
    params, rows = small()
    rows["rows"]["other/again"] = RUWL
    write(tree, params, rows)
    assert read_cell("other/again", 1).key == read_cell(ROW, 1).key


def test_a_cell_that_comes_after_another_depends_on_it(tree):
    params, rows = small()
    rows["after"]["mine/student"] = VANILLA | {"after": "table2/cnn10"}
    write(tree, params, rows)
    student = read_cell("mine/student", 1)
    assert student.before == read_cell("table2/cnn10", 1)
    assert student.key != student.before.key
    rows["table2"]["cnn10"]["head"] = "own.head"
    write(tree, params, rows)
    after = read_cell("mine/student", 1)
    assert after.key != student.key
    kept = tree / "kept"
    kept.mkdir()
    (kept / "record.json").write_text(
        json.dumps({"key": student.key, "key_parts": student.key_parts()})
    )
    assert after.changed(kept) == ["before"]


# Of the code: edits in a copy of the harness, whose keys a child process reads.

KEYS = (
    "import sys; from harness.learning.cell import read_cell\n"
    "print(*(read_cell(name, 1).key for name in sys.argv[1:]), 'torch' in sys.modules)"
)


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """A function that appends text to a file of the harness, or what `edit` makes of its own text;
    → the rows whose keys move. The file is then as it was."""
    folder = tmp_path_factory.mktemp("copy")
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(REPOSITORY / "harness", folder / "harness", ignore=ignored)
    write_tree(folder)

    def found():
        command = [sys.executable, "-B", "-c", KEYS, *NAMES]
        env = environment(PYTHONPATH=str(folder))
        done = subprocess.run(
            command, cwd=folder, env=env, capture_output=True, text=True, check=True
        )
        *each, torch = done.stdout.split()
        assert torch == "False"
        return dict(zip(NAMES, each, strict=True))

    first = found()

    def edited(name, edit):
        file = folder / "harness" / name
        text = file.read_text() if file.exists() else None
        file.write_text(edit(text or ""))
        try:
            return moved(first, found())
        finally:
            file.unlink() if text is None else file.write_text(text)

    return edited


def code(text):
    return f"{text}\nADDED = 1\n"


def comment(text):
    return f'"""Said otherwise."""\n# and explained\n\n{text.partition(chr(10))[2]}\n# to the end\n'


EDITS = {
    "learning/loop.py": NAMES,
    "learning/losses.py": NAMES,
    "learning/data.py": NAMES,
    "evaluation/ccc.py": NAMES,
    "portable.py": NAMES,
    "learning/encoders/__init__.py": NAMES,
    "learning/encoders/resnet18.py": NAMES[2:],
    "learning/encoders/_panns.py": NAMES[:2],
    "learning/terms/barlow_twins.py": NAMES[1:2],
    "learning/weightings/ruwl.py": NAMES[1:2],
    "learning/encoders/cnn14.py": (),
    "learning/encoders/another.py": (),
    "learning/outputs.py": (),
    "learning/progress.py": (),
    "learning/record.py": (),
    "learning/validation.py": (),
    "evaluation/bootstrap.py": (),
    "launch.py": (),
}


@pytest.mark.parametrize("file", EDITS)
def test_an_edit_of_code_moves_the_keys_of_the_rows_that_import_it(copy, file):
    assert copy(file, code) == set(EDITS[file])


@pytest.mark.parametrize("file", ["learning/loop.py", "learning/encoders/_panns.py"])
def test_comments_and_docstrings_leave_every_key(copy, file):
    assert copy(file, comment) == set()


# Of finished cells.


def record(folder, cell, **changes):
    folder.mkdir(parents=True)
    parts = cell.key_parts() | changes
    for name in FILES:
        (folder / name).touch()
    (folder / "record.json").write_text(json.dumps({"key": cell.key, "key_parts": parts}))


def test_a_folder_holds_a_cell_when_its_record_has_the_key(tree):
    cell = read_cell(ROW, 1)
    assert not cell.is_in(cell.kept)
    record(cell.kept, cell)
    assert cell.is_in(cell.kept)
    assert not read_cell(ROW, 2).is_in(cell.kept)
    for damage in ("", "[]", "{}", '{"key": 1}', '{"key'):
        (cell.kept / "record.json").write_text(damage)
        assert not cell.is_in(cell.kept)


@pytest.mark.parametrize("name", FILES)
def test_a_cell_that_lacks_a_file_is_none(tree, name):
    cell = read_cell(ROW, 1)
    record(cell.kept, cell)
    (cell.kept / name).unlink()
    assert not cell.is_in(cell.kept)


def test_it_tells_which_parts_of_the_key_changed(tree):
    cell = read_cell(ROW, 1)
    assert cell.changed(cell.kept) is None
    record(cell.kept, cell, train="other", **{"harness/learning/gone.py": "old"})
    assert cell.changed(cell.kept) == ["-harness/learning/gone.py", "train"]
    parts = json.loads((cell.kept / "record.json").read_text())["key_parts"]
    del parts["harness/learning/loop.py"], parts["train"]
    (cell.kept / "record.json").write_text(json.dumps({"key": "old", "key_parts": parts}))
    assert cell.changed(cell.kept) == [
        "-harness/learning/gone.py",
        "+train",
        "+harness/learning/loop.py",
    ]


def test_only_finished_cells_of_other_seeds_are_removed(tree):
    one, two, three = (read_cell(ROW, seed) for seed in (1, 2, 3))
    for cell in (one, two, three):
        record(cell.kept, cell)
    mine = two.kept.with_name("notes")
    mine.mkdir()
    (mine / "record.json").write_text("{}")
    (two.kept.parent / "file").touch()
    record(two.kept.with_name(".4.old"), two)  # of a removal that was killed
    assert remove_others(one.kept.parent, [1, 3]) == [two.kept]
    assert sorted(f.name for f in one.kept.parent.iterdir()) == ["1", "3", "file", "notes"]
    assert remove_others(tree / "nowhere", [1]) == []
