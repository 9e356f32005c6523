"""Resamples per second of the paired bootstrap over speakers: ours, a loop, and scipy's."""

import time
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import bootstrap

from harness.config.rows import TABLE2, read_family
from harness.config.strict import section
from harness.evaluation.bootstrap import resampled_scores, speaker_weights
from harness.evaluation.ccc import Array, ccc, moments
from harness.extras.bench.timing import Round, interleaved, rates, ratios, timed

SIZES = {  # dev clips and speakers
    "this profile": None,
    "Hume-VB": (19_396, 568),  # Table 1, validation
}
TARGETS = 10
SLOW = 1.0  # seconds of a loop's round, about
RESAMPLES = 10_000


class Study(NamedTuple):
    """Labels [clips, targets], predictions [rows, seeds, clips, targets], speaker of a clip."""

    labels: Array
    predictions: Array
    speakers: NDArray[np.int64]


def study(rows: int, seeds: int, clips: int, speakers: int, targets: int, seed: int = 0) -> Study:
    """Random labels and predictions that agree in part."""
    rng = np.random.default_rng(seed)
    labels = rng.random((clips, targets))
    noise = rng.normal(0, 0.3, (rows, seeds, clips, targets))
    whose = np.concatenate([np.arange(speakers), rng.integers(speakers, size=clips - speakers)])
    return Study(labels, 0.5 * labels + noise, whose)


def sums(data: Study) -> Array:
    """Moments [rows, seeds, speakers, targets, 6]."""
    return np.array(
        [[moments(data.labels, cell, data.speakers) for cell in row] for row in data.predictions]
    )


def vectorised(sums_of: Array, resamples: int) -> Array:
    """Ours: Ĉ [resamples, rows, seeds]."""
    weights = speaker_weights(sums_of.shape[2], resamples, np.random.default_rng(0))
    return scored(sums_of, weights)


def scored(sums_of: Array, weights: NDArray[np.integer]) -> Array:
    """Ĉ of given resamples, `weights` [resamples, speakers]: [resamples, rows, seeds]."""
    return resampled_scores(sums_of, weights)


def looped(data: Study, drawn: NDArray[np.int64]) -> Array:
    """What one would write: for each resample the clips of its speakers, and the CCC of each cell.

    `drawn`: speakers [resamples, speakers]; → Ĉ [resamples, rows, seeds].
    """
    clips = _clips(data)
    rows, seeds = data.predictions.shape[:2]
    found = np.empty((len(drawn), rows, seeds))
    for number, speakers in enumerate(drawn):
        chosen = np.concatenate([clips[speaker] for speaker in speakers])
        for row in range(rows):
            for seed in range(seeds):
                cell = data.predictions[row, seed]
                found[number, row, seed] = ccc(data.labels[chosen], cell[chosen]).mean()
    return found


def by_scipy(data: Study, resamples: int) -> list[Array]:
    """scipy.stats.bootstrap of each cell's Ĉ, speakers being what is resampled."""
    clips = _clips(data)

    def statistic(speakers: NDArray[np.int64], cell: Array) -> float:
        chosen = np.concatenate([clips[speaker] for speaker in speakers])
        return float(ccc(data.labels[chosen], cell[chosen]).mean())

    return [
        bootstrap(
            (np.arange(len(clips)),),
            partial(statistic, cell=cell),
            vectorized=False,
            n_resamples=resamples,
            method="percentile",
            rng=0,
        ).bootstrap_distribution
        for row in data.predictions
        for cell in row
    ]


def _clips(data: Study) -> list[NDArray[np.intp]]:
    """The clips of each speaker."""
    return [np.flatnonzero(data.speakers == s) for s in range(int(data.speakers.max()) + 1)]


def statistics(budget: float) -> dict[str, Any]:
    """Each size of dev split: resamples of the whole table per second, and how they compare."""
    table = read_family(TABLE2)
    corpus = section("corpus")
    found = {}
    for name, size in SIZES.items():
        clips, speakers = size or _of_profile(corpus)
        data = study(len(table.rows), len(table.seeds), clips, speakers, TARGETS)
        found[name] = {
            "rows": len(table.rows),
            "seeds": len(table.seeds),
            "clips": clips,
            "speakers": speakers,
            "targets": TARGETS,
            **_measured(data, budget / len(SIZES)),
        }
    return {"sizes": found}


def _of_profile(corpus: Any) -> tuple[int, int]:
    if corpus.get("name") != "synthetic":
        return 160, 40
    return int(corpus["clips"]["dev"]), int(corpus["speakers"]["dev"])


def _measured(data: Study, budget: float) -> dict[str, Any]:
    sums_of = sums(data)
    speakers = sums_of.shape[2]
    started = time.perf_counter()
    looped(data, np.arange(speakers)[np.newaxis])
    few = max(1, min(200, round(SLOW / (time.perf_counter() - started))))
    drawn = np.random.default_rng(0).integers(speakers, size=(few, speakers))
    rounds: dict[str, Round] = {
        "ours": timed(lambda: vectorised(sums_of, RESAMPLES)),
        "loop": timed(lambda: looped(data, drawn)),
        "scipy": timed(lambda: by_scipy(data, few)),
    }
    amount = {"ours": float(RESAMPLES), "loop": float(few), "scipy": float(few)}
    seconds = interleaved(rounds, budget)
    return {
        "resamples_per_second": rates(seconds, amount),
        "ours_over": ratios(seconds, amount, "ours"),
    }
