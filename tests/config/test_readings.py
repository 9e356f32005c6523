"""harness.config.readings: presets, what differs from them, and what a row changes."""

import shutil

import pytest

from harness.config.readings import PRESETS, SILENCE, Readings, read_readings
from harness.config.rows import Row
from harness.errors import ParamsError
from tests.readings import REPOSITORY, readings


@pytest.fixture
def params(tmp_path, monkeypatch):
    shutil.copytree(REPOSITORY / PRESETS, tmp_path / PRESETS)
    monkeypatch.chdir(tmp_path)

    def write(text):
        path = tmp_path / "params.yaml"
        path.write_text(f"readings:\n  {text}\n")
        return path

    return write


def test_a_preset_alone_gives_every_key_its_value(params):
    assert read_readings(path=params("preset: paper")) == readings()
    released = read_readings(path=params("preset: released"))
    assert (released.epochs, released.ccc_loss, released.dev_crop) == (150, "pooled", "random")
    assert released.ruwl_start == [1, 1, 0.001]


def test_the_presets_differ_where_the_release_contradicts_the_text():
    release = REPOSITORY / PRESETS / "released.yaml"
    shown = {line.split(":")[0] for line in release.read_text().splitlines() if ":" in line}
    assert set(Readings.model_fields) <= shown
    paper = readings().model_dump()
    released = read_readings_of("released").model_dump()
    different = {key for key in paper if paper[key] != released[key]}
    assert different == {
        *("epochs", "ccc_loss", "mask_axes", "barlow_twins", "ruwl_start"),
        *("head_dropout", "dev_crop", "selection"),
    }


def read_readings_of(preset):
    from harness.config.strict import block

    return block(Readings, {}, REPOSITORY / PRESETS / f"{preset}.yaml")


def test_a_key_in_params_comes_before_the_presets(params):
    found = read_readings(path=params("preset: released\n  epochs: 4\n  padding: silence"))
    assert (found.epochs, found.padding, found.ccc_loss) == (4, "silence", "pooled")
    assert found.padding_level == SILENCE


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"ccc_loss": "pooled"},
        {"fixed_weights": [1, 1, 1e-5]},
        {"epochs": 7, "padding": "zero_db"},
    ],
)
def test_a_row_changes_readings(params, changed):
    expected = readings(epochs=3).model_dump() | changed
    assert read_readings(changed, params("preset: paper\n  epochs: 3")).model_dump() == expected


def test_a_row_may_change_the_preset_and_keeps_what_params_sets(params):
    found = read_readings({"preset": "released"}, params("preset: paper\n  epochs: 3"))
    assert (found.epochs, found.ccc_loss) == (3, "pooled")


@pytest.mark.parametrize(
    ("text", "changed", "message"),
    [
        ("preset: papr", {}, r"'papr' is not one of \['paper', 'released'\]"),
        ("epochs: 3", {}, "'readings.preset' is missing"),
        ("preset: paper\n  epoch: 3", {}, "params.yaml:3: 'readings.epoch'.*mean 'epochs'"),
        ("preset: paper\n  ccc_loss: poold", {}, "params.yaml:3: .*mean 'pooled'"),
        ("preset: paper\n  epochs: 0", {}, "'readings.epochs' = 0"),
        ("preset: paper\n  head_dropout: 1", {}, "'readings.head_dropout' = 1"),
        ("preset: paper\n  fixed_weights: [1, 1]", {}, "'readings.fixed_weights'"),
        ("preset: paper\n  epochs:", {}, "params.yaml:3: 'readings.epochs' = None"),
        ("preset: paper", {"ccc_los": "pooled"}, "mean 'ccc_loss'"),
        ("preset: paper", {"ccc_loss": "poled"}, "mean 'pooled'"),
        ("preset: paper", {"preset": "papr"}, "'papr' is not one of"),
        (
            "preset: paper\n  mask_place: after_bn0\n  mask_fill: silence",
            {},
            "needs mask_place: before_bn0",
        ),
    ],
)
def test_mistakes_are_named_with_what_would_be_right(params, text, changed, message):
    with pytest.raises(ParamsError, match=message):
        read_readings(changed, params(text))


def test_the_choice_of_an_epoch_is_no_part_of_a_training_unless_it_holds_speakers_out():
    last, best, held_out = (readings(selection=s).trained() for s in ("last", "best", "held_out"))
    assert last == best != held_out


@pytest.mark.parametrize(("longer", "epochs", "late"), [(1, 10, 2), (2, 20, 4), (0.1, 1, 1)])
def test_a_longer_row_has_the_same_share_of_late_epochs(params, longer, epochs, late):
    block = {"encoder": "cnn10", "views": ["clean"], "terms": ["ccc"], "weighting": "fixed"}
    found = Row(**block, longer=longer).read(params("preset: paper\n  epochs: 10"))
    assert (found.epochs, found.late, found.late_epochs) == (epochs, 0.2, late)


def test_every_reading_says_what_it_decides():
    assert all(field.description for field in Readings.model_fields.values())


def test_the_protocol_lists_every_reading():
    protocol = (REPOSITORY / "docs/protocol.md").read_text(encoding="utf-8")
    table = protocol[protocol.index("## Readings") :]
    assert [key for key in Readings.model_fields if f"`{key}`" not in table] == []
