"""results/simulation/: what the simulation found, as JSON, CSV, Markdown and four figures."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
from scipy.stats import binomtest
from tabulate import tabulate

from harness.evaluation import floors
from harness.evaluation.columns import probability
from harness.extras.simulation.figures import OVER_SPEAKERS, PEERS, plots
from harness.extras.simulation.trials import (
    ALPHA,
    GAINS,
    HUME_VB,
    LEVEL,
    NULL,
    SEED_SDS,
    SEEDS,
    SIZES,
    TESTS,
    Plan,
)

FALSE_POSITIVES = (0.04, 0.06)  # what the headline must keep
COVERAGE = (0.93, 0.97)
FROM_SEEDS, FROM_SPEAKERS = 3, 30  # where it must
TOLERATED = 1.5 * ALPHA  # false positives above which no p is told
WORST = 5  # missed settings that are named
Setting = dict[str, Any]


def write(folder: Path, plan: Plan, settings: list[Setting]) -> None:
    """All files of the report into `folder`; `settings` as trials.settings gives."""
    folder.mkdir(parents=True, exist_ok=True)
    order = list(TESTS)
    settings = sorted(
        settings,
        key=lambda s: (s["speakers"], s["seed_sd"], s["gain"], s["seeds"], order.index(s["test"])),
    )
    about = {"draws": plan.draws, "seed": plan.seed, "resamples": plan.resamples}
    content = {**about, "level": LEVEL, "alpha": ALPHA, "settings": settings}
    text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
    (folder / "simulation.json").write_text(text, encoding="utf-8")
    table = pd.DataFrame(settings)
    table.to_csv(folder / "simulation.csv", index=False, float_format="%.6g", lineterminator="\n")
    (folder / "simulation.md").write_text(markdown(plan, settings), encoding="utf-8")
    plots(folder, table, FROM_SPEAKERS, band(NULL * plan.draws))


def outside(settings: list[Setting]) -> list[Setting]:
    """Settings of the headline, from 3 seeds and 30 speakers up, that miss what it must keep."""
    missed = []
    for each in settings:
        if each["test"] != "headline" or not _large(each):
            continue
        false = (
            each["gain"] == 0 and not FALSE_POSITIVES[0] <= each["rejected"] <= FALSE_POSITIVES[1]
        )
        if false or not COVERAGE[0] <= each["covered"] <= COVERAGE[1]:
            missed.append(each)
    return missed


def _large(setting: Setting) -> bool:
    return bool(setting["seeds"] >= FROM_SEEDS and setting["speakers"] >= FROM_SPEAKERS)


def fewest(settings: list[Setting]) -> dict[str, int]:
    """Test over speakers → from how many speakers on its p is told.

    From the smallest simulated number at which, as at all larger ones, p ≤ α can be reached by an
    exact test and a true null gives it in at most `TOLERATED` of the corpora.
    """
    found = {}
    for test in OVER_SPEAKERS:
        enough = 0
        for speakers, some in sorted(_null(settings, test).items()):
            worst = max(each["rejected"] for each in some)
            if floors.exact(speakers) > ALPHA or worst > TOLERATED:
                enough = 0
            elif not enough:
                enough = speakers
        found[test] = enough
    return found


def _null(settings: list[Setting], test: str) -> dict[int, list[Setting]]:
    """Speakers → the settings without a true difference by which a test is judged.

    One that covers speakers alone is judged where seeds vary least: it claims nothing about them.
    """
    found: dict[int, list[Setting]] = {}
    least = min(each["seed_sd"] for each in settings)
    for each in settings:
        alone = each["covers"] == "speakers" and each["seed_sd"] > least
        if each["test"] == test and each["gain"] == 0 and not alone:
            found.setdefault(each["speakers"], []).append(each)
    return found


def band(draws: int) -> tuple[float, float]:
    """The 95 % binomial band around α: where an exact test's rate lies in 95 of 100 settings."""
    found = binomtest(round(ALPHA * draws), draws).proportion_ci(0.95, method="wilson")
    return float(found.low), float(found.high)


