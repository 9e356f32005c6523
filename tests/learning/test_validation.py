"""What parameters decide is refused before the first cell trains, by stage, launch and command."""

from pathlib import Path

import numpy as np
import pytest
import torch

from harness.config.rows import Part
from harness.config.strict import parse
from harness.config.training import Train
from harness.errors import FeaturesError, HarnessError, ParamsError
from harness.learning import validation
from harness.learning.parts import Setting, build
from harness.learning.validation import check, summary, validate, validate_once
from harness.options import CORES
from stages import train as stage
from tests.learning.packed import write_split
from tests.processes import run
from tests.readings import readings
from tests.tree import PARAMS, RUWL, VANILLA, small, write, write_tree

ROW = "table2/cnn10-rrtn-ruwl"
CRNN = """\
from torch import nn

from harness.config.strict import Strict
from harness.learning.encoders import Encoder


class Params(Strict):
    wide: int = 4


class CRNN(Encoder):
    def __init__(self, params, setting):
        super().__init__(params, setting)
        self.size = 6
        self.layer = nn.Sequential(nn.Conv2d(1, params.wide, 3, padding=1), nn.AvgPool2d(4))
        self.recurrent = nn.GRU(params.wide * (setting.bands // 4), 6, batch_first=True)

    def maps(self, x):
        return [self.layer(x)]

    def pool(self, last):
        return self.recurrent(last.transpose(1, 2).flatten(2))[1][-1]
"""
LOOKING = """\
from harness.learning.encoders.cnn10 import CNN10


class Looking(CNN10):
    def pool(self, last):
        return super().pool(last) * float(last.mean() > 0)
"""


def edit(folder, **changes):
    """The small files with `changes`, dotted by "__", below rows.yaml's blocks or params.yaml."""
    params, rows = small()
    for key, value in changes.items():
        *above, last = key.split("__")
        place = rows if above and above[0] in rows else params
        for name in above:
            place = place[name]
        place[last] = value
    write(folder, params, rows)


