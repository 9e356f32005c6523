"""What parameters decide is refused before the first cell trains, by stage and launch alike."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from ruamel.yaml import YAML

from harness.errors import ParamsError
from harness.learning import encoders
from harness.learning.rehearsal import rehearse
from harness.options import CORES
from stages import train as stage
from tests.learning.packed import write_split
from tests.learning.test_training import PARAMS, write_tree
from tests.processes import run

ROW = "cnn10-rrtn-ruwl"
ROWS = {
    "resnet18": {"encoder": "resnet18", "method": "vanilla", "views": 1},
    "cnn14": {"encoder": "cnn14", "method": "vanilla", "views": 1},
}
FIXED = {"rule": "fixed", "weights": [1]}


def params(folder, **changes):
    """PARAMS with a first row that can be trained, `changes` as dotted keys with "__"."""
    content = YAML(typ="safe").load(PARAMS)
    content["readings"]["epochs"] = 1
    content["rows"] = {name: row | {"weighting": FIXED} for name, row in ROWS.items()} | content[
        "rows"
    ]
    content["table"] = {"rows": ["resnet18", "cnn14", ROW], "seeds": [1]}
    content["sensitivity"] = {"rows": [f"{ROW}+padding=zero_db"], "seeds": [1]}
    for key, value in changes.items():
        *above, last = key.split("__")
        place = content
        for name in above:
            place = place[name]
        place[last] = value
    YAML().dump(content, folder / "params.yaml")


@pytest.fixture
def tree(tmp_path, monkeypatch):
    write_tree(tmp_path, PARAMS)
    monkeypatch.chdir(tmp_path)
    return tmp_path


FAULTS = {
    "few frames": ({"train__frames": 16}, ["rows.cnn14", "train.frames = 16", "try 32"]),
    "a weight of 0": (
        {f"rows__{ROW}__weighting": {"rule": "ruwl", "scale": [1, 1, 1], "start": [1, 0, 1]}},
        [f"rows.{ROW}", "divides by"],
    ),
    "an unknown rule": ({f"rows__{ROW}__weighting": {"rule": "sum"}}, [f"rows.{ROW}", "'sum'"]),
    "threads": (
        {"train__threads": CORES + 1, "train__arithmetic": "fast"},
        ["train.threads", f"{CORES} cores"],
    ),
    "batch": ({"train__batch": 17}, ["rows.resnet18", "16 train clips", "lower train.batch"]),
    "held out": (
        {"sensitivity__rows": [f"{ROW}+selection=held_out"], "train__batch": 16},
        [f"rows.{ROW}+selection=held_out", "12 train clips", "lower train.batch"],
    ),
    "a reading": ({"sensitivity__rows": [f"{ROW}+epoch=3"]}, [f"{ROW}+epoch=3", "'epochs'"]),
    "statistics": ({"statistics__level": 95}, ["statistics.level"]),
    "no statistics": ({"statistics": None}, ["'statistics' = None"]),
    "seeds": ({"table__seeds": [1, -1]}, ["table.seeds.1"]),
    "a row's name": ({"table__rows": ["resnet18", "a;b"]}, ["'table.rows.1'", "use a-z"]),
    "a row's block": ({"rows__a.b": {}}, ["'a.b'", "use a-z"]),
    "profile": ({"profile": "raw"}, ["'profile' = 'raw'", "rename it"]),
}


def assert_refused(tree, line, words):
    assert line.startswith("params.yaml:")
    assert "\n" not in line
    assert [word for word in words if word not in line] == []
    assert not [*tree.glob("runs/*/*"), *tree.glob("scratch/*/*.ckpt")]
    assert not list(tree.glob("scratch/*/*/record.json"))


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_one_line_and_nothing_is_trained(tree, fault, monkeypatch):
    changes, words = FAULTS[fault]
    params(tree, **changes)
    monkeypatch.setattr(sys, "argv", ["train", "--row", "resnet18", "--seed", "1"])
    with pytest.raises(ParamsError) as caught:
        stage.main()
    assert_refused(tree, str(caught.value), words)


@pytest.mark.parametrize("fault", ["few frames", "a reading", "a row's name", "seeds"])
def test_a_launch_refuses_it_too(tree, fault):
    changes, words = FAULTS[fault]
    params(tree, **changes)
    done = run("harness.launch", folder=tree)
    assert done.returncode == 1
    assert_refused(tree, done.stderr.removeprefix("error: ").removesuffix("\n"), words)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"rows": ["resnet18+padding=zero_db"], "seeds": [1, 2]}, "seeds [1, 2] in table"),
        ({"rows": ["cnn10-rrtn+padding=zero_db"], "seeds": [1]}, "row 'cnn10-rrtn' in table"),
    ],
)
def test_what_the_readings_are_compared_with_must_be_in_the_table(tree, asked, words):
    params(tree, sensitivity=asked)
    done = run("harness.launch", "--block", "sensitivity", folder=tree)
    assert done.returncode == 1
    assert done.stderr.startswith("error: params.yaml: sensitivity needs ")
    assert words in done.stderr
    assert not list(tree.glob("variations/*/*"))


def test_nor_does_the_stage_train_what_cannot_be_compared(tree, monkeypatch):
    row = "resnet18+padding=zero_db"
    params(tree, sensitivity={"rows": [row], "seeds": [1, 2]})
    monkeypatch.setattr(sys, "argv", ["train", "--row", row, "--seed", "1"])
    with pytest.raises(ParamsError, match=r"sensitivity needs seeds \[1, 2\] in table"):
        stage.main()


def least(encoder, which):
    """Frames or bands with which the encoder runs at the least, by trying each number."""
    for size in range(1, 65):
        frames, bands = (size, 64) if which == "frames" else (64, size)
        network = encoders.build(encoder, bands, 1 / 32, (0.0, 0.0))
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
        rows = {name: row | {"encoder": encoder, "weighting": FIXED} for name, row in ROWS.items()}
        names = list(rows)
        changes = {
            "rows": rows,
            "table__rows": names,
            "sensitivity__rows": ["cnn14+padding=zero_db"],
        }
        params(tree, **changes, train__frames=size if which == "frames" else 64)
        if taken:
            rehearse()
        else:
            key = {"frames": "train.frames", "bands": "features.bands"}[which]
            fault = f"{key} = {size} is too few for its encoder; try {enough} \\("
            with pytest.raises(ParamsError, match=fault):
                rehearse()


def test_an_encoder_that_looks_at_values_is_left_to_the_training(tree, monkeypatch):
    looked = []

    class Looking(encoders.CNN10):
        def encode(self, x):
            looked.append(float(x.detach().mean()))  # there is none in a step without values
            return super().encode(x)

    monkeypatch.setattr(encoders, "Looking", Looking, raising=False)
    params(tree, rows__cnn14=ROWS["cnn14"] | {"encoder": "looking", "weighting": FIXED})
    rehearse()
    assert not looked
    monkeypatch.setattr(sys, "argv", ["train", "--row", "cnn14", "--seed", "1"])
    stage.main()
    assert looked
    assert (tree / "runs" / "toy" / "cnn14-1" / "record.json").is_file()


def test_a_rehearsal_is_not_repeated_until_something_changes(tree, monkeypatch):
    steps = []
    monkeypatch.setattr("harness.learning.rehearsal.check", lambda *a: steps.append(a[3]))
    params(tree)
    rehearse()
    assert steps == ["resnet18", "cnn14", ROW, f"{ROW}+padding=zero_db"]
    rehearse()
    assert len(steps) == 4
    params(tree, train__width=0.0625)
    rehearse()
    assert len(steps) == 8
    with (Path("features") / "toy" / "train.csv").open("a") as file:
        file.write("")
    rehearse()
    assert len(steps) == 8
