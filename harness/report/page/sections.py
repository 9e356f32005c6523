"""The tables of the page beside the families' own: what each row scores, costs and comes from."""

from collections import Counter
from statistics import fmean
from typing import Any

from harness.config.rows import TABLE2, AnyRow, MadeRow, Row
from harness.evaluation.columns import DASH, number, score
from harness.evaluation.table import TableRow
from harness.report.page.grids import Entry, Grid, figure, head, minus, prose, text, word
from harness.report.page.pictures import best
from harness.report.page.sources import FamilyResults, Found
from harness.report.page.words import count

HOLDS = "holds"  # of a finding of the audit
SAID = {  # a verdict of the audit as a verb
    HOLDS: "hold",
    "fails": "fail",
    "possible only if": "are possible only under a condition",
}
NAMED = 10  # clips that a list names
VANILLA, MASKED, RRTN = "encoder alone", "SpecAugment", "RRTN"  # what every row stands beside


def emotions(family: FamilyResults) -> Grid | None:
    """CCC of every row on every target, mean over seeds, and their mean; None without scores."""
    targets = family.targets()
    rows, lowest, highest = [], 0.0, 0.0
    values: dict[str, list[float | None]] = {}
    for row in family.table.rows:
        each = [family.by_seed(row.row, row.selection, target) for target in targets]
        values[row.row] = [fmean(seeds.values()) if seeds else None for seeds in each]
    known = [value for of in values.values() for value in of if value is not None]
    if not known:
        return None
    lowest, highest = min(known), max(known)
    for row in family.table.rows:
        cells = []
        for value in values[row.row]:
            tint = None
            if value is not None and highest > lowest:
                tint = round((value - lowest) / (highest - lowest), 2)
            cells.append(figure(value, 3)._replace(tint=tint))
        rows.append([text(row.row), *cells, figure(row.ccc, 3)._replace(kind="num sum")])
    label = (
        f"CCC on each of {count(len(targets), 'target')}, family {family.name}, mean over seeds: "
        f"{lowest:.3f} to {highest:.3f}, the higher, the stronger the colour."
    )
    return Grid(minus(label), [head("row", False), *map(head, targets), head("Ĉ")], rows)


def bests(family: FamilyResults) -> Grid | None:
    """The epoch at which each own row's mean curve is highest; None where no cell has a curve."""
    rows = []
    for row in family.own:
        found = best(family.history.get(row.row, {}))
        if found is None:
            continue
        each = ", ".join(map(str, found.epochs))
        rows.append(
            [
                text(row.row),
                figure(found.epoch, 0),
                figure(found.score, 3),
                figure(row.ccc, 3),
                figure(found.score - row.ccc, 3, signed=True),
                Entry(each, min(found.epochs), "num"),
            ]
        )
    heads = ["best epoch", "Ĉ there", "Ĉ reported", "difference", "each seed's best epoch"]
    label = (
        f"The epoch at which each row of the family {family.name} has its highest mean dev Ĉ, and "
        "what reporting it would add."
    )
    return Grid(label, [head("row", False), *map(head, heads)], rows) if rows else None


def power(family: FamilyResults) -> Grid | None:
    """How many seeds a gain of 2 or 5 % takes; None where the variance over seeds is not known."""
    found = family.power or {}
    kinds = {kind: plan for kind, plan in found.get("kinds", {}).items() if plan}
    if not kinds:
        return None
    sizes = sorted({each["speakers"] for plan in kinds.values() for each in plan["needed"]})
    rows = []
    for kind, plan in kinds.items():
        spreads = [max(plan["variances"][of], 0) ** 0.5 for of in ("seeds", "speakers", "both")]
        for gain in dict.fromkeys(each["gain"] for each in plan["needed"]):
            needed = {e["speakers"]: e["seeds"] for e in plan["needed"] if e["gain"] == gain}
            cells = [
                Entry(f"{needed[size]:,}", needed[size], "num")
                if needed.get(size) is not None
                else Entry(f"> {found['most']:,}", found["most"] + 1, "num")
                for size in sizes
            ]
            rows.append(
                [
                    text(kind),
                    *(figure(value, 3) for value in (plan["baseline"], *spreads)),
                    figure(plan["detects"], 1),
                    Entry(f"{gain:g} %", gain, "num"),
                    *cells,
                ]
            )
    heads = ["baseline Ĉ", "sd seeds", "sd speakers", "sd both", "detects (%)", "gain"]
    heads += [f"seeds with {size:,} speakers" for size in sizes]
    share = f"{100 * found['power']:.0f} %"
    label = f"How many seeds find a gain in the family {family.name} with a probability of {share}."
    return Grid(label, [head("comparison", False), *map(head, heads)], rows)


