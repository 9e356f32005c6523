"""What the rows of a family say of their own errors: measures, comparisons, and claims tested.

Every measure is of the last epoch, of additive sums per speaker, and so passes through the tests
that Ĉ passes through. A shift's clips are the dev clips changed, and so have their speakers.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from harness.errors import RunError
from harness.evaluation.bootstrap import percentile, resampled_scores, speaker_weights
from harness.evaluation.ccc import Array
from harness.evaluation.cells import Labels
from harness.evaluation.distributions import Arrays, Distribution, of_split
from harness.evaluation.measures import ause, calibration, ccc, correlation, coverage, detection
from harness.evaluation.measures.sums import Finish, counted, mean, mean_score
from harness.evaluation.significance import headline, holm

LOUDNESS = "loudness"  # a detector, no row
ORACLE = "raters"
SHIFTED = "dev_"

Sums = dict[str, Array]  # row → [seeds, speakers, targets or shifts, k]
Numbers = dict[str, Any]


class Measure(NamedTuple):
    """What is computed of a distribution, how it is made of sums, and which direction is good."""

    title: str
    sums: Callable[[Distribution, Labels], Array]
    finish: Finish
    higher: bool = False
    tested: bool = True


def _cdf(module: Any) -> Callable[[Distribution, Labels], Array]:
    return lambda said, labels: np.asarray(module.sums(said.cdf(labels.values), labels.speakers))


MEASURES = {
    "ccc": Measure(
        "Ĉ", lambda said, on: ccc.sums(on.values, said.mean, on.speakers), ccc.finish, True
    ),
    "nll": Measure(
        "NLL", lambda said, on: counted(-said.log_density(on.values), on.speakers), mean
    ),
    "crps": Measure("CRPS", lambda said, on: counted(said.crps(on.values), on.speakers), mean),
    "calibration": Measure("QCE", _cdf(calibration), calibration.finish),
    **{
        f"coverage {level:g}": Measure(
            f"in {100 * level:g} %", _cdf(coverage), coverage.finish(level), True, tested=False
        )
        for level in coverage.LEVELS
    },
    "ause": Measure(
        "AUSE",
        lambda said, on: ause.sums(on.values, said.mean, np.square(said.sd), on.speakers),
        ause.finish,
    ),
}
TRUTH = Measure("r(true sd)", lambda said, on: np.empty(0), correlation.finish, True)
DETECTION = {
    "auroc": Measure("AUROC", lambda said, on: np.empty(0), detection.auroc, True),
    "fpr95": Measure("FPR95", lambda said, on: np.empty(0), detection.fpr95),
}
TITLES = {**MEASURES, "truth": TRUTH, **DETECTION}


def all_sums(said: dict[str, list[Arrays]], labels: Labels) -> dict[str, Sums]:
    """Measure → row → sums, for the rows that have what it needs.

    `said`: row → of each seed the arrays of its distribution.npz.
    """
    clips = labels.clips.tolist()
    dev = {row: [of_split(one, "dev", clips) for one in each] for row, each in said.items()}
    full = {row: each for row, each in dev.items() if each[0].variance is not None}
    found: dict[str, Sums] = {}
    for name, measure in MEASURES.items():
        able = dev if name == "ccc" else full
        found[name] = {
            row: np.array([measure.sums(one, labels) for one in each]) for row, each in able.items()
        }
    if ORACLE in full:
        true = full[ORACLE][0].sd
        found["truth"] = {
            row: np.array([correlation.sums(true, one.sd, labels.speakers) for one in each])
            for row, each in full.items()
            if row != ORACLE
        }
    detected = _detection_sums({row: said[row] for row in full}, labels)
    return found | (dict.fromkeys(DETECTION, detected) if detected else {})


def shifts_of(said: dict[str, list[Arrays]]) -> list[str]:
    """The shifts that any row was asked about, in its order."""
    names = [name for each in said.values() for name in each[0] if name.endswith("_mean")]
    splits = (name.removesuffix("_mean") for name in names)
    return list(dict.fromkeys(s.removeprefix(SHIFTED) for s in splits if s.startswith(SHIFTED)))


def _detection_sums(said: dict[str, list[Arrays]], labels: Labels) -> Sums:
    """Row → [seeds, speakers, shifts, k], and the same of the clips' loudness."""
    shifts, clips = shifts_of(said), labels.clips.tolist()
    found: dict[str, list[Array]] = {}
    for row, seeds in said.items():
        for one in seeds:
            if any(f"{SHIFTED}{shift}_mean" not in one for shift in shifts):
                continue
            known = doubt(of_split(one, "dev", clips))
            each = [doubt(of_split(one, split, clips)) for split in _splits(shifts)]
            found.setdefault(row, []).append(_detected(known, each, labels))
            if len(found.get(LOUDNESS, [])) < len(seeds):
                known, *each = (_off(one, split, clips) for split in ("dev", *_splits(shifts)))
                found.setdefault(LOUDNESS, []).append(_detected(known, each, labels))
    order = sorted(found, key=lambda row: row == LOUDNESS)  # last
    return {row: np.array(found[row]) for row in order}


def _splits(shifts: list[str]) -> list[str]:
    return [SHIFTED + shift for shift in shifts]


