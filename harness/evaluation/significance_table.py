"""significance.md: every test of every comparison side by side, each with what it covers."""

from typing import Any

from tabulate import tabulate

from harness.evaluation import floors
from harness.evaluation.caption import warning
from harness.evaluation.columns import corrected, interval, number, probability
from harness.evaluation.table import Table, baselines

TESTS = {
    "mrmc": "seeds as readers, speakers as cases (Dorfman-Berbaum-Metz, Obuchowski-Rockette, "
    "Hillis): would other seeds and other speakers show the difference?",
    "bootstrap": "paired bootstrap over speakers, percentile: other speakers, these seeds.",
    "bootstrap BCa": "the same resamples, bias-corrected and accelerated.",
    "permutation": "both rows' predictions swapped speaker by speaker, all seeds together: these "
    "seeds; it has no interval.",
    "sign flip": "exact, over seeds: other seeds, these speakers; with few seeds it cannot be "
    "small, whatever they show.",
    "t": "Student's paired t over seeds: other seeds, these speakers.",
    "fisher z": "Fisher's r-to-z on clips, what papers on CCC usually mean. It takes CCC for "
    "Pearson's r, both rows for independent samples, and clips of a speaker for independent of "
    "each other: to compare with the paper, not to believe.",
}
Line = tuple[str, str, dict[str, Any]]  # kind, row, comparison


def significance_table(
    statistics: dict[str, Any], table: Table, power: dict[str, Any] | None = None
) -> str:
    """Markdown: p of all tests, their intervals, what more would show, and what the tests are.

    `statistics`: statistics.json; `power`: power.json; `table`: the same family's, for corpus,
    level and kinds.
    """
    lines: list[Line] = [
        (kind, row, found)
        for kind in table.kinds
        for row, numbers in statistics.items()
        if (found := numbers["comparisons"].get(kind))
    ]
    first = warning(table)
    parts = ["# Significance", *([f"**{first}**"] if first else [])]
    if not lines:
        return "\n\n".join([*parts, "No row is compared with another one."]) + "\n"
    level = f"{100 * table.level:g} %"
    tests = [f"- **{name}** (covers {_covers(lines, name)}): {TESTS[name]}" for name in TESTS]
    parts += [_about(lines, table), "## p, two-tailed", _p(lines)]
    parts += [f"## {level} intervals of the difference of Ĉ", _intervals(lines)]
    parts += _power(power, table) if power else []
    return "\n\n".join([*parts, "## The tests", "\n".join(tests)]) + "\n"


def _power(power: dict[str, Any], table: Table) -> list[str]:
    """Of each kind of comparison the seeds that a gain takes, by the number of dev speakers."""
    lines = []
    for kind, plan in power["kinds"].items():
        if plan is None:
            continue
        for gain in dict.fromkeys(each["gain"] for each in plan["needed"]):
            some = [each for each in plan["needed"] if each["gain"] == gain]
            sizes = [each["speakers"] for each in some]
            seeds = [str(each["seeds"] or f"> {power['most']:,}") for each in some]
            variances = [_sd(plan["variances"][name]) for name in ("seeds", "speakers", "both")]
            front = [kind, f"{plan['baseline']:.3f}", *variances, f"{plan['detects']:.1f} %"]
            lines.append([*front, f"{gain} %", *seeds])
    if not lines:
        return []
    about = (
        f"The smallest true gain that this design ({len(table.seeds)} seeds, {power['speakers']} "
        "dev speakers) detects, and the fewest seeds with which the headline finds a gain of 2 or "
        "5 %, by the number of dev speakers; each with a probability of "
        f"{100 * power['power']:g} % (p ≤ {1 - table.level:g}, before Holm's correction). The "
        "standard deviations are of a paired difference's pseudo-values: over seeds, over "
        "speakers, and of a seed on a speaker, averaged over the comparisons of a kind; a gain is "
        "a share of the mean Ĉ of their baselines. The headline takes at least three seeds. "
        f"Estimated from {len(table.seeds)} seeds, so rough (docs/protocol.md#power)."
    )
    head = ["comparison", "baseline Ĉ", "sd seeds", "sd speakers", "sd both", "detects", "gain"]
    head += [f"seeds with {size} speakers" for size in sizes]
    return ["## What a gain takes", about, _markdown(lines, head, texts=1)]


def _sd(variance: float) -> str:
    return f"{variance**0.5:.4f}"


def _about(lines: list[Line], table: Table) -> str:
    one = lines[0][2]
    smallest = one["tests"]["sign flip"]["smallest_p"]
    seeds = len(table.seeds)
    kinds = "; ".join(f"{kind}, against {baselines(table, kind)}" for kind in table.kinds)
    if one["smallest_p"] is None:
        headline = (
            f"There is no headline, and nothing for Holm to correct: it takes three seeds and "
            f"{floors.FEWEST['mrmc']} dev speakers."
        )
    else:
        headline = (
            f"The headline covers {one['covers']}; Holm corrects it for the table's "
            f"{one['family']} different pairs of rows."
        )
    sentences = [
        f"Comparisons: {kinds}.",
        headline,
        "What covers speakers or clips only says nothing about other seeds, and the reverse. "
        "results/simulation shows how often each test is wrong.",
        "≤ marks a p at the smallest that its test tells here; a test that has too little to go "
        "on tells none.",
    ]
    if any(found.get("detects_difference") is not None for *_, found in lines):
        sentences.append(
            "'detects' is the smallest true difference that the headline, with the variance seen "
            "here, finds with a probability of 80 %."
        )
    if smallest is not None:
        sentences.append(
            f"The smallest p that the sign flip can reach with {seeds} seeds is {smallest:g}."
        )
    return " ".join(sentences)


def _covers(lines: list[Line], test: str) -> str:
    return str(lines[0][2]["tests"][test]["covers"])


def _p(lines: list[Line]) -> str:
    powered = any(found.get("detects_difference") is not None for *_, found in lines)
    detects = ["detects"] if powered else []
    head = ["comparison", "row", "baseline", "difference", *detects, "headline", "Holm", *TESTS]
    rows = [
        [
            *(kind, row, found["baseline"], f"{found['difference']:+.4f}"),
            *(number(found["detects_difference"], 4) for _ in detects),
            probability(found["p"], found["smallest_p"]),
            corrected(found["p_holm"], found["p"], found["smallest_p"]),
            *(_probability(found["tests"][name]) for name in TESTS),
        ]
        for kind, row, found in lines
    ]
    headline = lines[0][2]
    covers = [
        headline["covers"] if headline["smallest_p"] is not None else "",
        *("", *(_covers(lines, name) for name in TESTS)),
    ]
    blank = [""] * (3 + len(detects))
    return _markdown([["covers", *blank, *covers], *rows], head, texts=3)


def _probability(test: dict[str, Any]) -> str:
    return probability(test["p"], test["smallest_p"])


def _intervals(lines: list[Line]) -> str:
    known = [name for name in TESTS if lines[0][2]["tests"][name]["low"] is not None]
    head = ["comparison", "row", "baseline", *known]
    rows = [
        [kind, row, found["baseline"], *(_interval(found["tests"][name]) for name in known)]
        for kind, row, found in lines
    ]
    return _markdown(rows, head, texts=3)


def _interval(test: dict[str, Any]) -> str:
    return interval(test["low"], test["high"], 4)


def _markdown(rows: list[list[str]], head: list[str], texts: int) -> str:
    align = [*["left"] * texts, *["right"] * (len(head) - texts)]
    return tabulate(rows, head, "github", disable_numparse=True, colalign=align)
