"""Distributions of finished cells → the pages of the family uncertainty."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from harness.arrays import write_arrays
from harness.errors import RunError
from harness.evaluation.distributions import FILE
from stages import uncertainty
from tests.evaluation.test_uncertainty import AGAINST, IDS, ROWS, SPEAKERS, VALUES, cell
from tests.fabricated import REPOSITORY, TARGETS, write_params

SEEDS = (1, 2, 3)
FOLDER = Path("results/toy/uncertainty")


@pytest.fixture
def tree(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copy(REPOSITORY / "paper.yaml", tmp_path)
    blocks = {f"uncertainty/{row}": {"against": AGAINST.get(row, {})} for row in ROWS}
    write_params(["cnn10"], SEEDS, blocks=blocks)
    Path("features/toy").mkdir(parents=True)
    table = pd.DataFrame(VALUES, columns=TARGETS)
    table.insert(0, "clip", IDS)
    table.insert(1, "speaker", SPEAKERS)
    table.to_csv("features/toy/dev.csv", index=False)
    for row, about in ROWS.items():
        for seed in SEEDS:
            folder = Path("runs/toy/uncertainty", row, str(seed))
            folder.mkdir(parents=True)
            write_arrays(folder / FILE, cell(*about))


def test_the_pages_tell_every_row_claim_and_comparison(tree, capsys):
    uncertainty.main()
    found = json.loads((FOLDER / "measures.json").read_text())
    assert found["scores"].keys() == {*ROWS, "loudness"}
    assert found["seeds"] == list(SEEDS)
    page, tests = ((FOLDER / name).read_text() for name in ("measures.md", "comparisons.md"))
    for text in (page, tests):
        assert "**Not the paper's data: corpus toy, not hume-vb.**" in text
        assert "nan" not in text
    told = capsys.readouterr().out
    for claim in found["claims"]:
        assert claim["claim"] in page
        assert f"{claim['verdict']}: {claim['claim']}" in told
    assert "g3 − mc-dropout" in tests


def test_a_cell_without_its_distribution_is_one_line(tree):
    Path("runs/toy/uncertainty/g3/2", FILE).unlink()
    with pytest.raises(RunError, match=r"g3/2/distribution\.npz is missing; give the row `keep"):
        uncertainty.main()
