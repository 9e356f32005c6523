"""Table 2 as numbers: the reproduced rows, the paper's beside them, and the caption's facts."""

from typing import Any

from harness.config.statistics import Statistics
from harness.config.table import Row
from harness.errors import RunError
from harness.evaluation import floors
from harness.paper import Paper, Printed

SPLIT = "dev"
GAINS = ("local_gain", "global_gain")  # those that the paper prints
KINDS = ("local", "global", "ruwl")
MEASURED = ("params", "params_trained", "ccc", "ccc_sd", "ccc_low", "ccc_high")
COMPARED = ("gain", "gain_low", "gain_high", "p", "p_holm")


def build(
    profile: str,
    rows: list[Row],
    seeds: list[int],
    settings: Statistics,
    statistics: dict[str, dict[str, Any]],
    corpus: dict[str, Any],
    training: dict[str, Any],
    paper: Paper,
) -> dict[str, Any]:
    """The table as one dict, written as table2.json and read by every rendering.

    `statistics`: row → numbers (statistics.json); `corpus`: corpus.json; `training`: train block
    and readings, set beside the paper's settings. Gains in percent, null for a baseline; `paper`
    cells are null for a row that the paper does not have. `covers`: which variance the gains'
    intervals and p cover; `smallest_p`: the smallest p that is told; `comparisons`: for how many
    Holm corrects it; null where there is none. Raises RunError when a row has no statistics.
    """
    numbers = [_numbers(statistics, row) for row in rows]
    compared = [each for found in numbers for each in found["comparisons"].values() if each]
    return {
        "profile": profile,
        "corpus": corpus["name"],
        "paper_corpus": paper.corpus,
        "split": SPLIT,
        "selection": training["selection"],
        "seeds": seeds,
        "targets": len(corpus["targets"]),
        "speakers": corpus.get("speakers", {}).get(SPLIT),
        "ceiling": corpus.get("ceiling", {}).get("mean"),
        "settings": {
            key: [_setting(training, key), value] for key, value in paper.settings.items()
        },
        "arithmetic": sorted({each for found in numbers for each in found["arithmetic"]}),
        "resamples": settings.resamples,
        "level": settings.level,
        "covers": compared[0]["covers"] if compared else None,
        "smallest_p": compared[0]["smallest_p"] if compared else None,
        "comparisons": compared[0]["family"] if compared else None,
        "rows": [_row(row, found, paper) for row, found in zip(rows, numbers, strict=True)],
    }


def _numbers(statistics: dict[str, dict[str, Any]], row: Row) -> dict[str, Any]:
    numbers = statistics.get(row.name)
    wanted = (*MEASURED, "arithmetic", "comparisons")
    missing = [key for key in wanted if key not in (numbers or {})]
    if numbers is None or missing:
        what = f"row '{row.name}'" if numbers is None else f"'{missing[0]}' of row '{row.name}'"
        raise RunError(f"statistics.json has no {what}; run `dvc repro statistics`")
    return numbers


def _row(row: Row, numbers: dict[str, Any], paper: Paper) -> dict[str, Any]:
    printed = paper.table2.get(row.name)
    cells = ("params_m", "ccc", *GAINS)
    return {
        "row": row.name,
        "encoder": row.encoder,
        "method": row.method,
        **{key: numbers[key] for key in MEASURED},
        **{key: value for kind in KINDS for key, value in _gain(kind, numbers).items()},
        "paper": {key: _value(getattr(printed, key, None)) for key in cells},
    }


def _gain(kind: str, numbers: dict[str, Any]) -> dict[str, float | None]:
    """<kind>_gain, _gain_low, _gain_high, p_<kind> and p_<kind>_holm; null without a baseline."""
    found = numbers["comparisons"].get(kind) or dict.fromkeys(COMPARED)
    names = (f"{kind}_gain", f"{kind}_gain_low", f"{kind}_gain_high", f"p_{kind}", f"p_{kind}_holm")
    return {name: found[key] for name, key in zip(names, COMPARED, strict=True)}


def _value(printed: Printed | None) -> float | None:
    return None if printed is None else printed.value


def _setting(training: dict[str, Any], key: str) -> float:
    """A value of the training; "spec_augment.frames" is one level down."""
    value: Any = training
    for part in key.split("."):
        value = value[part]
    return float(value)


def ranks(table: dict[str, Any]) -> dict[str, int]:
    """Row → 1 for the highest Ĉ and 2 for the next (bold and underlined in the paper)."""
    ordered = sorted(table["rows"], key=lambda row: -row["ccc"])
    return {row["row"]: rank for rank, row in enumerate(ordered[:2], start=1)}