def claims(family: FamilyResults) -> Grid | None:
    """What is claimed of a family, and what its rows say to it; None where nothing is."""
    rows = [
        [prose(each["claim"]), text(each["about"]), word(each["verdict"])] for each in family.claims
    ]
    heads = [head(name, False) for name in ("claim", "of", "verdict")]
    label = f"What is claimed of the family {family.name}; the evidence is in its claims.md."
    return Grid(label, heads, rows) if rows else None


# The paper


def audit_counts(found: dict[str, Any]) -> str:
    """How many of the paper's numbers hold, in a sentence."""
    each = Counter(verdict for verdict in found["numbers"].values() if verdict)
    parts = [f"{number} {SAID.get(verdict, verdict)}" for verdict, number in each.items()]
    return f"Of {each.total()} printed numbers that can be checked, {', '.join(parts)}."


def audit_summary(found: dict[str, Any]) -> Grid:
    """Findings of each part of the audit by their verdict."""
    verdicts = list(
        dict.fromkeys(each["verdict"] for part in found["sections"] for each in part["findings"])
    )
    rows = []
    for part in found["sections"]:
        each = Counter(finding["verdict"] for finding in part["findings"])
        rows.append([prose(part["title"]), *(figure(each[verdict], 0) for verdict in verdicts)])
    label = "Findings of each part of the audit, by their verdict."
    return Grid(label, [head("part", False), *map(head, verdicts)], rows)


def audit_findings(found: dict[str, Any]) -> Grid:
    """The findings that do not simply hold, but for those of Fisher's test, which are summed up."""
    rows = [
        [prose(each["where"]), word(each["verdict"]), prose(minus(_sentence(each["sentence"])))]
        for part in found["sections"]
        if not part["id"].startswith("fisher")
        for each in part["findings"]
        if each["verdict"] != HOLDS
    ]
    heads = [head(name, False) for name in ("where", "verdict", "finding")]
    return Grid("What of the paper does not simply hold.", heads, rows)


def _sentence(words: str) -> str:
    """With a capital at its beginning."""
    return words[:1].upper() + words[1:]


# The corpus


def counts(found: dict[str, Any]) -> Grid:
    """Table 1: minutes, clips, speakers, beside the paper's where the corpus is the paper's."""
    splits = list(found["rows"][0]["counts"])
    printed = ("train", "validation", "total") if any(r["paper"] for r in found["rows"]) else ()
    rows = []
    for row in found["rows"]:
        ours = [
            Entry(f"{value:,}", value, "num")
            for value in (row["counts"][split] for split in splits)
        ]
        theirs = [Entry(row["paper"].get(key) or DASH, None, "num") for key in printed]
        rows.append([text(row["label"]), *ours, *theirs])
    heads = [*splits, *(f"paper {key}" for key in printed)]
    return Grid("Minutes, clips and speakers.", [head("number of", False), *map(head, heads)], rows)


def seconds(found: dict[str, Any]) -> Grid:
    """How long the clips are."""
    rows = [
        [text(split), *(figure(value, 2) for value in quantiles.values())]
        for split, quantiles in found["seconds"].items()
    ]
    heads = ["shortest", "5 %", "median", "95 %", "longest"]
    return Grid("Seconds a clip.", [head("split", False), *map(head, heads)], rows)


def targets(found: dict[str, Any]) -> Grid:
    """Mean, spread and ends of every target."""
    rows = [
        [text(name), *(figure(of[key], 3) for key in ("mean", "sd", "zero", "one"))]
        for name, of in found["targets"].items()
    ]
    heads = ["mean", "sd", "share at 0", "share at 1"]
    return Grid("Targets of the labelled clips.", [head("target", False), *map(head, heads)], rows)


def oddities(found: dict[str, Any]) -> list[str]:
    """What was odd in the sounds, in sentences."""
    rates = ", ".join(f"{n:,} at {int(rate):,} Hz" for rate, n in found["rates"].items())
    level, same = found["level"], found["same_bytes"]
    pairs = [f"{pair['one']} = {pair['other']}" for pair in found["same_sound"]]
    skipped = [f"{each['clip']} ({each['why']})" for each in found["skipped"]]
    return [
        f"Sampling rates: {rates}.",
        minus(
            f"Level: median {level['median']:.1f} dBFS, 5 to 95 % {level['q05']:.1f} to "
            f"{level['q95']:.1f}."
        ),
        f"Clipped: {len(found['clipped']):,}.",
        f"Silent: {_some(found['silent'])}.",
        f"Files with the bytes of another: {same['clips']:,}; of another speaker's "
        f"{same['across_speakers']:,}, of another split's {same['across_splits']:,}.",
        f"The same waveform under two speakers or in two splits: {_some(pairs)}.",
        f"Left out as unusable: {_some(skipped)}.",
    ]