def _off(one: Arrays, split: str, clips: list[str]) -> Array:
    """How far each clip's loudness is from the mean of the train clips, dB [clips]."""
    levels = dict(zip(one[f"{split}_clips"].astype(str), one[f"{split}_loudness"], strict=True))
    usual = one["train_loudness"].mean(dtype=np.float64)
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


def score_table(
    found: dict[str, Sums], resamples: int, level: float, seed: int
) -> dict[str, dict[str, Numbers]]:
    """Row → measure → value, its standard deviation over seeds, and its interval over speakers."""
    table: dict[str, dict[str, Numbers]] = {}
    for name, rows in found.items():
        finish = TITLES[name].finish
        speakers = next(iter(rows.values())).shape[1]
        weights = speaker_weights(speakers, resamples, np.random.default_rng(seed))
        for row, sums in rows.items():
            by_seed = mean_score(sums, finish)
            drawn = resampled_scores(sums[np.newaxis], weights, finish)[:, 0].mean(axis=-1)
            low, high = percentile(drawn, level)
            sd = float(by_seed.std(ddof=1)) if len(by_seed) > 1 else None
            numbers = {"value": float(by_seed.mean()), "sd": sd, "low": low, "high": high}
            table.setdefault(row, {})[name] = numbers
    return table


def compared(
    found: dict[str, Sums], against: dict[str, dict[str, str]], level: float
) -> dict[str, list[Numbers]]:
    """Measure → of every row and the rows that it is compared with: difference, interval, p, and
    Holm's p over the measure's comparisons."""
    table = {}
    for name, rows in found.items():
        if not TITLES[name].tested:
            continue
        pairs = [(row, other) for row, kinds in against.items() for other in kinds.values()]
        if name in DETECTION:
            pairs += [(row, LOUDNESS) for row in rows if row != LOUDNESS]
        pairs = [(row, other) for row, other in dict.fromkeys(pairs) if {row, other} <= rows.keys()]
        lines = [compare(name, rows, row, other, level) for row, other in pairs]
        for line, p in zip(lines, holm([line["p"] for line in lines]), strict=True):
            line["p_holm"] = p
        table[name] = lines
    return table


def compare(name: str, rows: Sums, row: str, other: str, level: float) -> Numbers:
    """The test over seeds and speakers of one pair."""
    test = headline(rows[row], rows[other], level, finish=TITLES[name].finish)
    return {"row": row, "baseline": other, **test._asdict()}


class Expected(NamedTuple):
    """A claim's part: `row` is better than `baseline` by `measure`."""

    row: str
    baseline: str
    measure: str


def claims_of(students: str) -> dict[str, list[Expected]]:
    """Deng et al.'s claims, of the students whose rows are called `students`1 to 3."""
    third = f"{students}3"
    found = {
        "The students' NLL is better than variance scaling's and MC dropout's": [
            Expected(third, "scaling", "nll"),
            Expected(third, "mc-dropout", "nll"),
        ],
        "Generation 3 is better than generation 1": [Expected(third, f"{students}1", "nll")],
        "The student ensemble detects clips from out of domain": [
            Expected(third, LOUDNESS, "auroc"),
            Expected(third, LOUDNESS, "fpr95"),
        ],
    }
    one = {
        "One student estimates the uncertainty in domain": [
            Expected(f"{third}-student", "gauss", "nll"),
            Expected(f"{third}-student", "gauss", "ause"),
        ]
    }
    return found | one if students == "g" else found


def judged(found: dict[str, Sums], level: float) -> list[Numbers]:
    """Every claim with its parts, Holm's p over those about one kind of students, and a verdict.

    "holds": every part is in the claimed direction and passes Holm's correction; "contradicted":
    one passes it in the other direction; else "not shown".
    """
    verdicts = []
    for students, kind in (("g", "soft labels alone"), ("h", ".6 labels + .4 soft labels")):
        claims = claims_of(students)
        parts = [
            (claim, _part(claim, part, found, level)) for claim in claims for part in claims[claim]
        ]
        adjusted = holm([line["p"] for _, line in parts])
        for (_, line), p in zip(parts, adjusted, strict=True):
            line["p_holm"] = p
        for claim in claims:
            own = [line for of, line in parts if of == claim]
            verdict = _verdict(own, 1 - level)
            verdicts.append({"claim": claim, "students": kind, "verdict": verdict, "parts": own})
    return verdicts


def _part(claim: str, part: Expected, found: dict[str, Sums], level: float) -> Numbers:
    rows = found.get(part.measure, {})
    if not {part.row, part.baseline} <= rows.keys():
        raise RunError(
            f"the claim '{claim}' needs the rows {part.row} and {part.baseline}; restore them in "
            "rows.yaml"
        )
    return {"measure": part.measure, **compare(part.measure, rows, part.row, part.baseline, level)}


def _verdict(parts: list[Numbers], alpha: float) -> str:
    if any(part["p_holm"] is None for part in parts):
        return "too few seeds or speakers to tell"
    good = [(part["difference"] > 0) == TITLES[part["measure"]].higher for part in parts]
    sure = [part["p_holm"] <= alpha + 1e-12 for part in parts]
    if any(s and not g for g, s in zip(good, sure, strict=True)):
        return "contradicted"
    return "holds" if all(g and s for g, s in zip(good, sure, strict=True)) else "not shown"
