"""One rule for rows and profiles, known to every reader of params.yaml."""

import re

import pytest

from harness.config.names import OTHERS, RULE, name, profile_name, varied
from harness.config.readings import changes
from harness.config.strict import block, profile
from harness.config.table import Sensitivity, Table, read_table, row_blocks
from harness.errors import ParamsError

GOOD = ["resnet18-rrtn-ruwl", "a", "9", "my_row", "x" * 64, "1e-5"]
BAD = [
    *("resnet18-v1.5", "my row", "-dash", "a@b", "row[1]", "a;b", "$HOME", "${HOME}", "a/b", ".."),
    *("", "_a", "A", "é", "a\n", "x" * 65, "a+b=c", "a:b", "a,b", "{a}", "a*", "~", "a'b", 'a"b'),
]
CHANGED = ["a+epochs=3", "a+fixed_weights=1,1,1e-5", "a+ccc_loss=pooled+head_dropout=0.5"]
UNCHANGED = ["a", "a+", "a+b", "a+b=", "a+b=c d", "a+b=$HOME", "a+b=c;d", "A+b=c", "a+b=c/d"]


@pytest.mark.parametrize("text", GOOD)
def test_a_name_is_taken_and_is_safe_in_shell_path_and_key(text):
    assert name(text) == text
    assert not re.search(r"[^A-Za-z0-9_-]", text)


@pytest.mark.parametrize("text", BAD)
def test_what_is_no_name_is_refused_with_the_rule(text):
    with pytest.raises(ValueError, match=re.escape(RULE)):
        name(text)


@pytest.mark.parametrize("text", CHANGED)
def test_a_row_with_changed_readings_is_taken(text):
    assert varied(text) == text
    assert changes(text)


@pytest.mark.parametrize("text", [*UNCHANGED, "a" + "+b=c" * 60])
def test_other_rows_with_changes_are_refused(text):
    with pytest.raises(ValueError, match=r"row\+key=value|no name|longer"):
        varied(text)


@pytest.mark.parametrize("text", OTHERS)
def test_a_profile_is_not_called_like_a_folder_with_another_meaning(text):
    assert name(text) == text
    with pytest.raises(ValueError, match=f"{text}.*rename it"):
        profile_name(text)


@pytest.fixture
def write(tmp_path):
    def params(row="a", listed=None, varied="a+epochs=3", profile="toy", seeds="[1]"):
        path = tmp_path / "params.yaml"
        path.write_text(
            f"profile: {profile!r}\nrows:\n  {row!r}: {{encoder: cnn10, method: vanilla}}\n"
            f"table: {{rows: [{(row if listed is None else listed)!r}], seeds: {seeds}}}\n"
            f"sensitivity: {{rows: [{varied!r}], seeds: {seeds}}}\n"
        )
        return path

    return params


def test_good_names_are_read(write):
    path = write()
    assert read_table(path)[0] == "toy"
    assert list(row_blocks(path)) == ["a"]
    assert block(Sensitivity, "sensitivity", path).rows == ["a+epochs=3"]


def sensitivity(path):
    return block(Sensitivity, "sensitivity", path)


@pytest.mark.parametrize("text", ["resnet18-v1.5", "my row", "-dash", "a@b", "$HOME", "row[1]"])
@pytest.mark.parametrize(
    ("key", "form", "read"),
    [
        ("row", "{}", read_table),
        ("row", "{}", row_blocks),
        ("listed", "{}", read_table),
        ("profile", "{}", profile),
        ("varied", "{}+epochs=3", sensitivity),
        ("varied", "a+epochs={} ", sensitivity),
    ],
)
def test_every_reader_refuses_a_name_in_one_line_with_the_rule(write, text, key, form, read):
    with pytest.raises(ParamsError, match=r"params\.yaml:?.*: ") as caught:
        read(write(**{key: form.format(text)}))
    assert "\n" not in str(caught.value)
    assert RULE in str(caught.value) or "letters, digits" in str(caught.value)


@pytest.mark.parametrize("seed", ["-1", "4294967296", "1.0", "one"])
def test_a_seed_that_a_generator_does_not_take_is_refused(write, seed):
    path = write(seeds=f"[{seed}]")
    for model, key in ((Table, "table"), (Sensitivity, "sensitivity")):
        with pytest.raises(ParamsError, match=rf"'{key}\.seeds\.0' = "):
            block(model, key, path)
