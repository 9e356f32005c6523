import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from harness.errors import ParamsError
from harness.extras.audit.report import build, markdown
from harness.paper import read_paper
from stages import audit

ROOT = Path(__file__).parents[2]
COMMITTED = ROOT / "results/paper"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    shutil.copy(ROOT / "paper.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_both_files_are_those_committed(folder, capsys):
    audit.main()
    printed = capsys.readouterr().out
    assert "57 of 59 printed numbers checked" in printed
    assert "CNN14 RRTN w RUWL, # Param (M): Not explained" in printed
    for kind in ("json", "md"):
        made = (folder / f"results/paper/audit.{kind}").read_bytes()
        assert made == (COMMITTED / f"audit.{kind}").read_bytes()


def test_the_committed_markdown_is_the_json_rendered():
    found = json.loads((COMMITTED / "audit.json").read_text(encoding="utf-8"))
    assert (COMMITTED / "audit.md").read_text(encoding="utf-8") == markdown(found)


def test_another_paper_has_another_audit(folder):
    path = folder / "paper.yaml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace('"83.95"', '"83.89"'), encoding="utf-8")
    audit.main()
    found = json.loads((folder / "results/paper/audit.json").read_text(encoding="utf-8"))
    assert found == build(read_paper())
    assert found["numbers"]["table2.cnn14-rrtn.params_m"] == "holds"
    assert "Not explained" not in (folder / "results/paper/audit.md").read_text(encoding="utf-8")


def test_without_paper_yaml_the_error_says_so(folder):
    (folder / "paper.yaml").unlink()
    with pytest.raises(ParamsError, match=r"paper.yaml is missing"):
        audit.main()


def test_the_stage_imports_nothing_heavy():
    code = "import sys, stages.audit; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    heavy = {"torch", "matplotlib", "sklearn", "pandas", "rich", "lightning_fabric"}
    assert not heavy & set(done.stdout.split())
