"""One rule for the names of profiles, families and rows, known to every reader."""

import re
from pathlib import Path

import pytest

from harness.config.names import OTHERS, RULE, name, profile_name
from harness.config.rows import families, read_family, read_rows
from harness.config.strict import profile
from harness.errors import ParamsError

GOOD = ["resnet18-rrtn-ruwl", "a", "9", "my_row", "x" * 64, "1e-5"]
BAD = [
    *("resnet18-v1.5", "my row", "-dash", "a@b", "row[1]", "a;b", "$HOME", "${HOME}", "a/b", ".."),
    *("", "_a", "A", "é", "a\n", "x" * 65, "a+b=c", "a:b", "a,b", "{a}", "a*", "~", "a'b", 'a"b'),
]


@pytest.mark.parametrize("text", GOOD)
def test_a_name_is_taken_and_is_safe_in_shell_path_and_key(text):
    assert name(text) == text
    assert not re.search(r"[^A-Za-z0-9_-]", text)


@pytest.mark.parametrize("text", BAD)
def test_what_is_no_name_is_refused_with_the_rule(text):
    with pytest.raises(ValueError, match=re.escape(RULE)):
        name(text)


@pytest.mark.parametrize("text", OTHERS)
def test_a_profile_is_not_called_like_a_folder_with_another_meaning(text):
    assert name(text) == text
    with pytest.raises(ValueError, match=f"{text}.*rename it"):
        profile_name(text)


@pytest.fixture
def write(tmp_path, monkeypatch):
    """params.yaml and rows.yaml with a name in some place; current directory."""
    monkeypatch.chdir(tmp_path)

    def files(table2="a", row="mine/b", kind="it", family="mine", profile="toy", seeds="[1]"):
        block = "{encoder: cnn10, views: [clean], terms: [ccc], weighting: fixed"
        Path("params.yaml").write_text(
            f"profile: {profile!r}\nseeds: {seeds}\nfamilies: {{{family!r}: {{seeds: {seeds}}}}}\n"
        )
        Path("rows.yaml").write_text(
            f"table2:\n  {table2!r}: {block}}}\n"
            f"rows:\n  {row!r}: {block}, against: {{{kind!r}: table2/a}}}}\n"
        )

    return files


def test_good_names_are_read(write):
    write()
    assert (profile(), families()) == ("toy", ["table2", "mine"])
    assert list(read_family("mine").rows) == ["mine/b"]


PLACES = {
    "table2": ("{}", read_rows),
    "row": ("mine/{}", read_rows),
    "family": ("{}", families),
    "kind": ("{}", read_rows),
    "profile": ("{}", profile),
}


@pytest.mark.parametrize("text", ["resnet18-v1.5", "my row", "-dash", "a@b", "$HOME", "row[1]"])
@pytest.mark.parametrize("place", PLACES)
def test_every_reader_refuses_a_name_in_one_line_with_the_rule(write, text, place):
    form, read = PLACES[place]
    write(**{place: form.format(text)})
    with pytest.raises(ParamsError, match=r"(params|rows)\.yaml:?.*: ") as caught:
        read()
    assert "\n" not in str(caught.value)
    assert RULE in str(caught.value)


@pytest.mark.parametrize("seed", ["-1", "4294967296", "1.0", "one"])
def test_a_seed_that_a_generator_does_not_take_is_refused(write, seed):
    write(seeds=f"[{seed}]")
    with pytest.raises(ParamsError, match=r"'seeds\.0' = "):
        families()


def test_a_seed_is_listed_once(write):
    write(seeds="[1, 1]")
    with pytest.raises(ParamsError, match="1 is listed twice"):
        families()
