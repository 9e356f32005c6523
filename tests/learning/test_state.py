"""harness.learning.state: a training that is broken off goes on to the same bytes, whatever the
kill left of its two checkpoints."""

import ast
import pickle
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from harness.config.rows import Row
from harness.learning import loop
from harness.learning.data import Packed
from harness.learning.outputs import finish
from harness.learning.state import before, resume
from tests.checkpoints import told, told_in
from tests.learning.cells import (
    READINGS,
    ROWS,
    RUWL,
    TRAIN,
    TWINS,
    Killed,
    assert_same,
    cell,
    killed_after,
    train_cell,
)
from tests.learning.packed import write_features
from tests.readings import readings

REPOSITORY = Path(__file__).parents[2]
SMALL = Row(encoder="cnn10", **TWINS, weighting=RUWL)  # learned weights, two views


@pytest.fixture(scope="module")
def features(tmp_path_factory):
    folder = tmp_path_factory.mktemp("features")
    write_features(folder)
    return folder


@pytest.fixture(scope="module")
def whole(features, tmp_path_factory):
    """The state of SMALL after an unbroken training."""
    return train_cell(cell(features, tmp_path_factory.mktemp("whole"), SMALL))


@pytest.fixture(scope="module")
def left(features, tmp_path_factory):
    """A cell that was killed after its second of three epochs."""
    one = cell(features, tmp_path_factory.mktemp("left"), SMALL)
    killed_after(2, one)
    return one


@pytest.fixture
def broken(features, tmp_path, left):
    """The same, in a place where a test may do harm to it."""
    one = cell(features, tmp_path / "broken", SMALL)
    shutil.copytree(left.checkpoint.parent, one.checkpoint.parent)
    return one


@pytest.mark.parametrize("row", ROWS)
@pytest.mark.parametrize("epochs", [1, 2])
def test_a_broken_and_resumed_cell_equals_the_unbroken(features, tmp_path, row, epochs):
    unbroken = train_cell(cell(features, tmp_path / "whole", row))
    one = cell(features, tmp_path / "broken", row)
    killed_after(epochs, one)
    seconds = told(one.checkpoint)["seconds"]
    resumed = train_cell(one)
    assert_same(resumed, unbroken)
    assert resumed.seconds[:epochs] == seconds  # these epochs were not trained again
    assert len(resumed.seconds) == READINGS.epochs


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 2},
        {"row": SMALL.model_copy(update={"keep": ["weights"]})},
        {"train": TRAIN.model_copy(update={"epsilon": 1e-7})},
        {"readings": readings(epochs=3)},
        {"origin": {"corpus": "b"}},
    ],
    ids=lambda change: next(iter(change)),
)
def test_the_checkpoint_of_another_cell_is_not_resumed(features, tmp_path, whole, change):
    mine = cell(features, tmp_path, SMALL)
    other = replace(mine, **change)
    assert other.key != mine.key
    killed_after(2, other)
    other.checkpoint.rename(mine.checkpoint)
    assert_same(train_cell(mine), whole)


def test_the_checkpoint_of_another_arithmetic_is_not_resumed(
    features, tmp_path, whole, monkeypatch
):
    mine = cell(features, tmp_path, SMALL)
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr("harness.learning.state.rounding", lambda train: "fast on another")
        killed_after(2, mine)
    kept = told(mine.checkpoint)["seconds"]
    found = train_cell(mine)
    assert found.seconds[:2] != kept  # these epochs were trained again
    assert_same(found, whole)


def test_the_checkpoint_of_other_sound_is_not_resumed(features, tmp_path):
    shutil.copytree(features, tmp_path / "features")
    levels = np.load(tmp_path / "features" / "train.npy")
    levels[0, 0] += 1
    np.save(tmp_path / "features" / "train.npy", levels)
    assert cell(tmp_path / "features", tmp_path).key != cell(features, tmp_path).key


def test_the_checkpoint_of_other_clips_is_not_resumed(features, tmp_path):
    write_features(tmp_path / "features", seed=1)
    assert cell(tmp_path / "features", tmp_path).key != cell(features, tmp_path).key
    write_features(tmp_path / "features", seed=0)
    assert cell(tmp_path / "features", tmp_path).key == cell(features, tmp_path).key


# What a kill, a full disk or a bad one leaves.


def place_of(content, text):
    return content.index(text) + len(text)


HARM = {  # a checkpoint's bytes → what is left of them
    "empty": lambda content: b"",
    "text": lambda content: b"not a checkpoint",
    "cut in the header": lambda content: content[:100],
    "cut by a byte": lambda content: content[:-1],
    "half a file of zeros": lambda content: content[:-2000] + bytes(2000),
    "longer": lambda content: content + b"\0",
    "length": lambda content: altered(content, 0),
    "header": lambda content: altered(content, place_of(content, b'"data_offsets":[')),
    "dtype": lambda content: content.replace(b'"dtype":"F32"', b'"dtype":"I32"', 1),
    "array": lambda content: altered(content, len(content) - 1),
    "JSON": lambda content: altered(content, place_of(content, b'\\"loss_ccc\\": 0.')),
    "digest": lambda content: altered(content, place_of(content, b'"digest":"')),
}


def altered(content, place, by=1):
    return content[:place] + bytes([content[place] ^ by]) + content[place + 1 :]


@pytest.mark.parametrize("harm", HARM)
def test_a_damaged_checkpoint_costs_one_epoch_and_moves_no_byte(broken, whole, harm):
    content = broken.checkpoint.read_bytes()
    broken.checkpoint.write_bytes(HARM[harm](content))
    assert broken.checkpoint.read_bytes() != content
    kept = told(broken.checkpoint.with_suffix(".before"))["seconds"]
    found = train_cell(broken)
    assert_same(found, whole)
    assert found.seconds[:1] == kept
    assert found.seconds[1] != told_in(content)["seconds"][1]  # this epoch was trained again


