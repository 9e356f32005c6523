import csv
import io
import re

import pytest

from harness.evaluation.rendering import (
    comma_separated,
    corrected,
    latex,
    markdown,
    number,
    probability,
    show,
)
from harness.evaluation.table import caption
from tests.evaluation.test_table import ROWS, table

NUMBERS = {
    "params": 79_694_282,
    "params_trained": 5_004_321,
    "ccc_sd": 0.0123,
    "ccc_low": 0.41,
    "ccc_high": 0.62,
}
LOCAL = {"gain": 4.17, "gain_low": -0.25, "gain_high": 8.66, "p": 0.0714, "p_holm": 0.2856}
GLOBAL = {"gain": 10.04, "gain_low": 6.0, "gain_high": 14.0, "p": 0.0002, "p_holm": 0.003}


def rendered(smallest=0.0001, local=LOCAL, over_all=GLOBAL, numbers=None, **changes):
    """The table of test_table with these numbers in every row."""
    built, rows = table(**changes), []
    for row in built.rows:
        gains = {"local": local, "global": over_all}
        against = {
            kind: gain.model_copy(update=gains.get(kind, {})) for kind, gain in row.against.items()
        }
        update = NUMBERS | (numbers or {}) | {"against": against}
        rows.append(row.model_copy(update=update))
    return built.model_copy(update={"smallest_p": smallest, "rows": rows})


def cells(line):
    return [cell.strip() for cell in line.strip("|\n").split("|")]


def test_number_and_probability():
    assert [number(0.0, 3), number(2.0, 1), number(None, 2)] == ["0.000", "2.0", "–"]
    assert [probability(p) for p in (0.0444, 0.001, 0.0002, 4e-5, 1.0, None)] == [
        "0.044",
        "0.001",
        "0.0002",
        "<0.0001",
        "1.000",
        "–",
    ]


def test_a_p_at_the_smallest_that_can_be_told_is_a_bound_and_stays_true_when_rounded():
    told = [(0.01, "≤ 0.01"), (0.03 / 7, "≤ 0.005"), (2 / 10_001, "≤ 0.0002"), (0.25, "≤ 0.25")]
    told += [(2 / 2**6, "≤ 0.032"), (0.03 / 40, "≤ 0.0008"), (1e-9, "<0.0001"), (1.0, "1.000")]
    for smallest, text in told:
        assert probability(smallest, smallest) == text
    assert probability(0.0101, 0.01) == "0.010"
    assert probability(None, 0.01) == "–"
    assert corrected(0.15, 0.01, 0.01) == "≤ 0.15"
    assert corrected(57 * 0.01, 0.01, 0.01) == "≤ 0.57"  # 0.5700000000000001 as a float
    assert corrected(0.16, 0.011, 0.01) == "0.160"
    assert corrected(1.0, 0.3, 0.01) == "1.000"
    assert corrected(None, None, None) == "–"


@pytest.mark.parametrize(("render", "text"), [(markdown, "≤ 0.01"), (latex, r"$\leq$ 0.01")])
def test_every_form_of_the_table_marks_a_bound(render, text):
    local = LOCAL | {"p": 0.01, "p_holm": 0.15}
    for found in (text, text.replace("0.01", "0.15")):
        assert f" {found} " in render(rendered(0.01, local))
        assert f" {found} " not in render(rendered(0.005, local))


def test_markdown_has_ours_and_the_papers_numbers_side_by_side():
    lines = markdown(rendered(about={"ceiling": {"mean": 0.9}})).splitlines()
    head = cells(lines[0])
    row = dict(zip(head, cells(lines[4]), strict=True))
    assert row == {
        "row": "cnn14-rrtn",
        "params (M)": "79.69",
        "trained (M)": "5.00",
        "paper (M)": "83.95",
        "Ĉ ± sd": "**0.700 ± 0.012**",
        "95 % interval": "[0.410, 0.620]",
        "paper Ĉ": "0.674",
        "global gain (%)": "10.0 [6.0, 14.0]",
        "p (global)": "0.0002",
        "Holm (global)": "0.003",
        "paper global": "10.0",
        "local gain (%)": "4.2 [-0.2, 8.7]",
        "p (local)": "0.071",
        "Holm (local)": "0.286",
        "paper local": "4.2",
    }
    baseline = dict(zip(head, cells(lines[2]), strict=True))
    assert baseline["Ĉ ± sd"] == "0.500 ± 0.012"
    assert [baseline[key] for key in ("local gain (%)", "p (global)")] == ["–", "–"]
    assert cells(lines[5])[0:5] == ["ceiling", "", "", "", "0.900"]
    assert lines[-1] == caption(rendered(about={"ceiling": {"mean": 0.9}}))