def warning(table: dict[str, Any]) -> str | None:
    """The table's first line when its corpus is not the paper's; otherwise None."""
    if table["corpus"] == table["paper_corpus"]:
        return None
    return (
        f"Not the paper's data: corpus {table['corpus']}, not {table['paper_corpus']}; "
        "the paper's numbers are no expectation for it."
    )


def caption(table: dict[str, Any]) -> str:
    """What the numbers are, in sentences: data, seeds, selection, ±, interval, p, and gains."""
    seeds, first = table["seeds"], table["rows"][0]["row"]
    percent = f"{100 * table['level']:g} %"
    sentences = [
        f"Table 2 of Jing et al. (2022) reproduced on the corpus {table['corpus']} with "
        f"{len(seeds)} seed{'s' if len(seeds) > 1 else ''} ({', '.join(map(str, seeds))}).",
        f"Ĉ is the mean CCC over {table['targets']} targets on the {SPLIT} split, {_epoch(table)}.",
        "± is the standard deviation over seeds."
        if len(seeds) > 1
        else "± would be the standard deviation over seeds: n/a with one seed.",
        *_bootstrap(table, percent),
        *_tests(table, percent),
        "Gains are relative, in percent, from unrounded Ĉ: local over the vanilla row of the same "
        f"encoder, global over {first}.",
        "Parameters are in millions, for width 1 (as the paper counts) and as trained.",
        *_differences(table),
    ]
    if table["ceiling"] is not None:
        sentences.append(
            f"Ceiling ({table['ceiling']:.3f}) is the Ĉ that labels from infinitely many raters "
            "would score on this split."
        )
    sentences.append("Best Ĉ bold, second underlined; 'paper' is what the paper prints.")
    return " ".join(sentences)


def _bootstrap(table: dict[str, Any], percent: str) -> list[str]:
    if table["rows"][0]["ccc_low"] is None:
        return [f"There is one {SPLIT} speaker, so there is no interval and no p."]
    speakers = f"{table['speakers']} {SPLIT}" if table["speakers"] else SPLIT
    sentences = [
        f"The {percent} interval of Ĉ (percentile) is from {table['resamples']:,} paired bootstrap "
        f"resamples of the {speakers} speakers, for these seeds."
    ]
    enough = floors.FEWEST["bootstrap"]
    if table["speakers"] and table["speakers"] < enough:
        sentences.append(
            f"With fewer than {enough} speakers bootstrap intervals are too narrow "
            "(results/simulation)."
        )
    return sentences


def _tests(table: dict[str, Any], percent: str) -> list[str]:
    """Of the gains' intervals and of p: what they cover, and why there is no p."""
    if table["covers"] is None:
        return []
    gains = f"The {percent} intervals of the gains"
    beside = "All tests stand side by side in significance.md."
    if "seeds" not in table["covers"]:
        return [
            f"{gains} are from the same resamples and cover speakers only, for these seeds.",
            f"p takes three seeds or more, so there is none. {beside}",
        ]
    sentences = [
        f"{gains} are of the test that takes seeds as readers and speakers as cases, and cover "
        "both."
    ]
    if table["smallest_p"] is None:
        enough = floors.FEWEST["mrmc"]
        few = f"p takes {enough} {SPLIT} speakers or more, so there is none."
        return [*sentences, f"{few} {beside}"]
    return [
        *sentences,
        "p (two-tailed, of the difference of Ĉ) is of that test; ≤ marks a p at the smallest that "
        f"so many seeds and speakers can vouch for. Holm corrects p for the table's "
        f"{table['comparisons']} comparisons. {beside}",
    ]


def _epoch(table: dict[str, Any]) -> str:
    return {
        "last": f"of the last epoch, so {SPLIT} reports and selects nothing",
        "best": f"of each cell's best epoch on that same split: {SPLIT} both selects and reports, "
        "which makes Ĉ optimistic",
        "held_out": "of each cell's best epoch on held-out train speakers",
    }[table["selection"]]


def _differences(table: dict[str, Any]) -> list[str]:
    """In what arithmetic was trained, and which settings are not those that the paper prints."""
    differs = {key: pair for key, pair in table["settings"].items() if pair[0] != pair[1]}
    each = [f"{key} {ours:g} (paper: {theirs:g})" for key, (ours, theirs) in differs.items()]
    settings = f", with {', '.join(each)}" if each else ""
    return [f"Trained in {' and in '.join(table['arithmetic'])}{settings}."]
