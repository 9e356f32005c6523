"""The user's own corpus: never touched by the pipeline, and never stale in it.

Every test runs DVC or make in a copy of the repository, because both remove and compare files
before any stage is called.
"""

import os
import shutil
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import soundfile

from harness.verdict.staleness import staleness
from tests.clone import REPOSITORY, clone, dvc, run, small_params, stale

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:dvc")  # of DVC itself

SOUND = np.random.default_rng(0).normal(0, 0.1, (8, 2000))


def write_corpus(folder):
    """Eight clips of eight speakers, half of them in dev, and their table."""
    folder.mkdir(parents=True)
    clips = [f"c{n}" for n in range(8)]
    for clip, sound in zip(clips, SOUND, strict=True):
        soundfile.write(folder / f"{clip}.wav", sound, 16000)
    splits = ["train", "dev"] * 4
    table = pd.DataFrame({"clip": clips, "split": splits, "speaker": clips})
    table.assign(Awe=np.arange(8) / 8, Fear=np.arange(8) / 10).to_csv(
        folder / "clips.csv", index=False
    )


def write_params(tree, profile, corpus):
    small_params(tree, profile=profile, corpus=corpus)


def folder_corpus(path):
    return {"name": "folder", "path": path, "targets": ["Awe", "Fear"]}


def contents(folder):
    return {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()}


@pytest.fixture
def tree(tmp_path):
    folder = clone(tmp_path / "clone")
    (folder / "requirements.lock").touch()
    os.utime(folder / "requirements.lock", (0, 0))  # older than the environment, which stays
    (folder / ".venv").symlink_to(sys.prefix)
    return folder


COMMANDS = {
    "dvc repro": [sys.executable, "-m", "dvc", "repro"],
    "dvc repro download": [sys.executable, "-m", "dvc", "repro", "--single-item", "download"],
    "make repro": ["make", "repro"],
}


@pytest.mark.parametrize(
    ("profile", "place", "path", "command"),
    [
        ("mine", "data/mine", "data/mine", "dvc repro"),
        ("mine", "data/mine", "data/mine", "make repro"),
        ("mine", "data/mine/wav", "data/mine/wav", "dvc repro"),
        ("other", "data/mine", "data/mine", "dvc repro"),  # an output as soon as it is renamed
        ("raw", "data/raw/mine", "data/raw/mine", "dvc repro"),
        ("raw", "data/raw/mine", "data/raw/mine", "make repro"),
        ("mine", "features/mine", "features/mine", "dvc repro"),
        ("mine", "runs/mine/table2/cnn10", "runs/mine/table2/cnn10", "dvc repro"),
        ("mine", "results/mine", "results/mine", "dvc repro"),
        ("mine", "data/mine", "link", "dvc repro"),
        ("mine", "data/mine", "data/raw/../mine", "dvc repro"),
        ("mine", "data/mine", ".", "dvc repro"),  # the corpus holds the output
        ("mine", "data/mine", "sounds", "dvc repro download"),  # not the corpus, but the user's
        ("mine", "features/mine", "sounds", "make repro"),
    ],
)
def test_no_file_of_the_user_is_lost(tree, profile, place, path, command):
    write_corpus(tree / place)
    write_corpus(tree / "sounds")
    (tree / "link").symlink_to(tree / "data" / "mine")
    audio = f"{place}/{{clip}}.wav" if path == "." else "{clip}.wav"
    corpus = folder_corpus(path) | {"audio": audio}
    write_params(tree, profile, corpus)
    before = contents(tree / place) | contents(tree / "sounds")
    if command == "dvc repro download":
        dvc(tree, "repro", "source")
    if command == "make repro" and not (tree / ".venv" / "ready").is_file():
        pytest.skip("make would install packages: this environment is not of `make setup`")
    done = run(tree, *COMMANDS[command])
    assert done.returncode != 0
    assert contents(tree / place) | contents(tree / "sounds") == before
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1, done.stderr
    assert "move" in errors[0] or "name a folder" in errors[0] or "'raw'" in errors[0]


@pytest.mark.parametrize("output", ["data", "features", "runs", "results", "data/mine"])
def test_an_output_that_is_a_link_is_refused_before_anything_is_made(tree, tmp_path, output):
    write_corpus(tree / "sounds")
    write_params(tree, "mine", folder_corpus("sounds"))
    (tmp_path / "large").mkdir()
    (tree / output).parent.mkdir(exist_ok=True)
    (tree / output).symlink_to(tmp_path / "large")
    done = run(tree, *COMMANDS["dvc repro"])
    assert done.returncode != 0
    assert f"error: {output} is a link" in done.stderr
    assert "dvc cache dir" in done.stderr
    assert not any((tmp_path / "large").iterdir())


def test_data_raw_may_be_a_link_to_a_larger_disk(tree, tmp_path):
    write_corpus(tmp_path / "large" / "mine")
    (tree / "data").mkdir()
    (tree / "data" / "raw").symlink_to(tmp_path / "large")
    write_params(tree, "mine", folder_corpus("data/raw/mine"))
    dvc(tree, "repro", "features")
    assert stale(tree).isdisjoint({"source", "download", "features"})


