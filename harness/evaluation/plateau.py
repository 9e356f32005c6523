"""Has a row stopped learning? The slope of dev Ĉ over the last third of its epochs."""

import csv
from pathlib import Path
from typing import Any

import numpy as np

from harness.errors import RunError
from harness.evaluation.ccc import Array
from harness.evaluation.seeds import t_over_seeds

SCORE = "dev_ccc"
SMALL = 0.05  # of Ĉ: a change over the last third that is told from a plateau
RISING, FLAT, FALLING, UNCLEAR = "still rising", "flat", "falling", "unclear"
Curve = tuple[Array, Array]  # epochs and dev Ĉ, of the epochs that were scored


def read_curves(path: Path) -> dict[str, dict[int, Curve]]:
    """history.csv as row → seed → curve; raises RunError for one without dev Ĉ."""
    found: dict[str, dict[int, list[tuple[float, float]]]] = {}
    with path.open(encoding="utf-8", newline="") as file:
        for line in csv.DictReader(file):
            if SCORE not in line:
                raise RunError(f"{path} has no column '{SCORE}'; run `dvc repro train`")
            points = found.setdefault(line["row"], {}).setdefault(int(line["seed"]), [])
            if line[SCORE]:
                points.append((float(line["epoch"]), float(line[SCORE])))
    return {
        row: {seed: _curve(points) for seed, points in seeds.items()}
        for row, seeds in found.items()
    }


def _curve(points: list[tuple[float, float]]) -> Curve:
    epochs, scores = np.array(points, dtype=np.float64).reshape(-1, 2).T
    return epochs, scores


def trend(curves: list[Curve], level: float) -> dict[str, Any] | None:
    """Slope of dev Ĉ an epoch: mean over the seeds' least squares, its t interval, and a word.

    `still rising` and `falling` where the interval leaves out 0; `flat` where it holds 0 and no
    change of `SMALL` of Ĉ over these epochs; else `unclear`. None with one seed or fewer than two
    scored epochs in the last third.
    """
    thirds = [_last_third(curve) for curve in curves]
    if len(thirds) < 2 or min(len(epochs) for epochs, _ in thirds) < 2:
        return None
    slopes = np.array([_slope(*third) for third in thirds])
    _, low, high = t_over_seeds(slopes, level)
    span = max(float(epochs[-1] - epochs[0]) for epochs, _ in thirds)
    allowed = SMALL * abs(float(np.mean([scores.mean() for _, scores in thirds])))
    found = {"slope": float(slopes.mean()), "low": low, "high": high}
    if low > 0 or high < 0:
        return {**found, "word": RISING if low > 0 else FALLING}
    return {**found, "word": FLAT if span * max(-low, high) <= allowed else UNCLEAR}


def _last_third(curve: Curve) -> Curve:
    epochs, scores = curve
    late = epochs > epochs.max(initial=0) * 2 / 3
    return epochs[late], scores[late]


def _slope(epochs: Array, scores: Array) -> float:
    x = epochs - epochs.mean()
    return float(x @ scores / (x @ x))