def test_two_damaged_checkpoints_cost_all_epochs_and_move_no_byte(broken, whole):
    for file in (broken.checkpoint, before(broken.checkpoint)):
        file.write_bytes(file.read_bytes()[:-1])
    assert_same(train_cell(broken), whole)


def set_up(one):
    fabric = loop.fabric_for(one.train)
    objective, _, optimizer = loop.set_up(fabric, one, Packed(one.features, "train", fabric.device))
    return objective, optimizer


def test_no_byte_of_a_checkpoint_can_be_another_and_be_believed(broken):
    """A hundred bytes anywhere and two hundred of the header, each changed in some way."""
    content, objective_and_optimizer = broken.checkpoint.read_bytes(), set_up(broken)
    resume(broken, *objective_and_optimizer)
    right = digest(objective_and_optimizer[0])
    (length,) = np.frombuffer(content[:8], np.uint64)
    rng = np.random.default_rng(0)
    places = [*rng.integers(len(content), size=100), *rng.integers(8 + int(length), size=200)]
    believed = 0
    for place in places:
        changed = altered(content, int(place), int(rng.integers(1, 256)))
        broken.checkpoint.write_bytes(changed)
        state = resume(broken, *objective_and_optimizer)
        believed += state.epoch == 2
        assert state.epoch == 1 or digest(objective_and_optimizer[0]) == right
    assert believed < 3  # a blank of the header that has become another blank


def digest(objective):
    return b"".join(value.numpy().tobytes() for value in objective.state_dict().values())


class Poison:
    """Opens a file for writing when it is unpickled."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return open, (str(self.marker), "w")


@pytest.mark.parametrize("kind", ["pickle", "torch"])
def test_a_pickle_in_a_checkpoints_place_is_never_executed(broken, whole, tmp_path, kind):
    marker = tmp_path / "executed"
    for file in (broken.checkpoint, before(broken.checkpoint)):
        with file.open("wb") as stream:
            (pickle.dump if kind == "pickle" else torch.save)(Poison(marker), stream)
    assert_same(train_cell(broken), whole)
    assert not marker.exists()
    with broken.checkpoint.open("wb") as stream:
        pickle.dump(Poison(marker), stream)
    pickle.loads(broken.checkpoint.read_bytes()).close()
    assert marker.exists()  # whoever had unpickled it would have been seen


PICKLING = {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
CALLS = {"torch.load", "torch.save", "torch.hub.load", "fabric.load", "fabric.save"}


def test_no_code_of_the_harness_pickles():
    files = [f for name in ("harness", "stages") for f in (REPOSITORY / name).rglob("*.py")]
    assert len(files) > 50
    for file in files:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            elif isinstance(node, ast.Attribute):
                names = [ast.unparse(node)]
            elif isinstance(node, ast.keyword) and node.arg == "allow_pickle":
                assert ast.unparse(node.value) == "False", file
            for name in names:
                assert name.partition(".")[0] not in PICKLING, f"{file}: {name}"
                assert name not in CALLS, f"{file}: {name}"
                assert not name.endswith(("read_pickle", "to_pickle")), f"{file}: {name}"


@pytest.mark.parametrize("renames", [0, 1], ids=["before both", "between the two"])
def test_a_kill_at_the_renames_of_a_checkpoint_costs_one_epoch(features, tmp_path, whole, renames):
    one = cell(features, tmp_path, SMALL)
    killed_after(1, one)
    kept, done, replace_file = told(one.checkpoint)["seconds"], [], Path.replace

    def and_die(self, target):
        if len(done) == renames:
            raise Killed
        done.append(target)
        return replace_file(self, target)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "replace", and_die)
        with pytest.raises(Killed):
            train_cell(one)
    assert one.checkpoint.exists() == (renames == 0)
    found = train_cell(one)
    assert_same(found, whole)
    assert found.seconds[:1] == kept


def test_a_kill_at_the_renames_after_a_damaged_checkpoint_costs_one_epoch_more(
    features, tmp_path, broken, whole
):
    """The damaged one must not take the place of the whole one before it."""
    broken.checkpoint.write_bytes(broken.checkpoint.read_bytes()[:-1])
    kept, replace_file = told(before(broken.checkpoint))["seconds"], Path.replace

    def and_die(self, target):
        replace_file(self, target)
        raise Killed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "replace", and_die)
        with pytest.raises(Killed):
            finish(broken)
    found = train_cell(broken)
    assert_same(found, whole)
    assert found.seconds[:1] == kept


def test_nothing_of_a_finished_cells_checkpoints_is_left(broken):
    finish(broken)
    names = {file.name for file in broken.checkpoint.parent.iterdir()}
    assert names == {"1", "1.json"}


# What an optimiser remembers.


def test_a_resumed_optimiser_is_laid_out_in_memory_as_the_unbroken(features, tmp_path):
    """In channels-last, or else its steps would round, and take, as others do."""
    one = cell(features, tmp_path / "broken", "rrtn", width=1 / 4)
    unbroken = train_cell(cell(features, tmp_path / "whole", "rrtn", width=1 / 4))
    killed_after(1, one)
    objective, optimizer = set_up(one)
    resume(one, objective, optimizer)
    kinds = set()
    for parameter in objective.parameters():
        found = optimizer.state[parameter]
        for name in ("exp_avg", "exp_avg_sq"):
            assert found[name].stride() == parameter.stride()
        kinds.add(parameter.is_contiguous())
    assert kinds == {True, False}  # some of them are in channels-last
    assert_same(train_cell(one), unbroken)
