"""What the rows of a family say of their own errors: measures, and every test of every comparison.

Every measure is of the last epoch, of additive sums per speaker, and so passes through the tests
that Ĉ passes through. A shift's clips are the dev clips changed, and so have their speakers.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from harness.errors import RunError
from harness.evaluation import significance
from harness.evaluation.ccc import Array
from harness.evaluation.cells import Labels
from harness.evaluation.distributions import Arrays, Distribution, of_split, read
from harness.evaluation.measures import ause, calibration, ccc, correlation, coverage, detection
from harness.evaluation.measures.sums import Finish, counted, mean
from harness.evaluation.significance import Evidence, gather, holm

LOUDNESS = "loudness"  # a detector, no row
ORACLE = "raters"
SHIFTED = "dev_"

Sums = dict[str, Array]  # row → [seeds, speakers, targets or shifts, k]
Numbers = dict[str, Any]


class Measure(NamedTuple):
    """What is computed of a distribution, how it is made of sums, and which direction is good;
    `tested`: whether rows are compared by it.
    """

    title: str
    sums: Callable[[Distribution, Labels], Array]
    finish: Finish
    higher: bool = False
    tested: bool = True


def _cdf(module: Any) -> Callable[[Distribution, Labels], Array]:
    return lambda said, on: np.asarray(module.sums(said.cdf(on.values), on.speakers))


def _mean(
    values: Callable[[Distribution, Array], Array],
) -> Callable[[Distribution, Labels], Array]:
    return lambda said, on: counted(values(said, on.values), on.speakers)


MEASURES = {
    "ccc": Measure(
        "Ĉ", lambda said, on: ccc.sums(on.values, said.mean, on.speakers), ccc.finish, True
    ),
    "nll": Measure("NLL", _mean(lambda said, y: -said.log_density(y)), mean),
    "crps": Measure("CRPS", _mean(lambda said, y: said.crps(y)), mean),
    "calibration": Measure("QCE", _cdf(calibration), calibration.finish),
    **{
        f"coverage {level:g}": Measure(
            f"in {100 * level:g} %", _cdf(coverage), coverage.finish(level), tested=False
        )
        for level in coverage.LEVELS
    },
    **{
        f"miss {level:g}": Measure(f"miss {100 * level:g} %", _cdf(coverage), coverage.miss(level))
        for level in coverage.LEVELS
    },
    "ause": Measure(
        "AUSE",
        lambda said, on: ause.sums(on.values, said.mean, np.square(said.sd), on.speakers),
        ause.finish,
    ),
    "error": Measure(
        "squared error", _mean(lambda said, y: np.square(y - said.mean)), mean, tested=False
    ),
    "aleatoric": Measure("aleatoric", _mean(lambda said, y: said.aleatoric), mean, tested=False),
    "epistemic": Measure(
        "epistemic", _mean(lambda said, y: np.square(said.sd) - said.aleatoric), mean, tested=False
    ),
}
_NONE = np.empty(0)
TRUTH = Measure("r(true sd)", lambda said, on: _NONE, correlation.finish, True)
DETECTION = {
    "auroc": Measure("AUROC", lambda said, on: _NONE, detection.auroc, True),
    "fpr95": Measure("FPR95", lambda said, on: _NONE, detection.fpr95),
}
TITLES = {**MEASURES, "truth": TRUTH, **DETECTION}


def all_sums(cells: dict[str, list[Path]], labels: Labels) -> dict[str, Sums]:
    """Measure → row → sums, for the rows that have what it needs.

    `cells`: row → the folder of each seed's cell; one cell's distributions are in memory at a time.
    Raises RunError where a cell has none, or was asked about other shifts than the first one.
    """
    shifts, true = shifts_of(cells), _true_sd(cells, labels)
    found: dict[str, Sums] = {}
    loudness = None
    for row, folders in cells.items():
        each = [
            _of_cell(folder, labels, shifts, None if row == ORACLE else true) for folder in folders
        ]
        for name in each[0]:
            found.setdefault(name, {})[row] = np.array([one[name] for one in each])
        if LOUDNESS in each[0]:
            loud = found.pop(LOUDNESS)[row]
            loudness = loud if loudness is None else loudness
    if loudness is None:
        return found
    detected = found.pop("detected") | {LOUDNESS: loudness}
    return found | dict.fromkeys(DETECTION, detected)


def shifts_of(cells: dict[str, list[Path]]) -> list[str]:
    """The shifts that the first cell with any was asked about, in its order; none where no cell
    was."""
    for folders in cells.values():
        if found := _shifts(read(folders[0])):
            return found
    return []


def _shifts(content: Arrays) -> list[str]:
    splits = [name.removesuffix("_mean") for name in content if name.endswith("_mean")]
    return [split.removeprefix(SHIFTED) for split in splits if split.startswith(SHIFTED)]


def _true_sd(cells: dict[str, list[Path]], labels: Labels) -> Array | None:
    if ORACLE not in cells:
        return None
    return of_split(read(cells[ORACLE][0]), "dev", labels.clips.tolist()).sd


def _of_cell(folder: Path, labels: Labels, shifts: list[str], true: Array | None) -> Sums:
    """Measure → sums [speakers, targets or shifts, k] of one cell."""
    content, clips = read(folder), labels.clips.tolist()
    said = of_split(content, "dev", clips)
    if said.variance is None:
        return {"ccc": MEASURES["ccc"].sums(said, labels)}
    found = {name: measure.sums(said, labels) for name, measure in MEASURES.items()}
    if true is not None:
        found["truth"] = correlation.sums(true, said.sd, labels.speakers)
    own = _shifts(content)
    if own not in ([], shifts):
        raise RunError(
            f"{folder} was asked about the shifts {', '.join(own)}, the cells before it about "
            f"{', '.join(shifts)}; delete it and train it again"
        )
    if own:
        scores = [doubt(of_split(content, SHIFTED + shift, clips)) for shift in own]
        found["detected"] = _detected(doubt(said), scores, labels)
    if own and "train_loudness" in content:  # passes have no train split
        known, *levels = (_off(content, s, clips) for s in ("dev", *(SHIFTED + o for o in own)))
        found[LOUDNESS] = _detected(known, levels, labels)
    return found


def _off(content: Arrays, split: str, clips: list[str]) -> Array:
    """How far each clip's loudness is from the mean of the train clips, dB [clips]."""
    own = content[f"{split}_clips"].astype(str)
    levels = dict(zip(own, content[f"{split}_loudness"], strict=True))
    usual = content["train_loudness"].mean(dtype=np.float64)
    return np.abs(np.array([levels[clip] for clip in clips]) - usual)


