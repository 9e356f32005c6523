"""What every test says of corpora whose truth is known, and sums of it over draws.

A draw is a corpus from harness.extras.simulation.truth; all tests see the same one. Finished draws
are kept at once, under a name that changes with the plan and the code, so that an interrupted
simulation goes on where it was.
"""

import hashlib
import json
import multiprocessing
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from harness.evaluation import bootstrap, ccc, fisher, mrmc, permutation, seeds
from harness.evaluation.ccc import Array, ccc_from_moments
from harness.extras.simulation import truth
from harness.extras.simulation.truth import World
from harness.processes import start_worker

LEVEL = 0.95
ALPHA = 0.05
RESAMPLES = 199  # a bootstrap or permutation inside a draw; α · (resamples + 1) is whole
SEEDS = (1, 2, 3, 5, 8)
SMALL = (2, 3, 4, 5, 6, 8, 12, 20)  # speakers; they have as many clips as Hume-VB's
HUME_VB = {568: 19396}  # speakers: clips of its dev split
SIZES = {n: 34 * n for n in SMALL} | {30: 1024, 60: 2049} | HUME_VB
SEED_SDS = (0.002, 0.01, 0.03)  # of the paired difference of Ĉ
CHUNK = 200  # draws that are kept together
GAINS = (0.0, 0.02)  # of Ĉ; the paper's lie between .001 and .065
NULL = 2  # times as many draws where nothing differs: false positives are the first question
CODE = (bootstrap, ccc, fisher, mrmc, permutation, seeds, truth)

TESTS = {
    "headline": "seeds and speakers",
    "mrmc, Hillis' df": "seeds and speakers",
    "bootstrap": "speakers",
    "bootstrap BCa": "speakers",
    "bootstrap, seeds too": "seeds and speakers",
    "permutation": "speakers",
    "sign flip": "seeds",
    "t": "seeds",
    "fisher z": "clips",
    "deep-significance": "seeds",
    "rliable": "seeds",
}
Sums = dict[str, dict[str, Any]]  # "seeds test" → sums over draws
Outcome = tuple[bool, float, float]  # rejected; interval, NaN where the test has none


@dataclass(frozen=True)
class Plan:
    """Draws of each world (twice as many where the gain is 0), and the seed of them all."""

    draws: int
    seed: int = 0
    resamples: int = RESAMPLES


def worlds() -> list[World]:
    """Every size with every seed variance and gain, the slow ones first."""
    return [
        World(speakers, clips, sd, gain)
        for speakers, clips in sorted(SIZES.items(), reverse=True)
        for sd in SEED_SDS
        for gain in GAINS
    ]


def outcomes(world: World, plan: Plan, draw: int) -> dict[tuple[int, str], Outcome]:
    """What each test says of one draw: (seeds, test) → outcome.

    Three seeds are the first three of eight: the draw and the resamples are shared. The tests are
    as they are defined, whatever harness.evaluation.floors lets be told of them.
    """
    entropy = [plan.seed, *worlds_key(world), draw]
    rng = np.random.default_rng(entropy)
    moments = truth.draw(world, max(SEEDS), rng)
    weights = bootstrap.speaker_weights(world.speakers, plan.resamples, rng)
    pattern, exact = permutation.swaps(world.speakers, plan.resamples, rng)
    scores = bootstrap.resampled_scores(moments, weights)
    resampled = scores[:, 0] - scores[:, 1]
    permuted = permutation.swapped_differences(moments[0], moments[1], pattern)
    values = mrmc.pseudo_values(moments[0], moments[1])
    found: dict[tuple[int, str], Outcome] = {}
    for n in SEEDS:
        each = {
            **_over_speakers(values[:n], resampled[:, :n], permuted[:, :n], exact),
            **_over_seeds(moments[:, :n], plan.resamples, rng),
            **_over_both(values[:n], resampled[:, :n], rng),
        }
        found |= {(n, test): outcome for test, outcome in each.items()}
    return found


def worlds_key(world: World) -> list[int]:
    """The world as whole numbers, for the generator's seed."""
    return [world.speakers, world.clips, round(1e6 * world.seed_sd), round(1e6 * world.gain)]


