import csv
import io

import pytest
from harness.config.table import Row

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
    "local_gain": 4.17,
    "local_gain_low": -0.25,
    "local_gain_high": 8.66,
    "p_local": 0.0714,
    "p_local_holm": 0.2856,
    "global_gain": 10.04,
    "p_global": 0.0002,
    "p_global_holm": 0.003,
    "global_gain_low": 6.0,
    "global_gain_high": 14.0,
}
BASELINE = dict.fromkeys(key for key in NUMBERS if "gain" in key or key.startswith("p_"))


def rendered(**changes):
    built = table(facts={key: NUMBERS[key] for key in NUMBERS if key not in BASELINE}, **changes)
    built["smallest_p"] = 0.0001
    for row in built["rows"]:
        row.update(NUMBERS)
    built["rows"][0].update(BASELINE)
    return built


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
    built = rendered() | {"smallest_p": 0.01}
    built["rows"][1] |= {"p_local": 0.01, "p_local_holm": 0.15}
    for found in (text, text.replace("0.01", "0.15")):
        assert f" {found} " in render(built)
        assert f" {found} " not in render({**built, "smallest_p": 0.005})


def test_markdown_has_ours_and_the_papers_numbers_side_by_side():
    lines = markdown(rendered(about={"ceiling": {"mean": 0.9}})).splitlines()
    head = cells(lines[0])
    row = dict(zip(head, cells(lines[3]), strict=True))
    assert row == {
        "row": "cnn14-rrtn",
        "params (M)": "79.69",
        "trained (M)": "5.00",
        "paper (M)": "83.95",
        "Ĉ ± sd": "**0.600 ± 0.012**",
        "95 % interval": "[0.410, 0.620]",
        "paper Ĉ": "0.674",
        "local gain (%)": "4.2 [-0.2, 8.7]",
        "p (local)": "0.071",
        "Holm (local)": "0.286",
        "paper local": "4.2",
        "global gain (%)": "10.0 [6.0, 14.0]",
        "p (global)": "0.0002",
        "Holm (global)": "0.003",
        "paper global": "10.0",
    }
    baseline = dict(zip(head, cells(lines[2]), strict=True))
    assert baseline["Ĉ ± sd"] == "<u>0.500 ± 0.012</u>"
    assert [baseline[key] for key in ("local gain (%)", "p (global)")] == ["–", "–"]
    assert cells(lines[4])[0:5] == ["ceiling", "", "", "", "0.900"]
    assert lines[-1] == caption(rendered(about={"ceiling": {"mean": 0.9}}))


@pytest.mark.parametrize("render", [markdown, latex])
def test_another_corpus_is_named_in_the_first_line(render):
    assert "corpus synthetic, not hume-vb" in render(rendered(corpus="synthetic")).splitlines()[0]
    assert "Not the paper's" not in render(rendered())


def test_every_line_of_the_csv_names_its_corpus_and_numbers_are_unrounded():
    lines = list(csv.DictReader(io.StringIO(comma_separated(rendered(corpus="synthetic")))))
    assert [line["corpus"] for line in lines] == ["synthetic", "synthetic"]
    assert (lines[1]["local_gain"], lines[1]["paper_ccc"]) == ("4.17", "0.674")
    assert (lines[1]["selection"], lines[1]["seeds"]) == ("last", "1 2 3")
    assert lines[0]["p_local"] == ""
    assert {line["smallest_p"] for line in lines} == {"0.0001"}


def test_latex_has_as_many_cells_as_columns_and_escapes_its_text():
    text = latex(rendered(rows=[*ROWS, Row("my_row", "cnn10", "rrtn")]))
    body = text.split(r"\midrule")[1].split(r"\bottomrule")[0].strip().splitlines()
    assert [line.count(" & ") for line in body] == [14, 14, 14]
    assert body[2].startswith(r"my\_row & ")
    assert body[2].count("--") == 4  # no such row in the paper
    assert r"\textbf{0.700 $\pm$ 0.012}" in body[2]
    assert r"\underline{0.600 $\pm$ 0.012}" in body[1]
    assert "Ĉ" not in text
    assert "±" not in text
    for command in ("toprule", "midrule", "bottomrule", "end{tabular}", "end{table*}"):
        assert text.count(f"\\{command}") == 1


def test_without_a_terminal_the_printed_table_is_plain_text_of_100_columns(capsys):
    names = ["resnet18", "resnet18-rrtn", "resnet18-rrtn-ruwl", "cnn14-rrtn-ruwl"]
    built = rendered(corpus="synthetic", rows=[Row(name, name, "rrtn") for name in names])
    show(built | {"smallest_p": 0.0002})
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
    built = rendered(seeds=[1, 2]) | {"smallest_p": None}
    for row in built["rows"]:
        row |= dict.fromkeys((key for key in row if key.startswith("p_")), None)
    show(built)
    printed = " ".join(capsys.readouterr().out.split())
    assert "*" not in printed
    assert "p takes three seeds or more, so there is none." in printed


def test_one_seed_shows_no_standard_deviation():
    built = rendered(seeds=[1])
    for row in built["rows"]:
        row["ccc_sd"] = None
    assert "**0.600 ± n/a**" in markdown(built)