def _some(names: list[str]) -> str:
    if not names:
        return "none"
    more = ", …" if len(names) > NAMED else ""
    return f"{len(names):,} ({', '.join(names[:NAMED])}{more})"


# All rows


def role(block: AnyRow | None) -> str | None:
    """Which of the three rows of an encoder that all others stand beside it is, by its parts."""
    if not isinstance(block, Row) or block.emotions or block.reads or block.members:
        return None
    parts = (block.views, [term.name for term in block.terms])
    if block.head.name != "point":
        return None
    if parts[1] == ["ccc"]:
        return VANILLA if parts[0] == ["clean"] else MASKED
    fixed = block.weighting.name == "fixed" and not block.weighting.params
    whole = (["clean", "masked"], ["ccc", "ccc_masked", "barlow_twins"])
    return RRTN if parts == whole and fixed else None


def beside(found: Found) -> dict[tuple[str, str, tuple[int, ...]], float]:
    """(role, encoder, seeds) → Ĉ of the row that has this role."""
    scores: dict[tuple[str, str, tuple[int, ...]], float] = {}
    for family in found.families:
        for row in family.table.rows:
            block = found.blocks.get(family.full(row.row))
            if isinstance(block, Row) and (what := role(block)):
                scores.setdefault((what, block.encoder.name, tuple(family.table.seeds)), row.ccc)
    return scores


def everything(found: Found) -> Grid:
    """Every row of every family once: its cost, its Ĉ, and how far it is from three rows of the
    same encoder on the same seeds."""
    known = beside(found)
    rows = [
        _whole(found, family, row, family.full(row.row), known)
        for family in found.families
        for row in family.own
    ]
    roles = [f"over {what} (%)" for what in (VANILLA, MASKED, RRTN)]
    heads = ["views", "cost", "params (M)", "trained (M)", "Ĉ ± sd", *roles]
    label = (
        f"All {count(len(rows), 'row')}: what each costs, what it scores, and how far that is from "
        "the encoder alone, SpecAugment alone and RRTN."
    )
    first = [head("row", False), head("family", False)]
    return Grid(label, [*first, *map(head, heads), head("command", False)], rows)


def _whole(
    found: Found,
    family: FamilyResults,
    row: TableRow,
    full: str,
    known: dict[tuple[str, str, tuple[int, ...]], float],
) -> list[Entry]:
    block = found.blocks.get(full)
    views = len(block.views) if isinstance(block, Row) else None
    cells = [text(full.partition("/")[2]), text(family.name), figure(views, 0)]
    cells.append(_cost(found, family, row, views))
    cells += [figure(row.params / 1e6, 2), figure(row.params_trained / 1e6, 2)]
    cells.append(Entry(score(row), row.ccc, "num"))
    for what in (VANILLA, MASKED, RRTN):
        base = None
        if isinstance(block, Row):
            base = known.get((what, block.encoder.name, tuple(family.table.seeds)))
        gain = 100 * (row.ccc - base) / base if base else None
        own = role(block) == what
        cells.append(Entry("·", 0.0, "num") if own else figure(gain, 1, signed=True))
    return [*cells, Entry(command(full, block), None, "code")]


def _cost(found: Found, family: FamilyResults, row: TableRow, views: int | None) -> Entry:
    """Views times epochs, relative to a row of one view and the usual epochs."""
    epochs = family.statistics.get(row.row, {}).get("epochs")
    usual = [each["epochs"] for each in found.table2.statistics.values() if "epochs" in each]
    if views is None or not epochs or not usual:
        return figure(None, 0)
    cost = views * epochs / min(usual)
    return Entry(f"{number(cost, 1).removesuffix('.0')} ×", cost, "num")


def command(full: str, block: AnyRow | None) -> str:
    """What makes the row's cells anew."""
    family, _, name = full.partition("/")
    if family == TABLE2:
        return f"dvc repro train@{name}"
    stage = "train-after" if block is not None and block.after else "train"
    return f"dvc repro families/dvc.yaml:{stage}@{full}"


def made(found: Found, family: FamilyResults) -> list[str]:
    """Rows that are made and not trained, which have neither epochs nor views."""
    blocks = {row.row: found.blocks.get(family.full(row.row)) for row in family.table.rows}
    return [row for row, block in blocks.items() if isinstance(block, MadeRow)]