def markdown(plan: Plan, settings: list[Setting]) -> str:
    """Ranges first; few speakers and few seeds; then false positives, coverage and power one by
    one, of the sizes at which the headline must keep to its target.
    """
    few = ["## How few speakers are enough", *_few_speakers(settings)]
    few += ["## One or two seeds", *_few_seeds(settings)]
    parts = ["# How far each test can be trusted", _intro(plan)]
    large = [each for each in settings if each["speakers"] >= FROM_SPEAKERS]
    if not large:
        return "\n\n".join([*parts, *few]) + "\n"
    parts += [f"**{_verdict(large)}**", _ranges(large), *few]
    for title, key, null in (
        ("False positives (%) where nothing differs", "rejected", True),
        ("Coverage (%) of the 95 % interval where nothing differs", "covered", True),
        ("Power (%) at the true gain in the column's head", "rejected", False),
    ):
        parts += [f"## {title}", _each(large, key, null)]
    return "\n\n".join(parts) + "\n"


def _intro(plan: Plan) -> str:
    low, high = band(NULL * plan.draws)
    return (
        f"{plan.draws:,} draws of each setting, {NULL * plan.draws:,} where nothing differs, "
        f"{plan.resamples} resamples of each bootstrap and "
        f"permutation, seed {plan.seed}; `harness simulate` makes this file. Speakers "
        f"{', '.join(map(str, SIZES))} (the last with Hume-VB's {SIZES[max(HUME_VB)]:,} clips, the "
        "others with as many each), seeds "
        f"{', '.join(map(str, SEEDS))}, standard deviation of the difference of Ĉ over seeds "
        f"{', '.join(map(str, SEED_SDS))}, true gains {', '.join(map(str, GAINS))}. At α = "
        f"{ALPHA:g} an exact test shows {100 * low:.1f} to {100 * high:.1f} % where nothing "
        "differs, by the draws' own noise. "
        f"{' and '.join(PEERS)} are peers' tests as commonly used, by their published formulas; "
        "deep-significance is one-sided by design. The truth: other seeds and other speakers."
    )


def _verdict(settings: list[Setting]) -> str:
    kept = f"false positives within {_percents(FALSE_POSITIVES)}, coverage {_percents(COVERAGE)}"
    missed = sorted(outside(settings), key=lambda s: abs(s["covered"] - LEVEL), reverse=True)
    if missed:
        worst = "; ".join(map(_name, missed[:WORST]))
        return f"The headline misses its target ({kept}) in {len(missed)} settings, first {worst}."
    return (
        f"The headline keeps to its target ({kept}) in every setting from {FROM_SEEDS} seeds and "
        f"{FROM_SPEAKERS} speakers up."
    )


def _percents(ends: tuple[float, float]) -> str:
    return f"{100 * ends[0]:g} to {100 * ends[1]:g} %"


def _name(setting: Setting) -> str:
    covered = f"coverage {100 * setting['covered']:.1f} %"
    rate = f"rejects {100 * setting['rejected']:.1f} %"
    size = f"{setting['speakers']} speakers, {setting['seeds']} seeds"
    return f"{size}, sd {setting['seed_sd']:g}, gain {setting['gain']:g}: {rate}, {covered}"


def _ranges(settings: list[Setting]) -> str:
    """Test → the lowest and highest rate over all settings from three seeds and 30 speakers up."""
    lines = []
    for test, covers in TESTS.items():
        some = [s for s in settings if s["test"] == test and _large(s)]
        false = [s["rejected"] for s in some if s["gain"] == 0]
        covered = [s["covered"] for s in some if s["covered"] is not None]
        lines.append([test, covers, _range(false), _range(covered)])
    head = ["test", "covers", "false positives (%)", "coverage (%)"]
    return _table(lines, head, texts=2)


