"""A file of the harness's own that broke is named in one line, with the command that mends it."""

import json
import shutil
from pathlib import Path

import pytest

from harness.errors import HarnessError
from stages import collect, download, statistics, table, table1

CORPUS = "data/toy/corpus.json"
CELL = "runs/toy/table2/cnn10-rrtn/2"
TRAINED = "scratch/toy/table2/cnn10/1.json"
DOWNLOAD = "move data/toy away and run `dvc repro download`"
READERS = [
    (collect, CORPUS, DOWNLOAD),
    (table, CORPUS, DOWNLOAD),
    (table1, CORPUS, DOWNLOAD),
    (download, CORPUS, DOWNLOAD),
    (collect, f"{CELL}/metrics.json", f"delete {CELL} and run `dvc repro train@cnn10-rrtn`"),
    (table, "results/toy/table2/statistics.json", "run `dvc repro statistics`"),
    (table, TRAINED, f"delete {TRAINED}"),
]
BROKEN = {  # its content, and what is said of it
    "truncated": (b'{"name": "toy", "targets": ["aw', "is not JSON (Unterminated string"),
    "empty": (b"", "is not JSON (Expecting value, line 1)"),
    "other bytes": (b"\xff\xfe\x00", "is not JSON ("),
    "a list": (b"[1, 2]", "holds no mapping"),
}


def start(stage):
    """The stage, of Table 2 where it is a family's."""
    if stage in (collect, statistics, table):
        stage.main(["table2"])
    else:
        stage.main()


@pytest.fixture(scope="module")
def pristine(evaluated):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(evaluated)
        Path("data/toy/clips.csv").write_text("clip,path\n")
        Path(TRAINED).parent.mkdir(parents=True)
        cell = {"seconds": 1, "gpu": None, "processor": "x", "cores": 2, "finished": "2030-01-01"}
        Path(TRAINED).write_text(json.dumps(cell))
        start(table)
    return evaluated


@pytest.mark.parametrize(("content", "said"), BROKEN.values(), ids=BROKEN)
@pytest.mark.parametrize(
    ("stage", "file", "remedy"), READERS, ids=[f"{s.__name__}-{f}" for s, f, _ in READERS]
)
def test_a_broken_file_is_named_with_its_remedy(
    pristine, tmp_path, monkeypatch, stage, file, remedy, content, said
):
    shutil.copytree(pristine, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    Path(file).write_bytes(content)
    with pytest.raises(HarnessError) as caught:
        start(stage)
    line = str(caught.value)
    assert "\n" not in line
    assert f"{file} {said}" in line
    assert line.endswith(remedy)


@pytest.mark.parametrize("stage", [collect, table, table1])
def test_a_key_that_a_corpus_lacks_is_named(pristine, tmp_path, monkeypatch, stage):
    shutil.copytree(pristine, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    Path(CORPUS).write_text('{"name": "toy", "root": "."}')
    with pytest.raises(HarnessError) as caught:
        start(stage)
    assert str(caught.value) == f"{CORPUS} has no 'targets'; {DOWNLOAD}"
