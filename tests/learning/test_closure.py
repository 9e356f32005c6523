"""harness.learning.closure: the code of a row, against what a real training of it imports."""

import json
import subprocess
import sys

import pytest

from harness.config.rows import Part, Row
from harness.errors import ParamsError
from harness.learning.closure import bare, closure, digests, part_modules
from tests.processes import environment
from tests.tree import REPOSITORY, VANILLA, small, write_tree

TRAINING = """\
import json, sys
from pathlib import Path
from harness.learning.cell import read_cell
cell = read_cell(sys.argv[1], 1)
from harness.learning.loop import train
train(cell)
root, here = Path(sys.argv[2]), Path.cwd()
files = [Path(m.__file__) for m in list(sys.modules.values()) if getattr(m, "__file__", None)]
loaded = [f.relative_to(root) for f in files if f.is_relative_to(root / "harness")]
loaded += [f.relative_to(here) for f in files if f.is_relative_to(here)]
print(json.dumps([f.as_posix() for f in loaded]))
from harness.learning.closure import code
print(json.dumps(list(code(cell.row))))
"""
READERS = {  # this script imports them to learn what to train
    "harness/config/rows.py",
    "harness/config/training.py",
    "harness/display.py",
    "harness/learning/cell.py",
    "harness/learning/closure.py",
    "harness/made/__init__.py",
    "harness/stage.py",
    "harness/processes.py",
}
PARTS = {  # of a user, outside the harness
    "mine/__init__.py": "",
    "mine/encoder.py": (
        "from harness.learning.encoders.cnn10 import CNN10\n"
        "from .layers import nothing\n\n"
        "class Mine(CNN10):\n"
        "    def pool(self, last):\n"
        "        from mine.late import added\n"
        "        return super().pool(last) + nothing + added\n"
    ),
    "mine/layers.py": "nothing = 0\n",
    "mine/late.py": "added = 0\n",
    "mine/unused.py": "import no_such_module\n",
}


def write_parts(folder):
    for name, text in PARTS.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)


@pytest.mark.parametrize("row", ["table2/cnn10-rrtn-ruwl", "table2/outside"])
def test_the_code_of_a_row_is_what_its_training_imports(tmp_path, row):
    params, rows = small()
    params["readings"]["epochs"] = 1
    rows["table2"]["outside"] = VANILLA | {"encoder": "mine.encoder"}
    write_tree(tmp_path, params, rows)
    write_parts(tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", TRAINING, row, str(REPOSITORY)],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    loaded, code = (set(json.loads(line)) for line in done.stdout.splitlines())
    assert len(code) > 20
    assert loaded - READERS <= code, "an import that the closure does not see"
    assert code <= loaded, "the closure has what no training imports"
    assert {file for file in code if file.startswith("mine/")} == (
        {name for name in PARTS if "unused" not in name} if row == "table2/outside" else set()
    )


@pytest.mark.parametrize(
    ("other", "same"),
    [
        (
            '"""Another."""\nx = 1  # why\n\n\ndef f():\n    """Doc\n\n    too."""\n    return x\n',
            True,
        ),
        ("x = 1\n# a comment\ndef f():\n    return x\n", True),
        ("x = 2\ndef f():\n    return x\n", False),
        ("x = 1\ndef f():\n    return 'a # b'\n", False),
        ("x = 1\ndef f():\n    return (\n        'x'\n    )\n", False),
    ],
)
def test_only_what_is_run_counts(other, same):
    plain = '"""Of it."""\n\nx = 1\n\ndef f():\n    return x\n'
    assert (bare(other) == bare(plain)) is same


def test_a_hash_in_a_string_is_no_comment_and_a_value_no_docstring():
    assert bare("x = 'a # b'  # c\n") == "x = 'a # b'"
    assert bare("def f(\n    a='b',\n):\n    return (\n        'c'\n    )\n") == (
        "def f(\n    a='b',\n):\n    return (\n        'c'\n    )"
    )
    assert bare("x = f'{1} # {2}'\n") == "x = f'{1} # {2}'"


@pytest.fixture
def modules(tmp_path, monkeypatch):
    """Files of a package in the working directory."""
    monkeypatch.chdir(tmp_path)

    def write(**texts):
        (tmp_path / "own" / "below").mkdir(parents=True, exist_ok=True)
        for name in ("own/__init__.py", "own/below/__init__.py"):
            (tmp_path / name).touch()
        for name, text in texts.items():
            (tmp_path / "own" / f"{name.replace('__', '/')}.py").write_text(text)

    return write


@pytest.mark.parametrize(
    "statement",
    [
        "import own.other",
        "import own.other as o",
        "from own import other",
        "from own.other import x",
        "from . import other",
        "from .other import x",
        "from .below.deep import x",
        "def f():\n    from own import other",
        "try:\n    import own.other\nexcept ImportError:\n    pass",
        "class A:\n    if True:\n        from .other import x",
    ],
)
def test_every_way_to_import_is_followed(modules, statement):
    modules(part=statement, other="x = 1", below__deep="from ..other import x")
    found = closure(["own.part"])
    assert {"own", "own.part", "own.other"} <= set(found)


def test_what_is_imported_for_types_alone_does_not_count(modules):
    text = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from own.other import x\n"
    modules(part=text, other="x = 1")
    assert set(closure(["own.part"])) == {"own", "own.part"}


def test_a_circle_of_imports_ends_and_a_library_is_left_out(modules):
    modules(part="import own.other, numpy", other="from own.part import x")
    assert set(closure(["own.part", "own.nowhere"])) == {"own", "own.part", "own.other"}


def test_a_part_that_is_no_python_is_one_line(modules):
    modules(part="x = 1\ndef f(:\n")
    with pytest.raises(ParamsError, match=r"own/part.py:2: not valid Python"):
        digests(["own.part"])


def test_parts_are_found_by_the_names_that_rows_give():
    row = Row(
        encoder=Part(name="cnn10"),
        views=["clean"],
        terms=[Part(name="ccc"), Part(name="own.part")],
        weighting=Part(name="dwa-2"),
        emotions=Part(name="fixed"),
    )
    assert part_modules(row) == [
        "harness.learning.encoders.cnn10",
        "harness.learning.heads.point",
        "harness.learning.terms.ccc",
        "own.part",
        "harness.learning.weightings.dwa_2",
        "harness.learning.weightings.fixed",
    ]
