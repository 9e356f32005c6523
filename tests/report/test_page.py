"""The page says what the results say, whatever is there of them."""

import csv
import itertools
import json
import re
import shutil
import statistics as numbers
from pathlib import Path

import pytest

from harness.errors import RunError
from harness.report.page import svg
from harness.report.page.grids import minus
from harness.report.page.pictures import best, weights
from harness.report.page.render import page
from harness.report.page.sources import read
from harness.report.page.words import (
    ABOVE,
    AHEAD,
    BEHIND,
    BELOW,
    OPEN,
    UNTESTED,
    lead,
    verdict,
)
from stages import collect, report, statistics, table
from tests import fabricated
from tests.evaluation.test_table import table as built
from tests.fabricated import PAPER, write_tree
from tests.report.pages import Page

ROOT = Path(__file__).parents[2]
COMMITTED = sorted(path.parent.name for path in ROOT.glob("results/*/table2.json"))
SMALL = {name: PAPER[name] for name in ("cnn10", "cnn10-rrtn", "cnn10-rrtn-ruwl")}


@pytest.fixture
def place(tmp_path, monkeypatch):
    shutil.copy(ROOT / "paper.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)


def evaluated(truth=SMALL, **options):
    """Results of fabricated cells below the working directory."""
    write_tree(truth, **options)
    families = dict.fromkeys(name.partition("/")[0] for name in truth if "/" in name)
    for family in ("table2", *families):
        for stage in (collect, statistics, table):
            stage.main([family])


def shown(profile="toy"):
    return Page(page(read(profile)))


@pytest.fixture(scope="module")
def committed():
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        return {name: page(read(name)) for name in COMMITTED}


@pytest.mark.parametrize("profile", COMMITTED)
def test_the_numbers_of_a_table_are_those_of_its_json(committed, profile):
    found = Page(committed[profile])
    for file in ROOT.glob(f"results/{profile}/*.json"):
        content = json.loads(file.read_text(encoding="utf-8"))
        if "kinds" not in content:
            continue
        head, *lines = found.table(f"Every row of the family {content['family']}:")
        by_name = {line[0]: line for line in lines}
        printed = [
            kind
            for kind in content["kinds"]
            if any(
                (row["paper"] or {}).get(f"{kind}_gain")
                for row in content["rows"]
                if row["against"]
            )
        ]
        kinds = printed or content["kinds"]
        places = [place for place, name in enumerate(head) if name.startswith("gain")]
        assert len(places) == len(kinds)
        for row in content["rows"]:
            line = by_name[row["row"]]
            sd = "n/a" if row["ccc_sd"] is None else f"{row['ccc_sd']:.3f}"
            assert line[head.index("± sd")] == f"{row['ccc']:.3f} ± {sd}"
            assert line[head.index("width 1")] == f"{row['params'] / 1e6:.2f}"
            for kind, place in zip(kinds, places, strict=True):
                gain = row["against"].get(kind)
                shown = line[place].replace("−", "-")
                if gain is None:
                    assert shown == "–"
                else:
                    ends = f"[{gain['gain_low']:.1f}, {gain['gain_high']:.1f}]"
                    assert shown == f"{gain['gain']:.1f} {ends}"


@pytest.mark.parametrize("profile", COMMITTED)
def test_ccc_of_every_emotion_is_the_mean_of_its_seeds(committed, profile):
    content = json.loads((ROOT / f"results/{profile}/table2.json").read_text(encoding="utf-8"))
    selections = {row["row"]: row["selection"] for row in content["rows"]}
    each = {}
    with (ROOT / f"results/{profile}/table2/scores.csv").open(encoding="utf-8") as file:
        for line in csv.DictReader(file):
            if line["selection"] == selections[line["row"]]:
                each.setdefault((line["row"], line["target"]), []).append(float(line["ccc"]))
    expected = {key: numbers.fmean(values) for key, values in each.items()}
    tables = [lines for name, lines in Page(committed[profile]).tables.items() if "CCC on" in name]
    head, *lines = tables[0]
    assert len(lines) == len(selections)
    for line in lines:
        for target, text in zip(head[1:-1], line[1:-1], strict=True):
            assert float(text.replace("−", "-")) == pytest.approx(
                expected[line[0], target], abs=5e-4
            )


@pytest.mark.committed
@pytest.mark.parametrize("profile", COMMITTED)
def test_a_committed_page_is_its_results_rendered(committed, profile):
    file = ROOT / f"results/{profile}/report.html"
    if not file.is_file():
        pytest.skip(f"{file.relative_to(ROOT)} is not committed yet")
    assert file.read_text(encoding="utf-8") == committed[profile], (
        f"run `python -m stages.report {profile}`"
    )


@pytest.mark.parametrize("profile", COMMITTED)
def test_a_page_is_one_small_file_that_asks_for_nothing_and_names_no_day(committed, profile):
    text = committed[profile]
    assert len(text.encode()) < 3e6
    tags = Page(text).tags
    for tag, attributes in tags:
        for key in ("src", "href", "action", "srcset"):
            target = attributes.get(key) or "#"
            assert target.startswith(("#", "data:")), f"<{tag} {key}={target}>"
    assert not re.search(r"@import|url\(|fetch\(|XMLHttp", text)
    assert not re.search(r"\b20[2-9]\d-\d\d-\d\d\b", text)
    anchors = [about["href"][1:] for tag, about in tags if about.get("href", "").startswith("#")]
    ids = [about["id"] for _, about in tags if "id" in about]
    assert len(ids) == len({*ids})
    assert {*anchors} <= {*ids}


@pytest.mark.parametrize("profile", COMMITTED)
def test_headings_are_in_order_and_every_picture_says_what_it_shows(committed, profile):
    found = Page(committed[profile])
    levels = [level for level, _ in found.headings]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
    pictures = [about for tag, about in found.tags if tag == "svg" and about.get("role") == "img"]
    assert len(pictures) > 20
    assert all(len(about["aria-label"].split()) > 3 for about in pictures)
    others = [about for tag, about in found.tags if tag == "svg" and "x" not in about]
    assert all("role" in about or about["aria-hidden"] == "true" for about in others)


# What came out, in words.


def gains(low, high, p_holm=None):
    value = {"gain": (low + high) / 2, "gain_low": low, "gain_high": high, "p_holm": p_holm}
    return {"local": value, "global": value}


@pytest.mark.parametrize(
    ("low", "high", "p_holm", "expected"),
    [
        (1.0, 3.0, 0.04, AHEAD),
        (-3.0, -1.0, 0.05, BEHIND),
        (1.0, 3.0, 0.06, ABOVE),
        (-3.0, -1.0, None, BELOW),
        (-1.0, 3.0, 0.9, OPEN),
        (0.0, 3.0, 0.9, OPEN),
        (None, None, None, UNTESTED),
    ],
)
def test_a_verdict_is_no_stronger_than_interval_and_p(low, high, p_holm, expected):
    ends = {"gain": 1.0, "gain_low": low, "gain_high": high, "p_holm": p_holm}
    if expected == BEHIND:
        ends["gain"] = -2.0
    found = built(gains={"local": ends})
    gain = found.rows[1].against["local"]
    assert verdict(gain, found) == expected


def first(corpus="toy", **options):
    names = ["resnet18", "resnet18-rrtn-ruwl"]
    return lead(built(corpus=corpus, names=names, **options))


def test_a_gain_whose_interval_holds_0_is_not_called_one():
    outcome, bearing = first(gains=gains(-4.0, 6.0, 0.6))
    assert "RRTN with RUWL is not told apart from the encoder alone (+1.0 %" in outcome
    assert not re.search("above|ahead|better|significant", outcome)
    assert bearing.startswith("The corpus is not the paper's, so")
    assert "nor for them" in bearing


def test_what_holm_leaves_small_is_counted_once_for_a_pair_of_rows():
    outcome, _ = first(gains=gains(2.0, 6.0, 0.01))
    assert "RRTN with RUWL scores above the encoder alone (+4.0 %, the interval above 0)" in outcome
    assert "1 of the 15 comparisons keeps p ≤ 0.05 after Holm's correction" in outcome
    outcome, _ = first(gains=gains(2.0, 6.0, 0.2))
    assert "none of the 15 comparisons keeps" in outcome


def test_intervals_of_few_seeds_are_said_to_be_for_these_seeds():
    outcome, _ = first(seeds=(1, 2), gains=gains(2.0, 6.0))
    assert "the intervals are for these 2 seeds, and there is no p" in outcome
    assert "Holm" not in outcome


def test_on_the_papers_corpus_its_gains_are_looked_for_in_the_intervals():
    _, bearing = first("hume-vb", gains=gains(2.0, 6.0, 0.01))
    assert bearing == (
        "The paper prints gains of 3.6 %: 1 of these 1 lie within the interval found here."
    )


def test_the_lead_is_two_sentences_each_with_one_full_stop(committed):
    for text in committed.values():
        leads = re.findall(r'<p class="lead">(.*?)</p>', text)
        assert len(leads) == 2
        assert all(re.findall(r"\.(?:\s|$)", sentence) == ["."] for sentence in leads)


# Bad and small input.


def test_a_profile_without_a_family_says_so(place):
    evaluated()
    found = shown()
    assert "No family beside Table 2 was run on this profile" in found.text
    assert [line[0] for line in found.table("Every row")[1:]] == [*SMALL, "ceiling"]


def test_what_is_claimed_of_a_family_stands_above_its_table(place):
    evaluated(SMALL | {"mine/plain": 0.5}, names=list(SMALL), blocks={"mine/plain": {}})
    claims = [{"claim": "It raises Ĉ", "about": "it", "verdict": "not shown", "parts": []}]
    Path("results/toy/mine/claims.json").write_text(json.dumps({"level": 0.95, "claims": claims}))
    lines = shown().table("What is claimed of the family mine")
    assert lines == [["claim", "of", "verdict"], ["It raises Ĉ", "it", "not shown"]]


def test_a_family_stands_beside_table_2_with_its_rows_gains_over_three_others(place):
    truth = SMALL | {"mine/cnn10-masked": 0.5}
    blocks = {
        "mine/cnn10-masked": {
            "views": ["masked"],
            "terms": ["ccc"],
            "weighting": "fixed",
            "against": {"vanilla": "table2/cnn10"},
        }
    }
    evaluated(truth, names=list(SMALL), blocks=blocks)
    found = shown()
    headings = [text for level, text in found.headings if level == 3]
    assert headings[:2] == ["Table 2", "Family mine"]
    head, *lines = found.table("All 4 rows")
    by_name = {line[0]: line for line in lines}
    places = [head.index(f"over {what} (%)") for what in ("encoder alone", "SpecAugment", "RRTN")]
    scores = {
        name: json.loads(Path("results/toy/table2/metrics.json").read_text())[name]
        for name in SMALL
    }
    scores["cnn10-masked"] = json.loads(Path("results/toy/mine/metrics.json").read_text())[
        "cnn10-masked"
    ]
    for name, line in by_name.items():
        for base, place in zip(("cnn10", "cnn10-masked", "cnn10-rrtn"), places, strict=True):
            expected = 100 * (scores[name] / scores[base] - 1)
            text = line[place].replace("−", "-")
            assert text == "·" if name == base else float(text) == pytest.approx(expected, abs=0.06)
    assert [by_name[name][head.index("cost")] for name in ("cnn10", "cnn10-rrtn")] == ["1 ×", "2 ×"]
    assert by_name["cnn10-masked"][-1] == "dvc repro families/dvc.yaml:train@mine/cnn10-masked"
    assert "No family beside" not in found.text


def test_a_cell_without_history_is_named(place):
    evaluated()
    file = Path("results/toy/table2/history.csv")
    kept = [line for line in file.read_text().splitlines() if not line.startswith("cnn10-rrtn,")]
    file.write_text("\n".join(kept) + "\n")
    found = shown()
    assert "Table 2 has no history, and so no curve, of cnn10-rrtn." in found.text
    assert [line[0] for line in found.table("The epoch at which")[1:]] == [
        "cnn10",
        "cnn10-rrtn-ruwl",
    ]
    file.unlink()
    assert "No cell of it has a history." in shown().text


@pytest.mark.parametrize("missing", ["scores.csv", "statistics.json", "power.json", "moments.npz"])
def test_a_page_is_made_without_any_one_file(place, missing):
    evaluated()
    Path("results/toy/table2", missing).unlink()
    found = shown()
    assert len(found.table("Every row")) == len(SMALL) + 2
    if missing == "scores.csv":
        assert "Table 2 has no scores of single targets." in found.text


def test_one_seed_has_no_spread_and_says_so(place):
    evaluated(seeds=[7])
    found = shown()
    assert "There is one seed, so that no spread over seeds and no p can be told." in found.text
    assert "for this one seed" in found.text
    assert "nan" not in found.text.lower().split()


def test_without_speakers_there_is_no_interval_and_no_spread(place):
    evaluated(speakers=1, seeds=[1, 2, 3])
    found = shown()
    assert "stands untested beside the encoder alone (+1.8 %, no interval)" in found.text
    assert "Table 2 has no spread over speakers: it takes two dev speakers." in found.text


NAMES = ["Überraschung-und-" + "sehr-" * 20 + "lang", "驚き", '<b>دهشة</b> & "quoted"']


def test_long_and_foreign_names_of_emotions_are_shown_as_they_are(place, monkeypatch):
    monkeypatch.setattr(fabricated, "TARGETS", NAMES)
    evaluated()
    head = shown().table("CCC on each of 3 targets")[0]
    assert head == ["row", *NAMES, "Ĉ"]
    assert "<b>دهشة" not in page(read("toy"))


def test_48_targets_have_a_column_each(place, monkeypatch):
    names = [f"emotion {number}" for number in range(48)]
    monkeypatch.setattr(fabricated, "TARGETS", names)
    evaluated()
    assert shown().table("CCC on each of 48 targets")[0] == ["row", *names, "Ĉ"]


def test_without_table_2_the_error_names_the_command(place):
    evaluated()
    Path("results/toy/table2.json").unlink()
    with pytest.raises(RunError, match=r"table2\.json is missing; run `dvc repro table`"):
        read("toy")


def test_a_broken_table_is_one_line_that_names_it(place):
    evaluated()
    file = Path("results/toy/table2.json")
    file.write_text(file.read_text().replace('"seeds"', '"sseeds"', 1))
    with pytest.raises(RunError, match=r"table2\.json is no table: .*run `make repro`"):
        read("toy")


def test_the_stage_writes_the_same_bytes_twice(place):
    evaluated(seeds=[1, 2, 3])
    report.main([])
    before = Path("results/toy/report.html").read_bytes()
    report.main(["toy"])
    assert Path("results/toy/report.html").read_bytes() == before
    assert before.decode() == page(read("toy"))


# What is drawn.


def weigh(row, losses):
    """Give a row of the evaluated tree weights that move, in its history."""
    file = Path("results/toy/table2/history.csv")
    lines = list(csv.DictReader(file.read_text().splitlines()))
    for line in lines:
        for place, name in enumerate(losses):
            moves = place + float(line["epoch"]) if line["row"] == row else ""
            line[f"weight_{name}"] = line.get(f"weight_{name}") or moves
    with file.open("w", newline="") as out:
        writer = csv.DictWriter(out, list(lines[0]))
        writer.writeheader()
        writer.writerows(lines)


def weight_panels():
    found = read("toy")
    return {panel.title: panel for panel in weights(found.table2, found)}


def test_a_loss_has_one_colour_in_a_family_and_no_other_has_it(place):
    evaluated()
    weigh("cnn10-rrtn", ["fear", "joy"])
    weigh("cnn10-rrtn-ruwl", ["joy", "awe"])
    panels = weight_panels()
    assert list(panels) == ["cnn10-rrtn", "cnn10-rrtn-ruwl"]  # the vanilla row has one loss
    pairs = {key for panel in panels.values() for key in panel.keys}
    names = [name for _, name in pairs]
    assert sorted(names) == ["CCC, clean view", "awe", "fear", "joy"]
    assert len({colour for colour, _ in pairs}) == 4


def test_of_more_losses_than_colours_none_is_told_from_another(place):
    evaluated()
    weigh("cnn10-rrtn", [f"emotion {number}" for number in range(48)])
    panel = weight_panels()["cnn10-rrtn"]
    assert panel.keys == [(1, "a loss")]
    assert panel.drawing.count('class="thin c1"') == 2 * 49  # seeds, emotions and the clean view


# Numbers that only the page has.


def test_pseudo_values_of_speakers_average_to_the_difference(place):
    evaluated(seeds=[1, 2, 3])
    family = read("toy").table2
    known = json.loads(Path("results/toy/table2/statistics.json").read_text())
    assert set(family.speakers) == {"cnn10-rrtn", "cnn10-rrtn-ruwl"}
    for row, values in family.speakers.items():
        assert len(values) == 12
        expected = known[row]["comparisons"]["local"]["difference"]
        assert numbers.fmean(values) == pytest.approx(expected, abs=1e-6)


def test_the_best_epoch_is_that_of_the_mean_over_seeds():
    curves = {1: [0.1, 0.5, 0.3], 2: [0.1, 0.2, 0.6]}  # means .1, .35, .45
    cells = {
        seed: [{"epoch": float(e), "dev_ccc": v} for e, v in enumerate(curve, start=1)]
        for seed, curve in curves.items()
    }
    cells[1].append({"epoch": 4.0})  # not scored
    found = best(cells)
    assert (found.epoch, found.epochs) == (3, [2, 3])
    assert found.score == pytest.approx(0.45)
    assert best({1: [{"epoch": 1.0}]}) is None


@pytest.mark.parametrize(
    ("values", "low", "high"),
    [([-8.8, 2.8], -10, 5), ([0.31, 0.49], 0.3, 0.5), ([3, 3], 1, 5), ([], 0, 1)],
)
def test_a_scale_holds_its_values_and_ends_at_round_ones(values, low, high):
    found = svg.scale(values, 0, 100)
    assert (found.low, found.high) == (low, high)
    assert (found.at(low), found.at(high)) == (0, 100)
    assert found.at((low + high) / 2) == pytest.approx(50)
    assert found.at(high + 1) == 100  # clipped
    ticks = found.ticks()
    assert all(low <= tick <= high for tick in ticks)
    assert 2 <= len(ticks) <= 8


def test_a_logarithmic_scale_has_powers_of_ten():
    found = svg.scale([2e-6, 0.5, 0.0], 0, 60, log=True)
    assert (found.low, found.high) == (1e-6, 1)
    assert found.at(1e-3) == pytest.approx(30)
    assert found.at(0) == 0
    assert [svg.short(tick) for tick in found.ticks()] == ["1e−6", "1e−4", "0.01", "1"]


def test_minus_signs_are_true_ones_and_hyphens_stay():
    found = minus("cnn10-rrtn-ruwl -19.5 [-26.4, -12.7] 1e-08, page-1, 5 %")
    assert found == "cnn10-rrtn-ruwl −19.5 [−26.4, −12.7] 1e-08, page-1, 5\u00a0%"
