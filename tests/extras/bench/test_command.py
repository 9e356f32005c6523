"""harness bench on the command line, autrainer's conversation, and the pipeline's small clone."""

import json
import stat
import sys

import pytest

from harness import cli
from harness.errors import RunError
from harness.extras.bench import command, pipeline
from harness.extras.bench.autrainer import Autrainer


def test_a_section_is_measured_and_written(tmp_path, monkeypatch):
    monkeypatch.setattr(
        "harness.extras.bench.plan.plan", lambda *asked: {"asked": list(map(str, asked))}
    )
    monkeypatch.setattr(
        "harness.extras.bench.report.RENDERED", {"plan": lambda section: ["planned"]}
    )
    arguments = ["--out", str(tmp_path), "--profile", "p.yaml", "--gpu", "L4", "--price", "L4=1"]
    cli.main(["bench", "plan", *arguments])
    section = json.loads((tmp_path / "bench.json").read_text())["plan"]
    assert section["asked"] == ["p.yaml", "['L4']", "['L4=1']", "0.25"]
    assert section["hardware"]["cores"] >= 1
    assert section["hardware"]["memory_gib"] > 0.1
    assert "planned" in (tmp_path / "bench.md").read_text()


def test_all_is_every_section_once():
    class Options:
        section, threads, budget, encoders, widths = "all", 1, 1.0, [], []
        autrainer, cold, profile, gpu, price, efficiency = None, False, "p.yaml", [], [], 0.25

    names = [name for name, _ in command._sections(Options())]
    assert names == ["train", "features", "statistics", "pipeline", "plan"]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--autrainer", "/no/python"], "/no/python"),
        (["--encoders", "cnn11"], "cnn11"),
    ],
)
def test_a_wrong_option_is_one_line(tmp_path, arguments, named, capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(["bench", "train", "--out", str(tmp_path), *arguments])
    assert str(ended.value).startswith("error: ")
    assert named in str(ended.value)
    assert not list(tmp_path.iterdir())


def interpreter(tmp_path, body):
    """A program that stands where autrainer's Python would."""
    path = tmp_path / "python"
    path.write_text(f"#!{sys.executable}\nimport sys\n{body}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def test_the_seconds_of_an_epoch_are_those_that_autrainer_tells(tmp_path):
    body = "for n, _ in enumerate(sys.stdin): print('noise\\nseconds', n + 0.5, flush=True)"
    with Autrainer(interpreter(tmp_path, body), "Cnn10", 2, 1, 16, 32, 64) as peer:
        assert [peer.epoch(), peer.epoch()] == [0.5, 1.5]
    assert peer.process.poll() is not None


def test_a_python_without_autrainer_is_an_error_with_its_last_line():
    with (
        Autrainer(sys.executable, "Cnn10", 2, 1, 16, 32, 64) as peer,
        pytest.raises(RunError, match="No module named 'autrainer"),
    ):
        peer.epoch()


def test_the_small_clone_has_the_rows_of_one_encoder_with_the_seeds_that_are_measured(tmp_path):
    from harness.config.rows import families, read_family, read_rows
    from harness.config.strict import PARAMS, ROWS

    clone = pipeline.tiny_clone(tmp_path / "clone")
    table = read_family("table2", clone / PARAMS, clone / ROWS)
    assert table.seeds == list(range(pipeline.SEEDS))
    assert [table.label(name) for name in table.rows] == [
        *("resnet18", "resnet18-rrtn", "resnet18-rrtn-ruwl"),
    ]
    assert read_rows(clone / ROWS) == table.rows
    assert families(clone / PARAMS) == ["table2"]
    assert not (clone / ".dvc" / "cache").exists()
    assert pipeline.up_to_date(clone) is False


def test_a_failing_command_in_a_clone_is_an_error_with_its_last_line(tmp_path):
    with pytest.raises(RunError, match=r"stages\.nothing failed in a clone: .*No module named"):
        pipeline.run(tmp_path, "stages.nothing")
