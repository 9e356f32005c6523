"""rows.yaml: full names, and one line about a block that cannot be."""

import pytest

from harness.config.rows import read_rows
from harness.errors import ParamsError

PLAIN = "{encoder: cnn10, views: [clean], terms: [ccc], weighting: fixed"
TABLE2 = f"table2:\n  cnn10: {PLAIN}}}\n"


def read(tmp_path, text):
    path = tmp_path / "rows.yaml"
    path.write_text(TABLE2 + text)
    return read_rows(path)


def test_a_row_is_known_by_its_family_and_its_name(tmp_path):
    rows = read(tmp_path, f"rows:\n  mine/a: {PLAIN}, against: {{it: table2/cnn10, own: b}}}}\n"
                          f"  mine/b: {PLAIN}}}\n")  # fmt: skip
    assert list(rows) == ["table2/cnn10", "mine/a", "mine/b"]
    assert rows["mine/a"].against == {"it": "table2/cnn10", "own": "mine/b"}


FAULTS = {
    "a family of ours": (f"rows:\n  table1/a: {PLAIN}}}\n", "no family table2 or table1"),
    "no family": (f"rows:\n  a: {PLAIN}}}\n", "write family/row"),
    "after in short": (
        f"rows:\n  mine/a: {PLAIN}}}\nafter:\n  mine/b: {PLAIN}, after: a}}\n",
        "write the full name, mine/a",
    ),
    "after nobody": (
        f"rows:\n  mine/a: {PLAIN}}}\nafter:\n  mine/b: {PLAIN}, after: mine/aa}}\n",
        "did you mean 'mine/a'",
    ),
    "after itself": (
        f"after:\n  mine/a: {PLAIN}, after: mine/b}}\n  mine/b: {PLAIN}, after: mine/a}}\n",
        "in a circle: mine/a → mine/b → mine/a",
    ),
    "against another family": (
        f"rows:\n  mine/a: {PLAIN}, against: {{x: yours/a}}}}\n  yours/a: {PLAIN}}}\n",
        "of its own family or of table2",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_block_that_cannot_be_is_one_line_with_the_remedy(tmp_path, fault):
    text, said = FAULTS[fault]
    with pytest.raises(ParamsError) as raised:
        read(tmp_path, text)
    assert said in str(raised.value)
    assert "rows.yaml" in str(raised.value)
    assert "\n" not in str(raised.value)
