"""The measures of a family's predictive distributions, its comparisons and claims, as Markdown."""

from typing import Any

from tabulate import tabulate

from harness.evaluation.columns import corrected, interval, number, probability
from harness.evaluation.distributions import Array
from harness.evaluation.measures.coverage import LEVELS
from harness.evaluation.uncertainty import DETECTION, LOUDNESS, MEASURES, ORACLE, TITLES

Numbers = dict[str, Any]
EMPTY = "–"
COVERAGE = [f"coverage {level:g}" for level in LEVELS]
COLUMNS = [*(name for name in MEASURES if name not in COVERAGE), "truth", *DETECTION]


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
        _coverage(content),
        *_shifts(content),
        "## Claims",
        _claims_caption(content),
        _claims(content),
        "## Comparisons",
        "Holm corrects p over the comparisons of a measure. p is not told below "
        f"{probability(0.03 / len(content['seeds']))}, so where they are many none can be small "
        "after it; the claims above have a correction of their own.",
        _comparisons(content),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _table(lines: list[list[str]], head: list[str], texts: int = 1) -> str:
    align = ["left"] * texts + ["right"] * (len(head) - texts)
    return tabulate(lines, head, "github", disable_numparse=True, colalign=align)


def _caption(content: Numbers, corpus: str) -> str:
    sentences = [
        f"The corpus {corpus}, {len(content['seeds'])} seeds "
        f"({', '.join(map(str, content['seeds']))}), the dev split, every cell's last epoch.",
        "NLL is in nats, CRPS in the labels' unit; QCE is the mean distance of shares below 19 "
        "predicted quantiles from their levels; AUSE is the area between leaving clips out by "
        "predicted variance and by error; lower is better for these and FPR95, higher for Ĉ, "
        "AUROC and r.",
        f"The {100 * content['level']:g} % intervals in brackets are from "
        f"{content['resamples']:,} bootstrap resamples of the speakers, for these seeds. QCE "
        "is a mean of distances, which every resample adds to, so its interval lies too high.",
        "A seed of an ensemble has five members of its own: the ensemble is the reader.",
        "The density of `bins` is level within a bin, that of all others is normal or Student's t, "
        "so their NLL is in one unit but rewards other things: labels pile up at 1.",
    ]
    if ORACLE in content["scores"]:
        sentences.append(
            f"`{ORACLE}` knows what the raters perceive and the spread of their answers, and is "
            "where no prediction from the sound can be expected; r is the correlation of predicted "
            "with its standard deviation."
        )
    return " ".join(sentences)


def _scores(content: Numbers) -> str:
    columns = [name for name in COLUMNS if any(name in row for row in content["scores"].values())]
    lines = []
    for row, found in content["scores"].items():
        cells = [_cell(found.get(name)) for name in columns]
        lines.append([row, *cells])
    return _table(lines, ["row", *(TITLES[name].title for name in columns)])


def _cell(found: Numbers | None) -> str:
    if found is None:
        return EMPTY
    return f"{number(found['value'], 3)} {interval(found['low'], found['high'], 3)}"


def _coverage(content: Numbers) -> str:
    lines = [
        [row, *(number(found[name]["value"], 3) for name in COVERAGE)]
        for row, found in content["scores"].items()
        if COVERAGE[0] in found
    ]
    return _table(lines, ["row", *(f"{level:g}" for level in LEVELS)])


def _shifts(content: Numbers) -> list[str]:
    if not content["shifts"]:
        return []
    names = content["shifts"]
    about = (
        "AUROC and FPR95 of dev clips against the same clips shifted, mean over seeds. The score "
        "is a clip's epistemic variance, or its whole variance where a row has no epistemic one. "
        f"`{LOUDNESS}`, the distance of a clip's mean level from that of the train clips, knows "
        "nothing of emotion."
    )
    lines = []
    for row, found in content["detection"].items():
        each = zip(found["auroc"], found["fpr95"], strict=True)
        lines.append([row, *(f"{a:.3f} / {f:.3f}" for a, f in each)])
    return ["## Shifts", about, _table(lines, ["row", *(n.replace("_", " ") for n in names)])]


def _claims_caption(content: Numbers) -> str:
    return (
        "Of Deng et al. (2021), each by the test that takes seeds as readers and speakers as "
        "cases. A claim holds if every part is in its direction and passes Holm's correction over "
        f"the parts about its kind of students at {1 - content['level']:.2g}; it is contradicted "
        "if one passes in the other direction; else it is not shown. The number of generations was "
        "fixed beforehand. "
        "Their out-of-domain set was another data set, of which they drew histograms; AUROC goes "
        "beyond them."
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


def _comparisons(content: Numbers) -> str:
    lines = [
        [TITLES[name].title, f"{line['row']} − {line['baseline']}", *_numbers(line)]
        for name, found in content["comparisons"].items()
        for line in found
    ]
    return _table(lines, ["measure", "rows", "difference", "p", "Holm"], 2)


def by_shift(sums: Array, finish: Any) -> list[float]:
    """A measure of each shift, mean over seeds: [seeds, speakers, shifts, k] → [shifts]."""
    return [float(value) for value in finish(sums.sum(axis=1)).mean(axis=0)]
