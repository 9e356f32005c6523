from pathlib import Path

import pytest

from harness.errors import ParamsError
from harness.paper import Printed, read_paper

TEXT = Path("paper.yaml").read_text(encoding="utf-8")
NAMES = [
    f"{encoder}{method}"
    for encoder in ("resnet18", "cnn10", "cnn14")
    for method in ("", "-rrtn", "-rrtn-ruwl")
]


def gain(row, baseline):
    table = read_paper().table2
    return 100 * (table[row].ccc.value / table[baseline].ccc.value - 1)


def broken(tmp_path, old, new):
    assert old in TEXT
    path = tmp_path / "paper.yaml"
    path.write_text(TEXT.replace(old, new, 1), encoding="utf-8")
    return path


def test_table_2_is_complete_and_in_the_papers_order():
    paper = read_paper()
    assert list(paper.table2) == NAMES
    printed = [row.ccc.text for row in paper.table2.values()]
    assert " ".join(printed) == "0.613 0.628 0.634 0.655 0.667 0.668 0.647 0.674 0.678"
    printed = [row.params_m.text for row in paper.table2.values()]
    assert " ".join(printed) == "11.18 12.23 12.23 4.95 6.00 6.00 79.69 83.95 83.95"


def test_twelve_of_the_fourteen_printed_gains_follow_from_the_printed_scores():
    cells = {}
    for name, row in read_paper().table2.items():
        encoder = name.partition("-")[0]
        for column, baseline in (("local_gain", encoder), ("global_gain", "resnet18")):
            printed = getattr(row, column)
            if printed is not None:
                cells[name, column] = (printed.text, f"{gain(name, baseline):.1f}")
    assert len(cells) == 14
    assert {cell: pair for cell, pair in cells.items() if len(set(pair)) > 1} == {
        ("resnet18-rrtn-ruwl", "local_gain"): ("3.6", "3.4"),
        ("resnet18-rrtn-ruwl", "global_gain"): ("3.6", "3.4"),
    }


def test_the_abstracts_claim_agrees_with_table_2():
    paper = read_paper()
    claim = next(claim for claim in paper.claims if claim.id == "cnn14-local-gain")
    assert claim.ccc.value == paper.table2[claim.row].ccc.value == 0.678
    assert claim.baseline_ccc.value == paper.table2[claim.baseline].ccc.value == 0.647
    assert claim.gain.value == paper.table2[claim.row].local_gain.value == 4.8


def test_claims_quote_their_numbers():
    for claim in read_paper().claims:
        for number in (claim.ccc, claim.baseline_ccc, claim.gain, claim.level):
            assert number is None or number.text in claim.sentence


def test_printed_keeps_its_decimals():
    assert (Printed("2.0").value, Printed("2.0").decimals) == (2.0, 1)
    assert Printed("2.0").rounding == pytest.approx(0.05)
    assert (Printed(".678").decimals, Printed("19990").decimals) == (3, 0)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"2.0"', "2.0", r"paper.yaml:\d+: 'table2.cnn10-rrtn-ruwl.local_gain'.*in quotes"),
        ('"0.613"', '"about .6"', r"'table2.resnet18.ccc'.*printed number"),
        ("params_m", "param_m", "did you mean 'params_m'"),
        ("row: cnn14-rrtn-ruwl", "row: cnn15", "claim 'cnn14-local-gain' is about 'cnn15'"),
        ("id: cnn14-global-gain", "id: cnn14-local-gain", "two claims have the id"),
    ],
)
def test_mistakes_are_named(tmp_path, old, new, message):
    with pytest.raises(ParamsError, match=message):
        read_paper(broken(tmp_path, old, new))