# What the user edits is seen.


def edit_label(folder):
    table = pd.read_csv(folder / "clips.csv")
    table.loc[3, "Awe"] = 0.987
    table.to_csv(folder / "clips.csv", index=False)


def replace_sound(folder):
    soundfile.write(folder / "c3.wav", SOUND[0], 16000)


def add_clip(folder):
    soundfile.write(folder / "new.wav", SOUND[0], 16000)
    with (folder / "clips.csv").open("a") as table:
        table.write("new,train,c0,0.5,0.25\n")


def touch(folder):
    for file in folder.iterdir():
        file.touch()


EDITS = {edit_label: True, replace_sound: True, add_clip: True, touch: False}


def write_vivae(folder):
    """Two emotions by four speakers, named as that corpus's owners name them."""
    folder.mkdir(parents=True)
    for n, sound in enumerate(SOUND):
        emotion = ("anger", "fear")[n % 2]
        soundfile.write(folder / f"S0{1 + n // 2}_{emotion}_low_01.wav", sound, 16000)


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit.__name__)
@pytest.mark.parametrize("where", ["relative", "absolute"])
def test_an_edited_corpus_is_stale_and_one_that_was_only_touched_is_not(tree, where, edit):
    write_corpus(tree / "sounds")
    path = {"relative": "sounds", "absolute": str(tree / "sounds")}[where]
    write_params(tree, "mine", folder_corpus(path))
    dvc(tree, "repro", "download")
    assert "download" not in stale(tree)
    edit(tree / "sounds")
    assert ("download" in stale(tree)) == EDITS[edit]
    assert ("download" in staleness(tree).reasons) == EDITS[edit]
    before = contents(tree / "data" / "mine")
    dvc(tree, "repro", "download")
    assert (contents(tree / "data" / "mine") != before) == EDITS[edit]
    assert "download" not in stale(tree)


def test_an_edit_of_what_was_downloaded_is_stale_too(tree):
    write_vivae(tree / "data" / "raw" / "vivae" / "full_set")
    write_params(tree, "vivae", {"name": "vivae", "dev_speakers": ["S01", "S02"]})
    dvc(tree, "repro", "download")
    assert "download" not in stale(tree)
    (tree / "data/raw/vivae/full_set/S04_fear_low_01.wav").unlink()
    assert {"download", "features"} <= stale(tree)


def test_an_archive_that_was_exchanged_is_stale(tree):
    write_corpus(tree / "sounds")
    shutil.make_archive(str(tree / "bursts"), "zip", tree / "sounds")
    write_params(tree, "mine", folder_corpus("bursts.zip"))
    dvc(tree, "repro", "download")
    assert "download" not in stale(tree)
    edit_label(tree / "sounds")
    shutil.make_archive(str(tree / "bursts"), "zip", tree / "sounds")
    assert "download" in stale(tree)
    dvc(tree, "repro", "download")
    assert "0.987" in (tree / "data" / "mine" / "clips.csv").read_text()


def test_a_corpus_that_is_not_here_is_named_with_what_can_be_done_without_it(tree):
    write_params(tree, "mine", folder_corpus("elsewhere"))
    done = run(tree, *COMMANDS["dvc repro"])
    assert "error: corpus.path elsewhere is not here" in done.stderr
    assert "--downstream collect" in done.stderr


@pytest.mark.parametrize("path", ["sounds", "data/raw/mine"])
def test_an_experiment_in_a_copy_of_the_repository_reaches_a_relative_path(tree, path):
    write_corpus(tree / path)
    write_params(tree, "mine", folder_corpus(path))
    (tree / ".git" / "info").mkdir(exist_ok=True)
    (tree / ".git" / "info" / "exclude").write_text("/sounds/\n/.venv\n")
    who = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    for command in (["add", "-A"], [*who, "commit", "--quiet", "-m", "all"]):
        subprocess.run(["git", *command], cwd=tree, check=True)
    before = contents(tree / path)
    output = dvc(tree, "exp", "run", "--temp", "--set-param", "features.bands=32", "features")
    assert "Ran experiment" in output
    assert contents(tree / path) == before


def test_a_check_out_has_the_committed_line_ends_whatever_git_is_set_to(tree):
    (tree / "results").mkdir()
    for file in REPOSITORY.glob("results/**/*.*"):  # every kind of file that DVC compares
        (tree / "results" / file.name).write_bytes(file.read_bytes())
    (tree / ".venv").unlink()
    before = contents(tree)
    who = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    for command in (["add", "-A"], [*who, "commit", "--quiet", "-m", "all"]):
        subprocess.run(["git", *command], cwd=tree, check=True)
    other = tree.with_name("other")
    for choice in ("core.autocrlf=true", "core.eol=crlf"):
        target = other.with_name(choice)
        command = ["git", "clone", "--quiet", "-c", choice, str(tree), str(target)]
        subprocess.run(command, check=True)
        tracked = subprocess.run(
            ["git", "ls-files", "-z"], cwd=target, capture_output=True, text=True, check=True
        ).stdout.split("\0")[:-1]
        assert len(tracked) > 100
        assert [f for f in tracked if (target / f).read_bytes() != before[tree / f]] == []
