"""The measures of a family by row and seed, detection by shifts, and the verdict on a claim."""

import itertools

import numpy as np
import pandas as pd
import pytest
import scipy.stats
from sklearn.metrics import roc_auc_score

from harness.arrays import write_arrays
from harness.errors import RunError
from harness.evaluation import distributions
from harness.evaluation.cells import Labels
from harness.evaluation.distributions import Distribution
from harness.evaluation.measures.sums import mean_score
from harness.evaluation.uncertainty import LOUDNESS, TITLES, all_sums, assessed, shifts_of
from harness.evaluation.uncertainty_claims import judged
from harness.evaluation.uncertainty_table import comparisons_page, markdown

CLIPS, TARGETS, SEEDS = 120, 3, 5
RNG = np.random.default_rng(0)
SPEAKERS = np.array([f"s{i % 12}" for i in range(CLIPS)])
SD = RNG.uniform(0.05, 0.4, (CLIPS, TARGETS))  # of the labels' noise
VALUES = 0.5 + SD * RNG.normal(0, 1, SD.shape)
IDS = [f"d{i:03d}" for i in range(CLIPS)]
LABELS = Labels(pd.Index(IDS), SPEAKERS, ["A", "B", "C"], VALUES)
SHIFTS = ("silence", "shuffled_frames")


def cell(off, sd, unsure=1.0):
    """A cell that is `off` and says `sd`; of the shifted clips it is `unsure` times as unsure."""
    noise = off * RNG.normal(0, 1, VALUES.shape)
    said = Distribution(0.5 + noise, np.broadcast_to(np.square(sd), VALUES.shape).copy())
    found = {}
    for split in ("dev", *(f"dev_{shift}" for shift in SHIFTS)):
        wider = said if split == "dev" else Distribution(said.mean, said.variance * unsure)
        order = RNG.permutation(CLIPS)
        found[f"{split}_clips"] = np.array(IDS)[order]
        found |= {k: each[order] for k, each in distributions.arrays(wider, split).items()}
        level = -20.0 if split == "dev" else -40.0 if "silence" in split else -20.5
        found[f"{split}_loudness"] = (level + RNG.normal(0, 1, CLIPS))[order]
    return found | {"train_loudness": np.full(9, -20.0)}


ROWS = {
    "gauss": (0.1, 0.5, 1.0),
    "scaling": (0.1, 0.45, 1.0),
    "mc-dropout": (0.1, 0.6, 1.0),
    "ensemble": (0.1, 0.3, 1.1),
    "raters": (0.0, SD, 1.0),
    **dict.fromkeys(("g1", "g3", "h1", "h3", "g3-student"), (0.05, SD * 1.2, 50.0)),
}


@pytest.fixture(scope="module")
def said():
    found = {row: [cell(*about) for _ in range(SEEDS)] for row, about in ROWS.items()}
    for passes in found["mc-dropout"]:
        del passes["train_loudness"]  # passes are over dev alone
    return found


def written(folder, said):
    """Row → the folder of each seed's cell."""
    cells = {row: [folder / row / str(n) for n in range(len(said[row]))] for row in said}
    for row, seeds in said.items():
        for place, one in zip(cells[row], seeds, strict=True):
            place.mkdir(parents=True)
            write_arrays(place / distributions.FILE, one)
    return cells


@pytest.fixture(scope="module")
def cells(said, tmp_path_factory):
    return written(tmp_path_factory.mktemp("cells"), said)


@pytest.fixture(scope="module")
def found(cells):
    return all_sums(cells, LABELS)


AGAINST = {
    **{row: {"scaling": "scaling", "dropout": "mc-dropout"} for row in ("g3", "h3")},
    "g3-student": {"gauss": "gauss"},
}
AGAINST["g3"] |= {"gauss": "gauss", "first": "g1"}
AGAINST["h3"] |= {"first": "h1"}


