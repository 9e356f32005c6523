"""docs/extending.md, followed to the letter in a copy of the repository, by way of DVC."""

import json
import re
import sys

import pytest
from ruamel.yaml import YAML

from tests.clone import PARAMS, REPOSITORY, ROWS, clone, dvc, run, small_params, stale, write

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:dvc")  # of DVC itself

RRTN = ROWS["table2"]["cnn10-rrtn-ruwl"] | {"weighting": "fixed", "against": {"local": "cnn10"}}
TABLE2 = {"cnn10": ROWS["table2"]["cnn10"], "cnn10-rrtn": RRTN}
FAMILIES = {
    "mine": ["cnn10-silent"],
    "recurrent": ["crnn", "crnn-likelihood"],
    "together": ["ridge", "constant", "ensemble"],
}
MEMBERS = 2  # of together/members, which stands in no table


def examples():
    """(file, content) of every block of code of the page whose first line names a file."""
    page = (REPOSITORY / "docs" / "extending.md").read_text(encoding="utf-8")
    return re.findall(r"```\w+\n# (\S+(?:, after)?)\n(.*?)```", page, re.DOTALL)


def add_examples(folder):
    """Write the page's files, rows and families into the clone."""
    yaml = YAML(typ="safe")
    params, rows = (yaml.load(folder / name) for name in ("params.yaml", "rows.yaml"))
    for file, content in examples():
        if file == "rows.yaml":
            rows["rows"] |= yaml.load(content)
        elif file == "rows.yaml, after":
            rows["after"] |= yaml.load(content)
        elif file == "params.yaml":
            params["families"] |= yaml.load(content)["families"]
        else:
            (folder / file).write_text(content, encoding="utf-8")
    write(folder, params, rows)


def records(folder):
    """Every trained cell's record, and when it was written."""
    files = (folder / "runs" / "small").glob("*/*/*/record.json")
    return {str(f.relative_to(folder)): (f.read_bytes(), f.stat().st_mtime_ns) for f in files}


def harness(folder, *arguments):
    done = run(folder, sys.executable, "-m", *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def extended(tmp_path_factory):
    """The clone with Table 2's rows, and what their cells were before anything was added."""
    folder = clone(tmp_path_factory.mktemp("clone"))
    patch = pytest.MonkeyPatch()
    patch.setenv("DVC_SITE_CACHE_DIR", str(folder / ".dvc" / "site"))
    rows = {"table2": TABLE2, "rows": {}, "after": {}}
    small_params(folder, rows, families={}, seeds=[1])
    dvc(folder, "repro", *(f"train@{row}" for row in TABLE2))
    before = records(folder)
    assert len(before) == len(TABLE2) * 1
    add_examples(folder)
    yield folder, before
    patch.undo()


def test_the_page_shows_a_file_of_each_kind_of_part():
    files = [file for file, _ in examples()]
    assert files.count("rows.yaml") == files.count("params.yaml") == len(FAMILIES)
    assert files.count("rows.yaml, after") == 1
    assert len([file for file in files if file.startswith("parts/")]) == 5


def test_what_the_page_adds_is_valid_trains_and_stands_in_a_table(extended):
    folder, before = extended
    said = harness(folder, "harness.cli", "validate")
    targets = []
    harness(folder, "harness.launch", "--jobs", "1", "--family", "all")
    for family, rows in FAMILIES.items():
        assert all(f"{family}/{row}" in said for row in rows)
        targets += [f"families/dvc.yaml:{stage}@{family}" for stage in ("table", "draw")]
    dvc(folder, "repro", *targets)
    for family, rows in FAMILIES.items():
        table = json.loads((folder / f"results/small/{family}.json").read_text(encoding="utf-8"))
        own = [row for row in table["rows"] if not row["row"].startswith("table2/")]
        assert [row["row"] for row in own] == rows
        assert all(row["against"] for row in own)
        baselines = {each["baseline"] for row in own for each in row["against"].values()}
        others = {row["row"] for row in table["rows"] if row not in own}
        assert others == {name for name in baselines if name.startswith("table2/")}
    assert {cell: after for cell, after in records(folder).items() if cell in before} == before
    assert len(records(folder)) == len(before) + sum(map(len, FAMILIES.values())) + MEMBERS
    assert not {stage for stage in stale(folder, families=True) if "train" in stage}


MISTAKES = {  # in a block, and what the one line about it names
    "part": ({"encoder": "cnn11"}, ["mine/wrong", "cnn11", "cnn10"]),
    "key of a part": ({"encoder": {"parts.crnn": {"chanels": 8}}}, ["mine/wrong", "'channels'"]),
    "key of a row": ({"wieghting": "fixed"}, ["mine/wrong", "'weighting'"]),
    "against nobody": ({"against": {"x": "table2/cnn01"}}, ["mine/wrong", "'table2/cnn10'"]),
    "against another family": ({"against": {"x": "recurrent/crnn"}}, ["mine/wrong", "own family"]),
    "after without its block": ({"after": "table2/cnn10"}, ["mine/wrong", "'after'"]),
    "reading": ({"readings": {"mask_fil": "mean"}}, ["mine/wrong", "'mask_fill'"]),
}


EACH = """
import shutil, sys

from harness.cli import main

for case in sys.argv[1:]:
    shutil.copy(case, "rows.yaml")
    try:
        main(["validate"])
    except SystemExit as end:
        print(end.code, end="\\0")
"""


@pytest.fixture(scope="module")
def told(extended, tmp_path_factory):
    """What `harness validate` says of each mistake, in one process: a start takes seconds."""
    folder, cases = extended[0], tmp_path_factory.mktemp("mistakes")
    yaml = YAML(typ="safe")
    params, rows = (yaml.load(folder / name) for name in ("params.yaml", "rows.yaml"))
    wrong = {key: value for key, value in TABLE2["cnn10"].items() if key != "against"}
    for number, (changes, _) in enumerate(MISTAKES.values()):
        (cases / str(number)).mkdir()
        block = {"mine/wrong": wrong | changes}
        write(cases / str(number), params, rows | {"rows": rows["rows"] | block})
    files = [str(cases / str(number) / "rows.yaml") for number in range(len(MISTAKES))]
    try:
        done = run(folder, sys.executable, "-c", EACH, *files)
    finally:
        write(folder, params, rows)
    assert (done.returncode, done.stderr) == (0, "")
    return dict(zip(MISTAKES, done.stdout.split("\0")[:-1], strict=True))


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_line_with_the_row_and_the_nearest_name(told, mistake):
    _, named = MISTAKES[mistake]
    assert "\n" not in told[mistake]
    assert told[mistake].startswith("error: ")
    assert all(name in told[mistake] for name in named), told[mistake]


def test_a_family_without_rows_is_one_line(extended):
    folder, _ = extended
    yaml = YAML(typ="safe")
    params, rows = (yaml.load(folder / name) for name in ("params.yaml", "rows.yaml"))
    try:
        write(folder, params | {"families": {"mime": {}}}, rows)
        done = run(folder, sys.executable, "-m", "harness.cli", "validate")
    finally:
        write(folder, params, rows)
    assert done.returncode != 0
    assert (done.stderr.count("\n"), "'mime'" in done.stderr, "'mine'" in done.stderr) == (
        1,
        True,
        True,
    )


def test_the_small_params_are_as_whole_as_the_repositorys():
    assert set(PARAMS) == set(YAML(typ="safe").load(REPOSITORY / "params.yaml"))
