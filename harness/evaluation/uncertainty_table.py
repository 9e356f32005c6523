"""The measures of a family's predictive distributions, its claims and comparisons, as Markdown."""

from typing import Any

from tabulate import tabulate

from harness.evaluation import floors
from harness.evaluation.columns import corrected, interval, number, probability
from harness.evaluation.distributions import Array
from harness.evaluation.measures.coverage import LEVELS
from harness.evaluation.mrmc import SEEDS
from harness.evaluation.significance_table import TESTS
from harness.evaluation.uncertainty import DETECTION, LOUDNESS, ORACLE, TITLES

Numbers = dict[str, Any]
EMPTY = "–"
COVERAGE = [f"coverage {level:g}" for level in LEVELS]
VARIANCE = ["error", "aleatoric", "epistemic"]
COLUMNS = ["ccc", "nll", "crps", "calibration", "ause", "truth", *DETECTION]
SHOWN = [test for test in TESTS if test not in ("mrmc", "fisher z")]  # beside the headline


def markdown(content: Numbers, corpus: str, first: str | None) -> str:
    """measures.json as tables; `first`: a warning about the corpus."""
    parts = [
        "# Does a prediction know how wrong it is?",
        *([f"**{first}**"] if first else []),
        _caption(content, corpus),
        "## Measures",
        _scores(content),
        "## Coverage",
        "The share of labels inside the central interval of each level; best is the level itself.",
        _columns(content, COVERAGE, [f"{level:g}" for level in LEVELS], 3),
        "## Variance",
        "Mean squared error, and the two parts of the predicted variance, all means over clips "
        "and emotions. Aleatoric is what a row takes for noise of the labels; epistemic is how far "
        "its members, passes or its evidence disagree, 0 where there are none. A row that is right "
        "about its errors has parts that add up to its squared error.",
        _columns(content, VARIANCE, [TITLES[name].title for name in VARIANCE], 4),
        *_shifts(content),
        "## Claims",
        _claims_caption(content),
        _claims(content),
    ]
    return _page(parts)


def comparisons_page(content: Numbers, first: str | None) -> str:
    """All tests of all comparisons."""
    tests = [f"- **{test}**: {TESTS[test]}" for test in SHOWN]
    parts = [
        "# Uncertainty: every test of every comparison",
        *([f"**{first}**"] if first else []),
        "The difference of two rows by each measure of measures.md in every cell's last epoch, "
        f"mean over {_seeds(content)}, with its {100 * content['level']:g} % interval. `miss` is "
        "how far the share of labels inside an interval is from its level. Higher is better for "
        f"{', '.join(t.title for t in TITLES.values() if t.higher)}, lower for all others. "
        + _headline(content),
        _comparisons(content),
        "The tests beside the headline:",
        "\n".join(tests),
    ]
    return _page(parts)


def _seeds(content: Numbers) -> str:
    count = len(content["seeds"])
    return f"{count} seed" if count == 1 else f"{count} seeds"


def _page(parts: list[str]) -> str:
    return "\n\n".join(part for part in parts if part) + "\n"


def _table(lines: list[list[str]], head: list[str], texts: int = 1) -> str:
    align = ["left"] * texts + ["right"] * (len(head) - texts)
    return tabulate(lines, head, "github", disable_numparse=True, colalign=align)


def _caption(content: Numbers, corpus: str) -> str:
    sentences = [
        f"The corpus {corpus}, {_seeds(content)} ({', '.join(map(str, content['seeds']))}), the "
        "dev split, every cell's last epoch.",
        "NLL is in nats, CRPS in the labels' unit. QCE is the mean distance of the shares of "
        "labels below 19 predicted quantiles from the quantiles' levels. AUSE is the area between "
        "leaving clips out by predicted variance and by error. Lower is better for these and "
        "FPR95, higher for Ĉ, AUROC and r.",
        f"The {100 * content['level']:g} % intervals in brackets are from "
        f"{content['resamples']:,} bootstrap resamples of the speakers, for these seeds. QCE "
        "is a mean of distances, which every resample adds to, so its interval lies too high.",
        "Each seed of an ensemble has five members of its own, and the tests take the ensemble as "
        "one reader.",
        "The density of `bins` is level within a bin, that of all others is normal or Student's "
        "t. Bins can say that many labels are exactly 0 or 1 and a normal cannot, so compare the "
        "NLL of `bins` with that of others with care.",
    ]
    if ORACLE in content["scores"]:
        sentences.append(
            f"`{ORACLE}` knows what the raters perceive and how their answers spread, which no "
            "network hears; r is the correlation of a row's standard deviation with its."
        )
    return " ".join(sentences)