def _excludes(interval: tuple[float, float]) -> Outcome:
    low, high = interval
    return not low <= 0 <= high, low, high


def _only_p(p: float | None) -> Outcome:
    return p is not None and p <= ALPHA, np.nan, np.nan


def _over_speakers(
    values: Array, resampled: Array, permuted: Array, exact: bool
) -> dict[str, Outcome]:
    """From pseudo-values [seeds, speakers] and differences [resamples, seeds]; the pseudo-values'
    mean is the difference, and less of one is more without that speaker.
    """
    observed, averaged = float(values.mean()), resampled.mean(axis=1)
    without = -values.mean(axis=0)
    corrected = bootstrap.bca(observed, averaged, without, LEVEL)
    p_corrected = bootstrap.p_bca(observed, averaged, without)
    return {
        "bootstrap": _percentile(averaged),
        "bootstrap BCa": (p_corrected <= ALPHA, *corrected),
        "permutation": _only_p(permutation.p_permutation(observed, permuted.mean(axis=1), exact)),
    }


def _percentile(resampled: Array) -> Outcome:
    return bootstrap.p_percentile(resampled) <= ALPHA, *bootstrap.percentile(resampled, LEVEL)


def _over_seeds(moments: Array, resamples: int, rng: np.random.Generator) -> dict[str, Outcome]:
    by_target = ccc_from_moments(moments.sum(axis=2))  # [2, seeds, emotions]
    ours, theirs = by_target.mean(axis=-1)
    clips = moments[0, 0, :, 0, 0].sum()
    z_p = fisher.fisher_z(ours.mean(), theirs.mean(), clips, clips)
    found = {"fisher z": _only_p(float(z_p[1]))}
    if len(ours) == 1:
        return found
    p, low, high = seeds.t_over_seeds(ours - theirs, LEVEL)
    return found | {
        "sign flip": _only_p(seeds.sign_flip(ours - theirs)),
        "t": (p <= ALPHA, low, high),
        "deep-significance": _only_p(deep_significance(ours, theirs, rng)),
        "rliable": _excludes(rliable(by_target[0], by_target[1], resamples, rng)),
    }


def _over_both(values: Array, resampled: Array, rng: np.random.Generator) -> dict[str, Outcome]:
    """The headline as in harness.evaluation.significance, Hillis' own, and a plain bootstrap.

    Nothing with fewer seeds than the headline takes.
    """
    n = len(values)
    if n < mrmc.SEEDS:
        return {}
    ours, published = (mrmc.of_pseudo_values(values, LEVEL, p) for p in (False, True))
    drawn = rng.integers(n, size=resampled.shape)
    both = np.take_along_axis(resampled, drawn, axis=1).mean(axis=1)
    return {
        "headline": (ours.p <= ALPHA, ours.low, ours.high),
        "mrmc, Hillis' df": (published.p <= ALPHA, published.low, published.high),
        "bootstrap, seeds too": _percentile(both),
    }


def deep_significance(ours: Array, theirs: Array, rng: np.random.Generator) -> float:
    """p of deepsig.bootstrap_test on two systems' scores [seeds], by its definition.

    One-sided (is the first better?), both resampled on their own, share of resampled differences
    of at least twice the observed one, without +1 (Kaleidophon/deep-significance,
    deepsig/bootstrap.py; not installed here). Its default is 1,000 resamples.
    """
    drawn = [s[rng.integers(len(s), size=(1000, len(s)))].mean(axis=1) for s in (ours, theirs)]
    return float(np.mean(drawn[0] - drawn[1] >= 2 * (ours.mean() - theirs.mean())))


def rliable(
    ours: Array, theirs: Array, resamples: int, rng: np.random.Generator
) -> tuple[float, float]:
    """rliable's stratified bootstrap of runs × tasks, of the difference of means: 95 % interval.

    Runs are drawn within each task and for each system on its own, percentile ends
    (google-research/rliable, rliable/library.py, StratifiedIndependentBootstrap; Agarwal et al.
    2021; not installed here). Scores are [seeds, emotions].
    """
    means = []
    for scores in (ours, theirs):
        drawn = rng.integers(len(scores), size=(resamples, *scores.shape))
        means.append(np.take_along_axis(scores[np.newaxis], drawn, axis=1).mean(axis=(1, 2)))
    return bootstrap.percentile(means[0] - means[1], LEVEL)


