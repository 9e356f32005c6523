"""Verdicts on claims: what is tested, what is counted, and what cannot be told."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from harness.config.rows import read_family, read_rows
from harness.errors import RunError
from harness.evaluation.claims import (
    CCC,
    KEPT,
    LOWER,
    MARGIN,
    QUESTIONS,
    Evidenced,
    Statement,
    Supposed,
    judged,
    statements,
)
from harness.evaluation.claims_table import markdown
from harness.evaluation.significance import holm
from stages import claims as stage
from tests.clone import write

LEVEL = 0.95


def comparison(difference, error=0.01, base=0.4, baseline="old", df=20.0, smallest=0.006):
    """As statistics.json and probes.json have a comparison."""
    half = float(stats.t.ppf(0.975, df)) * error
    p = max(float(2 * stats.t.sf(abs(difference) / error, df)), smallest)
    ends = {"low": difference - half, "high": difference + half}
    about = {"baseline": baseline, "base": base, "df": df, "smallest_p": smallest}
    return {"difference": difference, "error": error, "p": p, **ends, **about}


def scored(**kinds):
    return {"ccc": 0.4, "ccc_sd": 0.01, "comparisons": kinds}


def read(row, probe="linear", above=0.5, **kinds):
    control = comparison(above)
    about = {"question": "speaker", "probe": probe, "row": row, "accuracy": 0.6, "sd": 0.02}
    return {**about, "shuffled": 0.1, "chance": 0.1, "above": control, "comparisons": kinds}


def evidence(statistics=None, probes=(), costs=None):
    return Evidenced(statistics or {}, list(probes), costs or {}, "speaker", LEVEL)


def told(found, *parts):
    return judged(found, [Statement("it is so", "mine", list(parts))])[0]


HIGHER_CCC, KEPT_CCC = Supposed(CCC, "new", "without"), Supposed(CCC, "new", "without", KEPT)


@pytest.mark.parametrize(
    ("difference", "verdict"), [(0.1, "holds"), (0.01, "not shown"), (-0.1, "contradicted")]
)
def test_a_higher_score_holds_where_it_is_sure(difference, verdict):
    found = evidence({"new": scored(without=comparison(difference)), "old": scored()})
    assert told(found, HIGHER_CCC)["verdict"] == verdict


@pytest.mark.parametrize(
    ("difference", "verdict"),
    [(0.05, "holds"), (0.0, "not shown"), (-0.03, "not shown"), (-0.1, "contradicted")],
)
def test_a_score_is_kept_where_a_loss_of_the_margin_can_be_ruled_out(difference, verdict):
    """At an error of .01 and a margin of .02 no difference at all rules out just too little."""
    found = evidence({"new": scored(without=comparison(difference)), "old": scored()})
    part = told(found, KEPT_CCC)["parts"][0]
    t = (difference + MARGIN * 0.4) / 0.01
    assert part["p"] == pytest.approx(max(0.006, 2 * stats.t.sf(abs(t), 20)))
    assert told(found, KEPT_CCC)["verdict"] == ("not shown" if part["p"] > 0.05 else verdict)


def test_ruling_out_a_loss_is_the_interval_lying_above_it():
    """Without Holm's correction: the same decision as the headline's interval gives."""
    for difference in np.linspace(-0.06, 0.06, 41):
        one = comparison(difference, smallest=0.0)
        found = evidence({"new": scored(without=one), "old": scored()})
        verdict = told(found, KEPT_CCC)["verdict"]
        assert (verdict == "holds") == (one["low"] > -MARGIN * 0.4)
        assert (verdict == "contradicted") == (one["high"] < -MARGIN * 0.4)


def test_every_part_has_to_hold_and_holm_corrects_over_the_parts_about_one_thing():
    statistics = {
        "new": scored(without=comparison(0.025), other=comparison(0.022)),
        "old": scored(),
    }
    parts = [HIGHER_CCC, Supposed(CCC, "new", "other")]
    claim = told(evidence(statistics), *parts)
    p = [part["p"] for part in claim["parts"]]
    assert max(p) < 0.05
    assert [part["p_holm"] for part in claim["parts"]] == holm(p)
    assert claim["verdict"] == "holds"
    apart = [Statement("one", "mine", parts[:1]), Statement("two", "yours", parts[1:])]
    assert [c["parts"][0]["p_holm"] for c in judged(evidence(statistics), apart)] == p
    twice = [Statement("one", "mine", parts), Statement("two", "mine", parts[:1])]
    assert judged(evidence(statistics), twice)[0]["parts"][0]["p_holm"] == holm(p)[0]


def test_a_probe_that_reads_nothing_from_the_row_without_decides_nothing():
    part = Supposed("linear", "new", "without", LOWER)
    rows = [read("new", without=comparison(-0.001)), read("old", above=0.001)]
    assert told(evidence(probes=rows), part)["verdict"] == "nothing to read"
    rows = [read("new", without=comparison(-0.2)), read("old")]
    assert told(evidence(probes=rows), part)["verdict"] == "holds"
    other = [{**one, "question": "country"} for one in rows]
    with pytest.raises(RunError, match="the row new compared with 'without' by linear"):
        told(evidence(probes=other), part)


def test_counts_need_no_test():
    statistics = {"new": scored(without=comparison(0.0)), "old": scored()}
    costs = {"new": {"work": 99.0, "parameters": 25.0}, "old": {"work": 100.0, "parameters": 100.0}}
    found = evidence(statistics, costs=costs)
    fewer, less = (Supposed(name, "new", "without", LOWER) for name in ("parameters", "work"))
    assert told(found, fewer)["verdict"] == "holds"
    assert told(found, less)["verdict"] == "contradicted"
    assert told(found, fewer, HIGHER_CCC)["verdict"] == "not shown"


def test_too_few_seeds_tell_nothing():
    one = comparison(0.1) | {"p": None, "smallest_p": None, "error": None, "df": None}
    found = evidence({"new": scored(without=one), "old": scored()})
    for part in (HIGHER_CCC, KEPT_CCC):
        assert told(found, part)["verdict"] == "too few seeds or speakers to tell"


@pytest.mark.parametrize("family", QUESTIONS)
def test_every_part_of_a_claim_is_a_comparison_that_the_rows_have(family):
    rows = read_rows()
    for claim in statements(family):
        for part in claim.parts:
            row = rows[f"{family}/{part.row}"]
            assert part.kind in row.against, (claim.text, part)
            if part.measure in ("linear", "mlp"):
                assert all("embeddings" in rows[n].keep for n in (row.against[part.kind],))


def test_a_family_without_claims_is_one_line():
    with pytest.raises(RunError, match="nothing is claimed about the family readings"):
        statements("readings")


@pytest.fixture
def tree(tmp_path, monkeypatch):
    """What the stages before leave of the family quaternion: nothing differs from anything."""
    rows, family = read_rows(), read_family("quaternion")
    write(
        tmp_path,
        {
            "profile": "small",
            "seeds": [1, 2, 3, 4, 5],
            "families": {"quaternion": {}},
            "statistics": {"resamples": 100, "level": LEVEL, "seed": 0},
        },
        {},
    )
    for name in ("paper.yaml", "rows.yaml"):
        (tmp_path / name).write_bytes(Path(name).read_bytes())
    monkeypatch.chdir(tmp_path)
    compared = {
        family.label(full): {
            kind: comparison(0.0, baseline=family.label(other))
            for kind, other in rows[full].against.items()
        }
        for full in family.rows
    }
    folder = tmp_path / "results/small/quaternion"
    folder.mkdir(parents=True)
    statistics = {row: scored(**kinds) for row, kinds in compared.items()}
    (folder / "statistics.json").write_text(json.dumps(statistics))
    probes = [
        read(row, probe, **kinds) for row, kinds in compared.items() for probe in ("linear", "mlp")
    ]
    (folder / "probes.json").write_text(json.dumps({"probes": probes}))
    costs = [
        {"row": row, "parameters": 10**6, "forward": 10**7, "work": 3 * 10**7, "memory": 10**6}
        for row in compared
    ]
    pd.DataFrame(costs).to_csv(folder / "cost.csv", index=False)
    (tmp_path / "data/small").mkdir(parents=True)
    (tmp_path / "data/small/corpus.json").write_text(json.dumps({"name": "made up"}))
    return tmp_path


def test_the_stage_writes_verdicts_and_what_each_row_gives_and_costs(tree, capsys):
    stage.main(["quaternion"])
    folder = tree / "results/small/quaternion"
    found = json.loads((folder / "claims.json").read_text())["claims"]
    assert len(found) == len(statements("quaternion"))
    assert {claim["verdict"] for claim in found} == {"not shown", "contradicted"}
    page = (folder / "claims.md").read_text()
    assert "Not the paper's data: corpus made up" in page
    assert "| anti-1 " in page
    assert "1,000,000" in page
    assert len(capsys.readouterr().out.splitlines()) == len(found)


def test_the_stage_names_the_stage_that_makes_what_is_missing(tree):
    for file, made in (("cost.csv", "cost"), ("probes.json", "probe"), ("statistics.json", "stat")):
        (tree / "results/small/quaternion" / file).unlink()
        with pytest.raises(RunError, match=rf"{file} is missing; run `dvc repro .*:{made}"):
            stage.main(["quaternion"])


def test_a_page_writes_every_kind_of_part():
    statistics = {"new": scored(without=comparison(0.1)), "old": scored()}
    rows = [read("new", without=comparison(-0.2)), read("old")]
    counts = {"parameters": 25.0, "forward": 1e7, "work": 3e7, "memory": 1e6}
    found = evidence(statistics, rows, {"new": counts, "old": counts})
    parts = [
        HIGHER_CCC,
        KEPT_CCC,
        Supposed("linear", "new", "without", LOWER),
        Supposed("work", "new", "without", LOWER),
    ]
    claims = judged(found, [Statement("it is so", "mine", parts)])
    page = markdown(claims, found, "mine", None)
    for text in (
        "Ĉ: new − old",
        "at most 5 % lower",
        "linear probe: new − old",
        "multiply-adds: new / old",
        "× 1.000",
        "**contradicted**",
        "0.600 ± 0.020",
    ):
        assert text in page
