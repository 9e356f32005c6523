"""harness.config.strict: what the file says is what is read, or its fault is named."""

from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import Field

from harness.config.strict import Strict, block, profile, read_yaml, section
from harness.errors import ParamsError


class Encoder(Strict):
    rate: float
    width: int
    name: Literal["cnn10", "cnn14"] = "cnn10"
    shape: tuple[int, int] = (1, 1)
    frozen: bool = False
    tags: list[str] = Field(default=[])


class Log(Strict):
    kind: Literal["log"]
    floor: float


class Flat(Strict):
    kind: Literal["flat"]


class Whole(Strict):
    encoder: Encoder
    rows: dict[str, Encoder] = Field(default={})
    spare: Encoder | None = None
    scale: Annotated[Log | Flat, Field(discriminator="kind")] | None = None


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "params.yaml"


def fault(file: Path, text: str) -> str:
    """The message that reading `text` as a `Whole` ends with, from the file's name on."""
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ParamsError) as caught:
        block(Whole, "", file)
    return str(caught.value)[len(str(file.parent)) + 1 :]


GOOD = "encoder:\n  rate: 1e-8\n  width: 3\n"


def test_scientific_notation_is_a_float_and_a_whole_number_may_be_one(file: Path) -> None:
    file.write_text(GOOD + "rows:\n  a: {rate: 2, width: 1}\n")
    read = block(Whole, "", file)
    assert read.encoder.rate == 1e-8
    assert isinstance(read.rows["a"].rate, float)


def test_list_fills_a_tuple(file: Path) -> None:
    file.write_text(GOOD + "  shape: [4, 5]\n")
    assert block(Encoder, "encoder", file).shape == (4, 5)


def test_anchors_and_merges_are_resolved(file: Path) -> None:
    file.write_text(
        "encoder: &base\n  rate: 1e-3\n  width: 3\n  frozen: &f true\n"
        "rows:\n  same: *base\n  wider: {<<: *base, width: 4, frozen: *f}\n"
    )
    read = block(Whole, "", file)
    assert read.rows["same"] == read.encoder
    assert read.rows["wider"] == read.encoder.model_copy(update={"width": 4})
    assert read.rows["wider"].frozen is True


def test_values_are_final(file: Path) -> None:
    file.write_text(GOOD)
    with pytest.raises(ValueError, match="frozen"):
        block(Encoder, "encoder", file).width = 4


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            GOOD + "  widht: 3\n",
            "params.yaml:4: 'encoder.widht' is not a key; did you mean 'width'?",
        ),
        (
            "encoder:\n  rate: 1\n  widht: 3\n",
            "params.yaml:3: 'encoder.widht' is not a key; did you mean 'width'?",
        ),
        (
            GOOD + "rows:\n  a:\n    rate: 1\n    width: 1\n    tag: []\n",
            "params.yaml:8: 'rows.a.tag' is not a key; did you mean 'tags'?",
        ),
        (
            GOOD + "spare: {rate: 1, width: 1, shap: [1, 1]}\n",
            "params.yaml:4: 'spare.shap' is not a key; did you mean 'shape'?",
        ),
        (
            GOOD + "scale:\n  kind: log\n  flor: 1\n",
            "params.yaml:6: 'scale.flor' is not a key; did you mean 'floor'?",
        ),
        (GOOD + "scale: {kind: log}\n", "params.yaml:4: 'scale.floor' is missing"),
        ("encoder:\n  rate: 1\n", "params.yaml:1: 'encoder.width' is missing"),
        (
            GOOD + "  name: cnn100\n",
            "params.yaml:4: 'encoder.name' = 'cnn100': Input should be 'cnn10' or 'cnn14'; "
            "did you mean 'cnn10'?",
        ),
        ("encoder:\n  rate: 1\n  width: 3.5\n", "params.yaml:3: 'encoder.width' = 3.5"),
        ("encoder:\n  rate: 1\n  width: 3.0\n", "params.yaml:3: 'encoder.width' = 3.0"),
        ("encoder:\n  rate: 1\n  width: '3'\n", "params.yaml:3: 'encoder.width' = '3'"),
        ("encoder:\n  rate: 1\n  width: true\n", "params.yaml:3: 'encoder.width' = True"),
        ("encoder:\n  rate: .nan\n  width: 3\n", "params.yaml:2: 'encoder.rate' = nan"),
        (GOOD + "  frozen: 'no'\n", "params.yaml:4: 'encoder.frozen' = 'no'"),
        (GOOD + "  tags:\n    - a\n    - 1\n", "params.yaml:6: 'encoder.tags.1' = 1"),
        ("encoder:\n", "params.yaml:1: 'encoder' = None"),
        (GOOD + "3: 1\n", "params.yaml:1: '3' is not a key"),
        ("encoder: [1, 2\nrows: 1\n", "params.yaml:2: not valid YAML"),
        ("encoder: 1\nencoder: 2\n", "params.yaml:2: not valid YAML: found duplicate key"),
        ("encoder: *base\n", "params.yaml:1: not valid YAML: found undefined alias"),
        ("rows: 1\nencoder: &x {a: *x}\n", "params.yaml:2: '*x' stands inside '&x', so that it"),
        ("a: &x\n  - 1\n  - &y [*x]\n", "params.yaml:3: '*x' stands inside '&x'"),
        ("a: &x\n  <<: *x\n", "params.yaml:2: '*x' stands inside '&x'"),
        ("", "params.yaml: expected a mapping"),
        ("- 1\n", "params.yaml: expected a mapping"),
    ],
)
def test_fault_names_line_key_and_remedy(file: Path, text: str, message: str) -> None:
    assert fault(file, text).startswith(message)


def test_missing_file_and_odd_bytes_are_named(file: Path) -> None:
    with pytest.raises(ParamsError, match=r"params\.yaml is missing; run from"):
        read_yaml(file)
    file.write_bytes(b"a: \xff\n")
    with pytest.raises(ParamsError, match="not UTF-8 text at byte 3"):
        read_yaml(file)


def test_missing_block_names_the_nearest(file: Path) -> None:
    file.write_text("corpsu: {}\n")
    with pytest.raises(ParamsError, match=r"'corpus' is missing; did you mean 'corpsu'\?"):
        section("corpus", file)


@pytest.mark.parametrize("name", ["../up", "a/b", "-x", "Upper", "a b", "''", "3", "a.b"])
def test_profile_is_a_plain_folder_name(file: Path, name: str) -> None:
    file.write_text(f"corpus: {{}}\nprofile: {name}\n")
    with pytest.raises(ParamsError, match=r"params\.yaml:2: 'profile' = "):
        profile(file)
    file.write_text("profile: hume-vb\n")
    assert profile(file) == "hume-vb"
