"""The measures of a family by row and seed, detection by shifts, and the verdict on a claim."""

import numpy as np
import pandas as pd
import pytest
import scipy.stats
from sklearn.metrics import roc_auc_score

from harness.evaluation import distributions
from harness.evaluation.cells import Labels
from harness.evaluation.distributions import Distribution
from harness.evaluation.measures.sums import mean_score
from harness.evaluation.uncertainty import (
    LOUDNESS,
    TITLES,
    all_sums,
    compared,
    judged,
    score_table,
    shifts_of,
)
from harness.evaluation.uncertainty_table import markdown

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
    return {row: [cell(*about) for _ in range(SEEDS)] for row, about in ROWS.items()}


@pytest.fixture(scope="module")
def found(said):
    return all_sums(said, LABELS)


def test_a_score_is_the_mean_over_seeds_of_what_scipy_says(said, found):
    table = score_table(found, 200, 0.95, 0)
    scores = []
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


def test_detection_compares_each_shift_with_the_clips_as_they_are(said, found):
    assert shifts_of(said) == list(SHIFTS)
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


def test_a_row_of_means_alone_has_ccc_and_nothing_else(said):
    means = [{k: v for k, v in one.items() if "variance" not in k} for one in said["gauss"]]
    found = all_sums({**said, "means": means}, LABELS)
    assert [name for name, rows in found.items() if "means" in rows] == ["ccc"]


def test_a_comparison_is_in_its_direction_and_corrected_within_its_measure(found):
    lines = compared(found, {"g3": {"gauss": "gauss", "first": "g1"}}, 0.95)["nll"]
    (line, other) = lines
    assert (line["row"], line["baseline"]) == ("g3", "gauss")
    three, one = (
        mean_score(found["nll"][row], TITLES["nll"].finish).mean() for row in ("g3", "gauss")
    )
    assert line["difference"] == pytest.approx(three - one)
    assert line["difference"] < line["high"] < 0
    assert line["p_holm"] == pytest.approx(min(2 * line["p"], 1))
    assert other["p_holm"] >= other["p"]


def test_verdicts_are_of_the_claimed_direction(found):
    verdicts = {(c["claim"][:12], c["students"][:4]): c["verdict"] for c in judged(found, 0.95)}
    assert verdicts["The students", "soft"] == "holds"
    assert verdicts["One student ", "soft"] in ("holds", "not shown")
    assert verdicts["Generation 3", "soft"] == "not shown"  # all generations are alike
    swapped = {name: dict(rows) for name, rows in found.items()}
    swapped["nll"]["g3"], swapped["nll"]["scaling"] = found["nll"]["scaling"], found["nll"]["g3"]
    worse = {(c["claim"][:12], c["students"][:4]): c["verdict"] for c in judged(swapped, 0.95)}
    assert worse["The students", "soft"] == "contradicted"


def test_all_of_it_stands_in_the_page(found, said):
    content = {
        "seeds": [1, 2, 3, 4, 5],
        "level": 0.95,
        "resamples": 200,
        "shifts": shifts_of(said),
        "scores": score_table(found, 200, 0.95, 0),
        "detection": {"g3": {"auroc": [0.5, 0.6], "fpr95": [0.9, 1.0]}},
        "comparisons": compared(found, {"g3": {"gauss": "gauss"}}, 0.95),
        "claims": judged(found, 0.95),
    }
    page = markdown(content, "synthetic", None)
    for wanted in ("0.500 / 0.900", "| g3 ", "g3 − gauss", "**not shown**", "NLL: g3 − scaling"):
        assert wanted in page