@pytest.fixture(scope="module")
def both(found):
    return assessed(found, AGAINST, 5000, 0.95, 0)


def test_a_score_is_the_mean_over_seeds_of_what_scipy_says(said, both):
    table, scores = both[0], []
    for one in said["gauss"]:
        order = [one["dev_clips"].tolist().index(clip) for clip in IDS]
        mean, sd = one["dev_mean"][order], np.sqrt(one["dev_variance"][order])
        scores.append(-scipy.stats.norm.logpdf(VALUES, mean, sd).mean())
    own = table["gauss"]["nll"]
    assert own["value"] == pytest.approx(np.mean(scores))
    assert own["sd"] == pytest.approx(np.std(scores, ddof=1))
    assert own["low"] < own["value"] < own["high"]
    assert table["g3"]["truth"]["value"] == pytest.approx(1)
    assert "truth" not in table["raters"]


def test_aleatoric_and_epistemic_variance_add_up_to_what_a_row_says(tmp_path, said):
    own = [one | {"dev_epistemic": one["dev_variance"] / 4} for one in said["gauss"][:2]]
    found = all_sums(written(tmp_path, {"gauss": own}), LABELS)
    table = assessed(found, {}, 50, 0.95, 0)[0]["gauss"]
    whole = np.mean([one["dev_variance"].mean() for one in own])
    assert table["aleatoric"]["value"] == pytest.approx(0.75 * whole)
    assert table["epistemic"]["value"] == pytest.approx(0.25 * whole)


def test_detection_compares_each_shift_with_the_clips_as_they_are(said, cells, found):
    assert shifts_of(cells) == list(SHIFTS)
    for place, shift in enumerate(SHIFTS):
        each = []
        for one in said["ensemble"]:
            scores = [one[f"{s}_variance"].mean(1) for s in ("dev", f"dev_{shift}")]
            each.append(roc_auc_score(np.repeat([0, 1], CLIPS), np.concatenate(scores)))
        sums = found["auroc"]["ensemble"].sum(axis=1)
        assert TITLES["auroc"].finish(sums)[:, place].mean() == pytest.approx(
            np.mean(each), abs=5e-3
        )
    loud = TITLES["auroc"].finish(found["auroc"][LOUDNESS].sum(axis=1)).mean(0)
    assert loud[0] > 0.99  # silence is not as loud
    assert loud[1] < 0.7


def test_a_row_of_means_alone_has_ccc_and_nothing_else(tmp_path, said):
    means = [{k: v for k, v in one.items() if "variance" not in k} for one in said["gauss"]]
    found = all_sums(written(tmp_path, {"gauss": said["gauss"], "means": means}), LABELS)
    assert [name for name, rows in found.items() if "means" in rows] == ["ccc"]


def test_a_cell_that_was_asked_about_other_shifts_is_one_line(tmp_path, said):
    fewer = [{k: v for k, v in said["g3"][0].items() if "silence" not in k}]
    cells = written(tmp_path, {"gauss": said["gauss"][:1], "g3": fewer})
    with pytest.raises(RunError, match="the shifts shuffled_frames, the cells before it about sil"):
        all_sums(cells, LABELS)


def test_a_comparison_is_in_its_direction_and_corrected_within_its_measure(found, both):
    lines = {(line["row"], line["baseline"]): line for line in both[1]["nll"]}
    line = lines["g3", "gauss"]
    three, one = (
        mean_score(found["nll"][row], TITLES["nll"].finish).mean() for row in ("g3", "gauss")
    )
    assert line["difference"] == pytest.approx(three - one)
    assert line["difference"] < line["high"] < 0
    smallest = min(each["p"] for each in lines.values())
    assert min(each["p_holm"] for each in lines.values()) == pytest.approx(len(lines) * smallest)