def doubt(said: Distribution) -> Array:
    """How unfamiliar each clip seems [clips]: the mean over targets of the epistemic variance, or
    of the whole variance where a row has no epistemic one."""
    epistemic = said.epistemic
    chosen = epistemic if epistemic is not None and epistemic.any() else np.square(said.sd)
    return np.asarray(chosen.mean(axis=1))


def _detected(known: Array, shifted: Sequence[Array], labels: Labels) -> Array:
    each = [detection.sums(known, one, labels.speakers) for one in shifted]
    return np.concatenate(each, axis=1)


def assessed(
    found: dict[str, Sums],
    against: dict[str, dict[str, str]],
    resamples: int,
    level: float,
    seed: int,
) -> tuple[dict[str, dict[str, Numbers]], dict[str, list[Numbers]]]:
    """Row → measure → value, its standard deviation over seeds, and its interval over speakers;
    and measure → of every row and the rows that it is compared with (`against`: kind → row) all
    tests, with Holm's p over the measure's comparisons.
    """
    scores: dict[str, dict[str, Numbers]] = {}
    comparisons = {}
    for name, sums in found.items():
        rows, measure = list(sums), TITLES[name]
        rng = np.random.default_rng(seed)
        evidence = gather(list(sums.values()), resamples, level, rng, measure.finish)
        for row, numbers in zip(rows, significance.scores(evidence), strict=True):
            ends = {"low": numbers["ccc_low"], "high": numbers["ccc_high"]}
            own = {"value": numbers["ccc"], "sd": numbers["ccc_sd"], **ends}
            scores.setdefault(row, {})[name] = own
        if measure.tested:
            pairs = _pairs(name, rows, against)
            comparisons[name] = [_compared(evidence, rows, *pair) for pair in pairs]
            correct(comparisons[name])
    return scores, comparisons


def _pairs(name: str, rows: list[str], against: dict[str, dict[str, str]]) -> list[tuple[str, str]]:
    pairs = [(row, other) for row, kinds in against.items() for other in kinds.values()]
    if name in DETECTION:
        pairs += [(row, LOUDNESS) for row in rows if row != LOUDNESS]
    return [pair for pair in dict.fromkeys(pairs) if set(pair) <= set(rows)]


def _compared(evidence: Evidence, rows: list[str], row: str, other: str) -> Numbers:
    numbers = significance.compare(evidence, rows.index(row), rows.index(other))
    told = ("difference", "low", "high", "p", "smallest_p", "df", "covers", "tests")
    return {"row": row, "baseline": other, **{key: numbers[key] for key in told}}


def correct(lines: list[Numbers]) -> None:
    """Give each its p after Holm's correction over all of them."""
    for line, p in zip(lines, holm([line["p"] for line in lines]), strict=True):
        line["p_holm"] = p