def simulate(world: World, plan: Plan, start: int, stop: int) -> Sums:
    """Sums over draws start … stop − 1, which add up over disjoint ranges.

    `rejected`: p ≤ 5 %; `covered`: the 95 % interval holds the true gain; `width`: of these
    intervals, both null for a test that has none.
    """
    tally: dict[tuple[int, str], list[Outcome]] = {}
    for draw in range(start, stop):
        for key, outcome in outcomes(world, plan, draw).items():
            tally.setdefault(key, []).append(outcome)
    sums = {}
    for (n, test), each in tally.items():
        rejected, low, high = np.array(each, dtype=np.float64).T
        held = (low <= world.gain) & (world.gain <= high)
        known = not np.isnan(low).any()
        sums[f"{n} {test}"] = {
            "draws": len(each),
            "rejected": int(rejected.sum()),
            "covered": int(held.sum()) if known else None,
            "width": float((high - low).sum()) if known else None,
        }
    return sums


def settings(world: World, parts: list[Sums]) -> list[dict[str, Any]]:
    """Rates of each setting (seeds × test) of a world from the sums of its parts."""
    found = []
    for key in parts[0]:
        n, test = key.split(" ", 1)
        each = [part[key] for part in parts]
        draws = sum(one["draws"] for one in each)
        rates = {
            name: None if each[0][name] is None else sum(one[name] for one in each) / draws
            for name in ("rejected", "covered", "width")
        }
        about = {"seeds": int(n), "test": test, "covers": TESTS[test], "draws": draws}
        found.append({**asdict(world), **about, **rates})
    return found


def fingerprint(plan: Plan) -> str:
    """Changes with whatever could change a result: the plan (but its draws) and the code."""
    about = json.dumps([plan.seed, plan.resamples], sort_keys=True).encode()
    files = [Path(__file__), *(Path(str(module.__file__)) for module in CODE)]
    code = [file.read_bytes() for file in files]
    return hashlib.sha256(b"\0".join([about, *code])).hexdigest()[:12]


Part = tuple[World, int, int]  # draws start … stop − 1


def parts(plan: Plan, some: list[World]) -> list[Part]:
    """What there is to do, in pieces of `CHUNK` draws."""
    pieces = []
    for world in some:
        draws = plan.draws * (1 if world.gain else NULL)
        pieces += [(world, s, min(s + CHUNK, draws)) for s in range(0, draws, CHUNK)]
    return pieces


def run(plan: Plan, scratch: Path, jobs: int, some: list[World]) -> Iterator[tuple[Part, Sums]]:
    """The sums of every part as they are done, those already kept in `scratch` first."""
    folder = scratch / fingerprint(plan)
    folder.mkdir(parents=True, exist_ok=True)
    left = []
    for part in parts(plan, some):
        if (path := _kept(folder, part)).is_file():
            yield part, json.loads(path.read_text(encoding="utf-8"))
        else:
            left.append(part)
    if not left:
        return
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # the workers read it: one core each
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, mp_context=context, initializer=start_worker) as pool:
        tasks = {pool.submit(_keep, folder, plan, part): part for part in left}
        for task in as_completed(tasks):
            yield tasks[task], task.result()


def _kept(folder: Path, part: Part) -> Path:
    world, start, stop = part
    return folder / f"{world.speakers}-{world.seed_sd:g}-{world.gain:g}-{start}-{stop}.json"


def _keep(folder: Path, plan: Plan, part: Part) -> Sums:
    sums = simulate(part[0], plan, *part[1:])
    path = _kept(folder, part)
    unfinished = path.with_suffix(".part")
    unfinished.write_text(json.dumps(sums), encoding="utf-8")
    unfinished.rename(path)
    return sums