def test_every_measure_but_shares_and_parts_is_tested_by_the_tests_of_ccc(both):
    comparisons = both[1]
    untested = {name for name in TITLES if name not in comparisons}
    assert untested == {
        *("coverage 0.5", "coverage 0.8", "coverage 0.9", "coverage 0.95"),
        *("error", "aleatoric", "epistemic"),
    }
    for lines in comparisons.values():
        for line in lines:
            told = {name for name, test in line["tests"].items() if test["p"] is not None}
            assert {"mrmc", "permutation", "sign flip", "t"} <= told


def test_the_permutation_of_a_measure_swaps_what_two_rows_say_of_a_speaker(said, both):
    def nll(row, speaker):
        """Mean over seeds of the sums over the speaker's clips and targets."""
        sums = []
        for one in said[row]:
            order = [one["dev_clips"].tolist().index(clip) for clip in IDS]
            mean, sd = one["dev_mean"][order], np.sqrt(one["dev_variance"][order])
            each = -scipy.stats.norm.logpdf(VALUES, mean, sd)
            sums.append(each[np.equal(SPEAKERS, speaker)].sum())
        return np.mean(sums)

    gaps = [nll("g3", speaker) - nll("g1", speaker) for speaker in np.unique(SPEAKERS)]
    swapped = [
        sum(-gap if swap else gap for gap, swap in zip(gaps, pattern, strict=True))
        for pattern in itertools.product((False, True), repeat=len(gaps))
    ]
    ends = [
        sum(s <= sum(gaps) + 1e-9 for s in swapped),
        sum(s >= sum(gaps) - 1e-9 for s in swapped),
    ]
    (line,) = (one for one in both[1]["nll"] if (one["row"], one["baseline"]) == ("g3", "g1"))
    assert line["tests"]["permutation"]["exact"]
    assert line["tests"]["permutation"]["p"] == pytest.approx(min(1, 2 * min(ends) / len(swapped)))


def verdicts(comparisons):
    return {(c["claim"][:12], c["students"][:4]): c["verdict"] for c in judged(comparisons, 0.95)}


def test_verdicts_are_of_the_claimed_direction(found, both):
    own = verdicts(both[1])
    assert own["The students", "soft"] == "holds"
    assert own["One student ", "soft"] in ("holds", "not shown")
    assert own["Generation 3", "soft"] == "not shown"  # all generations are alike
    nll = {**found["nll"], "g3": found["nll"]["scaling"], "scaling": found["nll"]["g3"]}
    worse = assessed({"nll": nll}, AGAINST, 50, 0.95, 0)[1]
    assert verdicts(both[1] | worse)["The students", "soft"] == "contradicted"


def test_a_claim_whose_rows_are_not_compared_is_one_line(both):
    nll = [line for line in both[1]["nll"] if line["baseline"] != "mc-dropout"]
    with pytest.raises(RunError, match="needs g3 compared with mc-dropout; restore both rows"):
        judged({**both[1], "nll": nll}, 0.95)


def test_all_of_it_stands_in_the_pages(cells, both):
    scores, comparisons = both
    content = {
        "seeds": [1, 2, 3, 4, 5],
        "level": 0.95,
        "resamples": 5000,
        "shifts": shifts_of(cells),
        "scores": scores,
        "detection": {"g3": {"auroc": [0.5, 0.6], "fpr95": [0.9, 1.0]}},
        "comparisons": comparisons,
        "claims": judged(comparisons, 0.95),
    }
    page = markdown(content, "synthetic", None)
    for wanted in ("0.500 / 0.900", "| g3 ", "epistemic", "**not shown**", "NLL: g3 − scaling"):
        assert wanted in page
    tests = comparisons_page(content, "Not the paper's data")
    for wanted in ("g3 − gauss", "| miss 90 % ", "permutation", "**Not the paper's data**"):
        assert wanted in tests
    few = comparisons_page({**content, "seeds": [1, 2]}, None)
    assert "The headline takes 3 seeds, so there is no p of it here." in few
