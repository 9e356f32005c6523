import csv
import io
import re

import pytest

from harness.evaluation.caption import caption
from harness.evaluation.columns import corrected, number, probability
from harness.evaluation.rendering import comma_separated, latex, markdown, show
from tests.evaluation.test_table import NAMES, family, readings_table, table

FACTS = {
    "params": 79_694_282,
    "params_trained": 5_004_321,
    "ccc_sd": 0.0123,
    "ccc_low": 0.41,
    "ccc_high": 0.62,
}
LOCAL = {"gain": 4.17, "gain_low": -0.25, "gain_high": 8.66, "p": 0.0714, "p_holm": 0.2856}
GLOBAL = {"gain": 10.04, "gain_low": 6.0, "gain_high": 14.0, "p": 0.0002, "p_holm": 0.003}


def rendered(local=LOCAL, smallest_p=0.0001, facts=None, **changes):
    gains = {"local": local, "global": GLOBAL}
    facts = FACTS | (facts or {})
    return table(facts=facts, gains=gains, smallest_p=smallest_p, **changes)


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
        assert f" {found} " in render(rendered(local, smallest_p=0.01))
        assert f" {found} " not in render(rendered(local, smallest_p=0.005))


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
        "trend": "flat",
        "95 % interval": "[0.410, 0.620]",
        "paper Ĉ": "0.674",
        "local gain (%)": "4.2 [-0.2, 8.7]",
        "p (local)": "0.071",
        "Holm (local)": "0.286",
        "detects (local)": "0.5",
        "paper local": "4.2",
        "global gain (%)": "10.0 [6.0, 14.0]",
        "p (global)": "0.0002",
        "Holm (global)": "0.003",
        "detects (global)": "0.5",
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
    assert [line["local_baseline"] for line in lines] == ["", "resnet18"]
    assert (lines[1]["p_global"], lines[1]["p_global_holm"]) == ("0.0002", "0.003")
    assert lines[0]["p_local"] == ""
    assert {line["smallest_p"] for line in lines} == {"0.0001"}


def test_latex_has_as_many_cells_as_columns_and_escapes_its_text():
    text = latex(rendered(names=[*NAMES, "my_row"]))
    body = text.split(r"\midrule")[1].split(r"\bottomrule")[0].strip().splitlines()
    assert [line.count(" & ") for line in body] == [17, 17, 17]
    assert body[2].startswith(r"my\_row & ")
    assert body[2].count("--") == 4  # no such row in the paper
    assert r"\textbf{0.700 $\pm$ 0.012}" in body[2]
    assert r"\underline{0.600 $\pm$ 0.012}" in body[1]
    assert "Ĉ" not in text
    assert "±" not in text
    for command in ("toprule", "midrule", "bottomrule", "end{tabular}", "end{table*}"):
        assert text.count(f"\\{command}") == 1


@pytest.mark.parametrize("names", [NAMES, ["a", "b"], ["resnet18"]])
def test_the_rules_of_latex_lie_below_the_groups_and_fill_all_columns_but_the_first(names):
    lines = latex(rendered(names=names)).splitlines()
    start = lines.index(r"\toprule")
    wide = [int(n) for n in re.findall(r"\\multicolumn\{(\d+)\}", lines[start + 1])]
    columns = lines[start + 3].count(" & ") + 1
    assert 1 + sum(wide) == columns == lines[start + 5].count(" & ") + 1
    rules = [tuple(map(int, ends)) for ends in re.findall(r"\{(\d+)-(\d+)\}", lines[start + 2])]
    assert [end - first + 1 for first, end in rules] == wide
    assert (rules[0][0], rules[-1][1]) == (2, columns)


def test_without_a_terminal_the_printed_table_is_plain_text_of_100_columns(capsys):
    names = ["resnet18", "resnet18-rrtn", "resnet18-rrtn-ruwl", "cnn14-rrtn-ruwl"]
    show(rendered(corpus="synthetic", names=names, smallest_p=0.0002))
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
    show(rendered(seeds=[1, 2]))
    printed = " ".join(capsys.readouterr().out.split())
    assert "*" not in printed
    assert "p takes three seeds or more, so there is none." in printed


def test_one_seed_shows_no_standard_deviation():
    assert "**0.600 ± n/a**" in markdown(rendered(seeds=[1], facts={"ccc_sd": None}))


def test_a_comparison_that_is_no_column_stands_in_the_csv():
    built = table(of=family(kinds=("local", "global", "ruwl")), gains={"ruwl": LOCAL})
    assert "ruwl gain" not in markdown(built)
    line = list(csv.DictReader(io.StringIO(comma_separated(built))))[1]
    assert (line["ruwl_baseline"], line["ruwl_gain"]) == ("resnet18", "4.17")
    assert (line["p_ruwl"], line["p_ruwl_holm"]) == ("0.0714", "0.2856")


@pytest.mark.parametrize("render", [markdown, latex])
def test_a_family_of_readings_has_a_column_of_what_each_row_reads(render):
    text = render(readings_table())
    column = 1 if render is markdown else 0
    lines = [line for line in text.splitlines() if line.strip("| ").startswith("pooled")]
    texts = [cell.strip() for cell in lines[0].split("|" if column else "&")]
    assert texts[column + 1] == {markdown: "ccc_loss pooled", latex: r"ccc\_loss pooled"}[render]
    assert "reads" not in render(rendered()).split("Ĉ is")[0].split(r"\toprule")[-1]


def test_where_no_row_is_the_papers_nothing_of_the_paper_is_a_column():
    built = table(names=["mine", "other"])
    assert "paper" not in markdown(built).splitlines()[0]
    assert "paper_ccc" not in comma_separated(built)
    assert "p (local)" in markdown(built)
