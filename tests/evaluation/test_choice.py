"""A search chooses by train speakers that it did not train on, and by nothing else."""

import json
from pathlib import Path

import pandas as pd
import pytest

from harness.config.rows import read_rows
from harness.errors import RunError
from harness.evaluation.choice import choice, markdown
from stages import choose as stage
from tests.clone import write

INSIDE = {"block-1": [[0.1, 0.5], [0.3, 0.1]], "block-2": [[0.2, 0.3], [0.6, 0.2]]}


def history(inside, dev=0.0):
    return pd.DataFrame(
        [
            {"row": row, "seed": seed, "epoch": epoch, "dev_ccc": dev, "held_out_ccc": value}
            for row, seeds in inside.items()
            for seed, values in enumerate(seeds, start=1)
            for epoch, value in enumerate(values, start=1)
        ]
    )


def test_the_row_with_the_highest_mean_of_each_seeds_best_epoch_is_chosen():
    found = choice(history(INSIDE), list(INSIDE))
    assert found["best"] == "block-2"
    assert found["rows"]["block-1"]["ccc"] == pytest.approx((0.5 + 0.3) / 2)
    assert found["rows"]["block-2"]["sd"] == pytest.approx(abs(0.3 - 0.6) / 2**0.5)
    page = markdown(found, "search", 2)
    assert "Chosen: **block-2**" in page
    assert "0.450 ± 0.212" in page


def test_dev_has_no_part_in_it_and_the_first_of_equal_rows_is_chosen():
    one = history(INSIDE)
    other = one.assign(dev_ccc=[0.9] * 4 + [0.0] * 4)
    assert choice(one, list(INSIDE)) == choice(other, list(INSIDE))
    even = {"block-1": [[0.5]], "block-2": [[0.5]]}
    assert choice(history(even), list(even))["best"] == "block-1"


def test_a_row_that_was_not_scored_on_held_out_speakers_is_one_line():
    with pytest.raises(RunError, match="selection: held_out"):
        choice(history(INSIDE).drop(columns="held_out_ccc"), list(INSIDE))
    with pytest.raises(RunError, match="row block-3"):
        choice(history(INSIDE), [*INSIDE, "block-3"])


def test_the_stage_writes_the_choice_and_names_what_is_missing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    block = {"encoder": "cnn10", "views": ["clean"], "terms": ["ccc"], "weighting": "fixed"}
    rows = {"table2": {}, "rows": {f"search/{name}": block for name in INSIDE}}
    write(tmp_path, {"profile": "small", "seeds": [1, 2], "families": {"search": {}}}, rows)
    with pytest.raises(RunError, match=r"history\.csv is missing; .*collect@search`"):
        stage.main(["search"])
    folder = tmp_path / "results/small/search"
    folder.mkdir(parents=True)
    history(INSIDE).to_csv(folder / "history.csv", index=False)
    stage.main(["search"])
    assert json.loads((folder / "choice.json").read_text())["best"] == "block-2"
    assert "block-2" in (folder / "choice.md").read_text()


def test_the_rows_have_the_block_that_the_committed_search_chose():
    committed = Path("results/synthetic/search/choice.json")
    if not committed.is_file():
        pytest.skip("the search is not among the committed results")
    best = int(json.loads(committed.read_text())["best"].removeprefix("block-"))
    rows = read_rows()
    for name in ("gram", "random", "centred", "centred-random"):
        terms = rows[f"transfer/{name}"].terms
        assert terms[1].params["block"] == best, name
