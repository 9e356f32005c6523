"""A made row in its family's table and pictures; what is said of trained rows stays as it was."""

import csv
import io

import pandas as pd
import pytest

from harness.evaluation.caption import caption
from harness.evaluation.drawing import curves, forest, over_steps, weights
from harness.evaluation.rendering import comma_separated, markdown
from harness.evaluation.table import Table, TableRow

SCORE = {"params": 9, "params_trained": 9, "ccc": 0.4, "ccc_sd": 0.01, "ccc_low": 0.3}
SCORE |= {"ccc_high": 0.5, "against": {}, "paper": None, "reads": {}, "selection": "late"}


def table(*rows):
    about = {"profile": "toy", "family": "floors", "corpus": "toy", "paper_corpus": "other"}
    about |= {"split": "dev", "selection": "late", "seeds": [1, 2], "targets": 3, "speakers": 12}
    about |= {"ceiling": None, "settings": {}, "arithmetic": ["portable float64"], "kinds": []}
    about |= {"resamples": 10, "level": 0.95, "covers": None, "smallest_p": None}
    return Table(**about, comparisons=None, rows=list(rows))


TRAINED = TableRow(row="table2/cnn10", averaged=4, **SCORE)
RIDGE = TableRow(row="ridge", averaged=1, made="ridge", **SCORE)


def test_the_caption_says_what_is_made_and_counts_no_epochs_of_it():
    said = caption(table(TRAINED, RIDGE))
    assert "ridge (ridge) is a row that is made and not trained" in said
    assert "averaged over the last 4 epochs" in said
    assert "last 1 epochs" not in said
    assert "made and not trained" not in caption(table(TRAINED))


def test_every_form_of_a_table_takes_a_row_that_is_made():
    found = table(TRAINED, RIDGE)
    assert "ridge" in markdown(found)
    assert [line["row"] for line in csv.DictReader(io.StringIO(comma_separated(found)))] == [
        "table2/cnn10",
        "ridge",
    ]


@pytest.mark.parametrize(("row", "there"), [(TRAINED, False), (RIDGE, True)])
def test_json_has_the_kind_of_a_made_row_and_is_else_as_it_was(row, there):
    assert ("made" in row.model_dump()) is there
    assert Table.model_validate_json(table(row).model_dump_json()) == table(row)


def test_a_family_of_made_rows_alone_has_pictures_without_a_curve(tmp_path):
    history = pd.DataFrame({"row": [], "seed": [], "epoch": [], "dev_ccc": []})
    weights(over_steps(history, tmp_path, {}), tmp_path / "weights.svg")
    curves(history, table(RIDGE), {}, tmp_path / "curves.svg")
    forest(table(RIDGE), tmp_path / "forest.svg")
    assert len(list(tmp_path.glob("*.svg"))) == 3


def test_a_made_row_is_no_curve_beside_those_that_are_trained(tmp_path):
    cells = {"row": "table2/cnn10", "seed": [1, 1, 2, 2], "epoch": [1, 2, 1, 2], "dev_ccc": 0.3}
    for name, rows in (("alone", [TRAINED]), ("beside", [TRAINED, RIDGE])):
        encoders = {"table2/cnn10": "cnn10"}
        curves(pd.DataFrame(cells), table(*rows), encoders, tmp_path / f"{name}.svg")
    alone, beside = ((tmp_path / f"{name}.svg").read_text() for name in ("alone", "beside"))
    assert alone == beside