@pytest.fixture
def tree(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    return write_tree(tmp_path)


FAULTS = {
    "few frames": (
        {"table2__cnn10__encoder": "cnn14", "train__frames": 16},
        ["rows.yaml: table2/cnn10: train.frames = 16", "try 32"],
    ),
    "a weight of 0": (
        {"rows__mine/resnet18": RUWL | {"readings": {"ruwl_start": [1, 0, 1]}}},
        ["rows.yaml: mine/resnet18: ", "divides by"],
    ),
    "a weight of 0 on an emotion": (
        {
            "table2__cnn10__emotions": {"ruwl": {"scale": [1, 1, 1]}},
            "readings__ruwl_start": [1, 1, 0],
        },
        ["rows.yaml: table2/cnn10: ", "divides by"],
    ),
    "an unknown rule": (
        {"rows__mine/resnet18__weighting": "ruwk"},
        ["mine/resnet18", "did you mean 'ruwl'?"],
    ),
    "an unknown key of a part": (
        {"rows__mine/resnet18__weighting": {"fixed": {"wieghts": [1]}}},
        ["rows.yaml: mine/resnet18: ", "did you mean 'weights'?"],
    ),
    "weights for other losses": (
        {"rows__mine/resnet18__weighting": {"fixed": {"weights": [1, 1]}}},
        ["mine/resnet18", "2 numbers for 1 losses"],
    ),
    "one view for two": (
        {"rows__mine/resnet18__terms": ["ccc_masked"]},
        ["rows.yaml: mine/resnet18: term ccc_masked needs 2 views, the row has "],
    ),
    "threads": (
        {"train__threads": CORES + 1, "train__arithmetic": "fast"},
        ["params.yaml: train.threads", f"{CORES} cores"],
    ),
    "batch": ({"train__batch": 17}, ["table2/cnn10", "16 train clips", "lower train.batch"]),
    "held out": (
        {"rows__mine/resnet18__readings": {"selection": "held_out"}, "train__batch": 16},
        ["mine/resnet18", "12 train clips", "lower train.batch"],
    ),
    "a reading": (
        {"rows__mine/resnet18__readings": {"epoch": 3}},
        ["rows.yaml: mine/resnet18: ", "'epochs'"],
    ),
    "statistics": ({"statistics__level": 95}, ["params.yaml", "statistics.level"]),
    "no statistics": ({"statistics": None}, ["'statistics' = None"]),
    "seeds": ({"seeds": [1, -1]}, ["params.yaml", "seeds.1"]),
    "seeds that the other row lacks": (
        {"families__mine": {"seeds": [1, 7]}},
        ["mine/resnet18 is trained with seed 7, but table2/cnn10", "the same seeds"],
    ),
    "after a family without these seeds": (
        {"after__mine/second": VANILLA | {"after": "table2/cnn10"}, "families__mine": {}}
        | {"rows__mine/resnet18__against": {}, "families__mine__seeds": [3]},
        ["mine/second is trained with seed 3, but table2/cnn10"],
    ),
    "a family without rows": ({"families__mime": {}}, ["'mime'", "did you mean 'mine'?"]),
    "a row's name": ({"rows__mine/a;b": VANILLA}, ["rows.yaml", "use a-z"]),
    "profile": ({"profile": "raw"}, ["'profile' = 'raw'", "rename it"]),
}


def assert_refused(tree, line, words):
    assert line.startswith(("params.yaml:", "rows.yaml:"))
    assert "\n" not in line
    assert [word for word in words if word not in line] == []
    assert not [*tree.glob("runs/**/record.json"), *tree.glob("scratch/**/*.safetensors")]
    assert not list(tree.glob("scratch/**/record.json"))


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_one_line_and_nothing_is_trained(tree, fault):
    changes, words = FAULTS[fault]
    edit(tree, **changes)
    with pytest.raises(ParamsError) as caught:
        stage.main(["table2/cnn10-rrtn-ruwl", "--seed", "1"])
    assert_refused(tree, str(caught.value), words)
    with pytest.raises(ParamsError) as again:
        validate()
    assert str(again.value) == str(caught.value)


@pytest.mark.parametrize("fault", ["few frames", "a reading", "a row's name", "seeds"])
@pytest.mark.parametrize(
    "command", [["harness.launch", "--family", "all"], ["harness.cli", "validate"]]
)
def test_launch_and_command_refuse_it_too(tree, command, fault):
    changes, words = FAULTS[fault]
    edit(tree, **changes)
    done = run(*command, folder=tree)
    assert done.returncode == 1
    assert_refused(tree, done.stderr.removeprefix("error: ").removesuffix("\n"), words)


def test_the_command_counts_parameters_and_finished_cells(tree):
    (tree / "mine").mkdir()
    (tree / "mine" / "crnn.py").write_text(CRNN)
    edit(tree, **{"rows__mine/crnn": VANILLA | {"encoder": {"mine.crnn": {"wide": 2}}}})
    stage.main(["table2/cnn10", "--seed", "2"])
    header, *lines = summary().splitlines()
    assert header.split() == ["row", "encoder", "parameters", "cells"]
    found = {line.split()[0]: line.split()[1:] for line in lines}
    assert list(found) == ["table2/cnn10", ROW, "mine/resnet18", "mine/crnn"]
    assert found["table2/cnn10"][2:] == ["1", "of", "2"]
    # 3·3·2 + 2 of the convolution, a GRU of 2·16 inputs and 6 units, a head of 3 targets
    count = (9 * 2 + 2) + 3 * 6 * (32 + 6 + 2) + (6 + 1) * 3
    assert found["mine/crnn"] == ["mine.crnn", f"{count:,}", "0", "of", "1"]


def test_an_encoder_that_divides_its_bands_passes_and_too_few_bands_are_told(tree):
    (tree / "halving").mkdir()
    (tree / "halving" / "crnn.py").write_text(CRNN)
    edit(tree, **{"rows__mine/crnn": VANILLA | {"encoder": "halving.crnn"}})
    validate()
    row = validate()["mine/crnn"][0]
    with pytest.raises(ParamsError, match=r"rows.yaml: mine/crnn: features.bands = 3 is too few"):
        check(row.row, row.train, row.readings, "mine/crnn", 3, 3)


def test_an_encoder_that_looks_at_values_is_left_to_the_training(tree):
    (tree / "looking").mkdir()
    (tree / "looking" / "encoder.py").write_text(LOOKING)
    edit(tree, **{"rows__mine/looking": VANILLA | {"encoder": "looking.encoder"}})
    assert [cell.name for cell in validate()["mine/looking"]] == ["mine/looking"]


def least(encoder, which):
    """Frames or bands with which the encoder runs at the least, by trying each number."""
    train = parse(Train, PARAMS["train"], "train")
    for size in range(1, 65):
        frames, bands = (size, 64) if which == "frames" else (64, size)
        setting = Setting(train, readings(), bands, 3)
        network = build("encoders", Part(name=encoder), setting)
        try:
            network(torch.zeros(2, 1, frames, bands))
        except RuntimeError:
            continue
        return size
    raise AssertionError


@pytest.mark.parametrize("encoder", ["cnn10", "cnn14"])
@pytest.mark.parametrize("which", ["frames", "bands"])
def test_one_less_than_an_encoder_needs_is_refused_and_as_many_are_taken(tree, encoder, which):
    enough = least(encoder, which)
    for size, taken in ((enough - 1, False), (enough, True)):
        if which == "bands":
            for split in ("train", "dev"):
                rng, lengths = np.random.default_rng(0), [40] * 16
                levels = rng.normal(size=(sum(lengths), size))
                write_split(tree / "features" / "toy", split, lengths, rng, levels=levels)
        params, _ = small()
        params["train"]["frames"] = size if which == "frames" else 64
        rows = {"table2": {"one": VANILLA | {"encoder": encoder}}, "rows": {}, "after": {}}
        write(tree, params | {"families": {}}, rows)
        if taken:
            validate()
        else:
            key = {"frames": "train.frames", "bands": "features.bands"}[which]
            fault = f"{key} = {size} is too few for its encoder; try {enough} \\("
            with pytest.raises(ParamsError, match=fault):
                validate()


def test_missing_features_are_told_with_the_command(tree):
    (tree / "features" / "toy" / "train.npy").unlink()
    with pytest.raises(FeaturesError, match="dvc repro features"):
        validate()


def test_a_validation_is_not_repeated_until_something_changes(tree, monkeypatch):
    rows = []
    monkeypatch.setattr(validation, "check", lambda *a: rows.append(a[3]))
    validate_once()
    assert rows == ["table2/cnn10", ROW, "mine/resnet18"]
    validate_once()
    assert len(rows) == 3
    (tree / "mine").mkdir()
    (tree / "mine" / "crnn.py").write_text(CRNN)
    edit(tree, **{"rows__mine/resnet18__encoder": "mine.crnn"})
    validate_once()
    validate_once()
    assert len(rows) == 6
    (tree / "mine" / "crnn.py").write_text(CRNN.replace("wide: int = 4", "wide: int = 5"))
    validate_once()
    assert len(rows) == 9
    with (Path("features") / "toy" / "train.csv").open("a") as file:
        file.write("\n")
    validate_once()
    assert len(rows) == 12


def test_a_validation_that_failed_is_repeated(tree):
    edit(tree, train__batch=17)
    for _ in range(2):
        with pytest.raises(HarnessError, match=r"lower train\.batch"):
            validate_once()