def _few_speakers(settings: list[Setting]) -> list[str]:
    """A paragraph and a table: the tests over speakers, from the fewest speakers up."""
    enough = fewest(settings)
    about = (
        "Tests as they are defined: the headline from three seeds up and at every standard "
        f"deviation over seeds, the others with any seeds and at {min(SEED_SDS):g}, where speakers "
        "alone decide. The smallest p is that of an exact two-tailed test on so many speakers; no "
        "p over speakers is told below it. A p is told from the number of speakers on at which it "
        f"can reach {100 * ALPHA:g} %, and a true null is rejected in at most "
        f"{100 * TOLERATED:g} % of corpora, half as often again as it says: "
        + "; ".join(f"{test} from {n} speakers" for test, n in enough.items())
        + ". The columns are false positives and coverage of the interval, in %."
    )
    judged = {test: _null(settings, test) for test in OVER_SPEAKERS}
    columns = [
        *(("headline", "rejected"), ("headline", "covered")),
        *(("bootstrap", "rejected"), ("bootstrap", "covered")),
        *(("bootstrap BCa", "rejected"), ("permutation", "rejected")),
    ]
    lines = [
        [
            *(str(speakers), probability(floors.exact(speakers))),
            *(_range([each[key] for each in judged[test][speakers]]) for test, key in columns),
        ]
        for speakers in sorted(judged["headline"])
    ]
    head = ["coverage" if key == "covered" else test for test, key in columns]
    return [about, _table(lines, ["speakers", "smallest p", *head], texts=0)]


def _few_seeds(settings: list[Setting]) -> list[str]:
    """A paragraph and a table: the bootstrap over speakers where no test of both is possible."""
    few = [n for n in SEEDS if n < FROM_SEEDS]
    columns = [(n, sd) for n in few for sd in SEED_SDS]
    about = (
        f"With fewer than {FROM_SEEDS} seeds no test covers seeds and speakers, and Table 2 has no "
        "p. These are the false positives (%) of the bootstrap over speakers, which cannot know of "
        "other seeds, by the standard deviation over seeds."
    )
    rates: dict[int, dict[tuple[int, float], float]] = {}
    for each in settings:
        if each["test"] == "bootstrap" and each["gain"] == 0 and each["seeds"] in few:
            of_size = rates.setdefault(each["speakers"], {})
            of_size[each["seeds"], each["seed_sd"]] = each["rejected"]
    lines = [
        [str(n), *(f"{100 * found[c]:.1f}" if c in found else "–" for c in columns)]
        for n, found in sorted(rates.items())
    ]
    head = ["speakers", *(f"{n} seed{'s' if n > 1 else ''}, sd {sd:g}" for n, sd in columns)]
    return [about, _table(lines, head, texts=0)]


def _range(values: list[float]) -> str:
    return f"{100 * min(values):.1f} – {100 * max(values):.1f}" if values else "–"


def _each(settings: list[Setting], key: str, null: bool) -> str:
    some = [s for s in settings if (s["gain"] == 0) == null and s[key] is not None]
    tests = [test for test in TESTS if any(s["test"] == test for s in some)]
    names = ("speakers", "seeds", "seed_sd") if null else ("speakers", "seeds", "seed_sd", "gain")
    cells: dict[tuple[Any, ...], dict[str, float]] = {}
    for each in some:
        cells.setdefault(tuple(each[name] for name in names), {})[each["test"]] = each[key]
    lines = [
        [*map(str, where), *(f"{100 * rates[t]:.1f}" if t in rates else "–" for t in tests)]
        for where, rates in sorted(cells.items())
    ]
    return _table(lines, [*(name.replace("_", " ") for name in names), *tests], texts=0)


def _table(lines: list[list[str]], head: list[str], texts: int) -> str:
    align = [*["left"] * texts, *["right"] * (len(head) - texts)]
    return tabulate(lines, head, "github", disable_numparse=True, colalign=align)