@pytest.mark.parametrize("render", [markdown, latex])
def test_another_corpus_is_named_in_the_first_line(render):
    assert "corpus synthetic, not hume-vb" in render(rendered(corpus="synthetic")).splitlines()[0]
    assert "Not the paper's" not in render(rendered())


def test_every_line_of_the_csv_names_its_corpus_and_numbers_are_unrounded():
    lines = list(csv.DictReader(io.StringIO(comma_separated(rendered(corpus="synthetic")))))
    assert [line["corpus"] for line in lines] == ["synthetic"] * 3
    assert (lines[2]["local_gain"], lines[2]["paper_ccc"]) == ("4.17", "0.674")
    assert (lines[2]["local_baseline"], lines[2]["global_baseline"]) == ("cnn14", "resnet18")
    assert (lines[2]["selection"], lines[2]["seeds"]) == ("last", "1 2 3")
    assert lines[0]["p_local"] == ""
    assert {line["smallest_p"] for line in lines} == {"0.0001"}


def test_latex_has_as_many_cells_as_columns_and_escapes_its_text():
    text = latex(rendered(rows=[*ROWS, "cnn6_my-rrtn"]))
    body = text.split(r"\midrule")[1].split(r"\bottomrule")[0].strip().splitlines()
    assert [line.count(" & ") for line in body] == [14] * 4
    assert body[3].startswith(r"cnn6\_my-rrtn & ")
    assert body[3].count("--") == 7  # no such row in the paper, and no local baseline
    assert r"\textbf{0.800 $\pm$ 0.012}" in body[3]
    assert r"\underline{0.700 $\pm$ 0.012}" in body[2]
    assert "Ĉ" not in text
    assert "±" not in text
    for command in ("toprule", "midrule", "bottomrule", "end{tabular}", "end{table*}"):
        assert text.count(f"\\{command}") == 1


@pytest.mark.parametrize("rows", [ROWS, ["a", "b"], ["resnet18", "cnn10", "cnn10-rrtn-ruwl"]])
def test_the_groups_of_latex_stand_over_all_columns_but_the_first(rows):
    """Whatever the groups are: they fill the head's first line, and the rules lie below them."""
    lines = latex(rendered(rows=rows)).splitlines()
    start = lines.index(r"\toprule")
    wide = [int(n) for n in re.findall(r"\\multicolumn\{(\d+)\}", lines[start + 1])]
    columns = lines[start + 3].count(" & ") + 1
    assert 1 + sum(wide) == columns == lines[start + 5].count(" & ") + 1
    rules = [tuple(map(int, e)) for e in re.findall(r"\{(\d+)-(\d+)\}", lines[start + 2])]
    assert [end - first + 1 for first, end in rules] == wide
    assert (rules[0][0], rules[-1][1]) == (2, columns)


def test_without_a_terminal_the_printed_table_is_plain_text_of_100_columns(capsys):
    names = ["resnet18", "resnet18-rrtn", "resnet18-rrtn-ruwl", "cnn14", "cnn14-rrtn-ruwl"]
    show(rendered(0.0002, corpus="synthetic", rows=names))
    printed = capsys.readouterr().out
    lines = printed.splitlines()
    assert "synthetic, not hume-vb" in lines[0]
    assert max(map(len, lines)) <= 100
    assert "\x1b" not in printed
    assert "…" not in printed
    for name in names:
        assert sum(line.startswith(f"|{name} ") or f"|{name}|" in line for line in lines) == 1
    assert any("≤0.0002*" in line and "10.0" in line for line in lines)
    assert not any("0.071*" in line for line in lines)
    assert "* marks a p that Holm's correction leaves at or below 0.05." in " ".join(
        printed.split()
    )


def test_without_a_p_nothing_is_said_about_stars(capsys):
    none = {"p": None, "p_holm": None}
    show(rendered(None, LOCAL | none, GLOBAL | none, seeds=[1, 2]))
    printed = " ".join(capsys.readouterr().out.split())
    assert "*" not in printed
    assert "p takes three seeds or more, so there is none." in printed


def test_one_seed_shows_no_standard_deviation():
    assert "**0.700 ± n/a**" in markdown(rendered(seeds=[1], numbers={"ccc_sd": None}))