def _scores(content: Numbers) -> str:
    columns = [name for name in COLUMNS if any(name in row for row in content["scores"].values())]
    lines = [
        [row, *(_cell(found.get(name)) for name in columns)]
        for row, found in content["scores"].items()
    ]
    return _table(lines, ["row", *(TITLES[name].title for name in columns)])


def _cell(found: Numbers | None) -> str:
    if found is None:
        return EMPTY
    return f"{number(found['value'], 3)} {interval(found['low'], found['high'], 3)}"


def _columns(content: Numbers, names: list[str], titles: list[str], decimals: int) -> str:
    """Values without intervals, of the rows that have them."""
    lines = [
        [row, *(number(found[name]["value"], decimals) for name in names)]
        for row, found in content["scores"].items()
        if names[0] in found
    ]
    return _table(lines, ["row", *titles])


def _shifts(content: Numbers) -> list[str]:
    if not content["shifts"]:
        return []
    names = content["shifts"]
    about = (
        "AUROC / FPR95 of dev clips against the same clips shifted, mean over seeds. The score "
        "is a clip's epistemic variance, or its whole variance where a row has no epistemic one. "
        f"`{LOUDNESS}`, the distance of a clip's mean level from that of the train clips, knows "
        "nothing of emotion. An AUROC of .5 is chance; below it a row is surer of shifted clips."
    )
    lines = []
    for row, found in content["detection"].items():
        each = zip(found["auroc"], found["fpr95"], strict=True)
        lines.append([row, *(f"{a:.3f} / {f:.3f}" for a, f in each)])
    return ["## Shifts", about, _table(lines, ["row", *(n.replace("_", " ") for n in names)])]


def _claims_caption(content: Numbers) -> str:
    return (
        "Of Deng et al. (2021), as far as they can be asked of this corpus; nothing here says that "
        "they are true or false of theirs. Each part is a comparison by the test that takes seeds "
        "as readers and speakers as cases. A claim holds if every part is in its direction and "
        "passes Holm's correction over the parts about its kind of students at "
        f"{1 - content['level']:.2g}; it is contradicted if one passes in the other direction; "
        "else it is not shown. The number of generations was fixed beforehand. Their out-of-domain "
        "set was another data set, of which they drew histograms; here it is the shifts above."
    )


def _claims(content: Numbers) -> str:
    lines = []
    for claim in content["claims"]:
        for place, part in enumerate(claim["parts"]):
            said = (claim["claim"], claim["students"], f"**{claim['verdict']}**")
            head = list(said) if not place else ["", "", ""]
            title = TITLES[part["measure"]].title
            what = f"{title}: {part['row']} − {part['baseline']}"
            lines.append([*head, what, *_numbers(part)])
    head = ["claim", "students", "verdict", "part", "difference", "p", "Holm"]
    return _table(lines, head, 4)


def _numbers(line: Numbers) -> list[str]:
    smallest = line["smallest_p"]
    difference = f"{line['difference']:+.4f}"
    if line["low"] is not None:
        difference += f" {interval(line['low'], line['high'], 4)}"
    p = probability(line["p"], smallest)
    return [difference, p, corrected(line["p_holm"], line["p"], smallest)]


def _headline(content: Numbers) -> str:
    seeds = len(content["seeds"])
    if seeds < SEEDS:
        return f"The headline takes {SEEDS} seeds, so there is no p of it here."
    return (
        "The headline takes seeds as readers and speakers as cases; Holm corrects it over the "
        "comparisons of a measure. It tells no p below "
        f"{probability(floors.TAIL / seeds)}, so where they are many none can be small after it. "
        "The claims of measures.md have a correction of their own."
    )


def _comparisons(content: Numbers) -> str:
    lines = []
    for name, found in content["comparisons"].items():
        for line in found:
            tests = (line["tests"][test] for test in SHOWN)
            others = [probability(each["p"], each["smallest_p"]) for each in tests]
            pair = f"{line['row']} − {line['baseline']}"
            lines.append([TITLES[name].title, pair, *_numbers(line), *others])
    return _table(lines, ["measure", "rows", "difference", "headline", "Holm", *SHOWN], 2)


def by_shift(sums: Array, finish: Any) -> list[float]:
    """A measure of each shift, mean over seeds: [seeds, speakers, shifts, k] → [shifts]."""
    return [float(value) for value in finish(sums.sum(axis=1)).mean(axis=0)]
