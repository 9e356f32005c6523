"""The pictures of the page, each with a sentence that says what it shows."""

import math
from collections.abc import Callable, Sequence
from statistics import fmean, stdev
from typing import Any, NamedTuple

from markupsafe import Markup

from harness.config.rows import Row
from harness.evaluation.table import Gain, TableRow, shown_kinds
from harness.report.page import svg
from harness.report.page.grids import Entry, minus, word
from harness.report.page.sources import Epochs, FamilyResults, Found, first_gain
from harness.report.page.words import percent, verdict

CROWD = 5  # rows of an encoder above which each has a panel of its own
WEIGHT, SCORE = "weight_", "dev_ccc"
FAR = 100  # times as much as another weight: then they are drawn on a logarithmic axis
TITLES = {
    "ccc": "CCC, clean view",
    "ccc_masked": "CCC, masked view",
    "barlow_twins": "Barlow Twins",
}
FEW = 120  # speakers up to which each has a dot


class Strip(NamedTuple):
    """A line of a picture: `name`, and `over` what; the drawing; what it says in numbers, and what
    the paper does."""

    name: str
    over: str
    drawing: Markup
    text: str
    paper: str = ""
    word: Entry | None = None


class Strips(NamedTuple):
    """Lines below one ruler. `keys`: class of a mark → what it is."""

    label: str
    lines: list[Strip]
    ruler: Markup
    keys: list[tuple[str, str]]


class Panel(NamedTuple):
    """A drawing, and (colour, name) of what is in it."""

    title: str
    drawing: Markup
    keys: list[tuple[int, str]]


def forest(family: FamilyResults) -> Strips:
    """Gains with their intervals and the paper's beside them; a pair of rows stands once."""
    table = family.table
    pairs = _comparisons(family)
    each = [value for row, kind, gain in pairs for value in _extent(row, kind, gain)]
    scale = svg.scale([0.0, *each], 2, 98, about=6)
    lines = []
    seen: set[str] = set()
    for row, kind, gain in pairs:
        printed, found = row.printed(kind), verdict(gain, table)
        parts, sentence = [svg.rule(scale.at(0))], f"{percent(gain.gain or 0)} %"
        if gain.detects_gain is not None:
            reach = scale.at(-gain.detects_gain), scale.at(gain.detects_gain)
            parts.append(svg.bar(*reach, "unseen"))
            seen.add("unseen")
        if gain.gain_low is not None and gain.gain_high is not None:
            parts.append(svg.bar(scale.at(gain.gain_low), scale.at(gain.gain_high), "span"))
            sentence += f" [{percent(gain.gain_low)}, {percent(gain.gain_high)}]"
        parts.append(svg.mark(scale.at(gain.gain or 0), "point"))
        if printed is not None:
            parts.append(svg.diamond(scale.at(printed)))
            seen.add("paper")
        label = f"{row.row} over {gain.baseline}: {sentence}, {found}"
        label += f"; the paper prints {percent(printed)} %" if printed is not None else ""
        lines.append(
            Strip(
                row.row,
                f"over {gain.baseline}",
                svg.strip(minus(label), parts),
                minus(sentence.replace(" %", "")),
                f"paper {percent(printed)}" if printed is not None else "",
                word(found),
            )
        )
    keys = [("point", "gain with its interval"), ("paper", "printed in the paper")]
    keys.append(("unseen", "smaller than this design detects four times of five"))
    kept = [key for key in keys if key[0] == "point" or key[0] in seen]
    above = sum(gain.gain is not None and gain.gain > 0 for _, _, gain in pairs)
    label = f"{len(pairs)} comparisons of the family {table.family}, {above} of them gains."
    return Strips(label, lines, svg.ruler(scale, "gain in Ĉ, %"), kept)


def _extent(row: TableRow, kind: str, gain: Gain) -> list[float]:
    ends = (gain.gain, gain.gain_low, gain.gain_high, row.printed(kind))
    return [value for value in ends if value is not None]


def _comparisons(family: FamilyResults) -> list[tuple[TableRow, str, Gain]]:
    table = family.table
    found: dict[tuple[str, str], tuple[TableRow, str, Gain]] = {}
    for kind in [*shown_kinds(table), *table.kinds]:
        for row in table.rows:
            gain = row.against.get(kind)
            if gain and gain.gain is not None:
                found.setdefault((row.row, gain.baseline), (row, kind, gain))
    return list(found.values())


def seeds(family: FamilyResults) -> Strips:
    """Every seed's Ĉ, a line a row."""
    each = {row.row: family.by_seed(row.row, row.selection) for row in family.table.rows}
    values = [value for found in each.values() for value in found.values()]
    scale = svg.scale(values, 2, 98, about=6)
    lines = []
    for row in family.table.rows:
        found = list(each[row.row].values())
        if not found:
            continue
        parts = [svg.mark(scale.at(value), "seed", 4) for value in found]
        parts.append(svg.mark(scale.at(fmean(found)), "middle", 2))
        text = f"{min(found):.3f} to {max(found):.3f}" if len(found) > 1 else f"{found[0]:.3f}"
        label = f"{row.row}: Ĉ of {len(found)} seeds, {text}"
        lines.append(Strip(row.row, "", svg.strip(minus(label), parts), minus(text)))
    label = f"Ĉ of every seed of {len(lines)} rows; the wider its dots, the more a seed decides."
    return Strips(label, lines, svg.ruler(scale, "Ĉ"), [("seed", "a seed"), ("middle", "mean")])


def speakers(family: FamilyResults) -> Strips:
    """What each dev speaker adds to a row's difference from its baseline."""
    each = {row: values for row, values in family.speakers.items() if len(values) > 1}
    rows = {row.row: row for row in family.table.rows}
    scale = svg.scale([0.0, *(value for found in each.values() for value in found)], 2, 98, about=6)
    lines = []
    for name, values in each.items():
        ordered = sorted(values)
        low, middle, high = (_quantile(ordered, share) for share in (0.25, 0.5, 0.75))
        parts = [svg.rule(scale.at(0)), svg.bar(scale.at(low), scale.at(high), "half")]
        if len(values) <= FEW:
            parts += [svg.mark(scale.at(value), "speaker", 2.5) for value in ordered]
        else:
            parts.append(svg.bar(scale.at(ordered[0]), scale.at(ordered[-1]), "span"))
        parts.append(svg.mark(scale.at(middle), "middle", 2.5))
        up = sum(value > 0 for value in values)
        gain = first_gain(rows[name], family.table)
        base = gain.baseline if gain else ""
        text = f"{up} of {len(values)} above 0"
        label = f"{name} over {base}: {text}"
        lines.append(Strip(name, f"over {base}", svg.strip(minus(label), parts), text))
    keys = [("speaker", "a speaker"), ("half", "half of the speakers"), ("middle", "median")]
    label = "What each dev speaker adds to the difference of Ĉ, a line a comparison."
    return Strips(label, lines, svg.ruler(scale, "difference of Ĉ"), keys)


def _quantile(ordered: Sequence[float], share: float) -> float:
    """Linear between the order statistics."""
    at = share * (len(ordered) - 1)
    below = min(int(at), len(ordered) - 2)
    return ordered[below] + (at - below) * (ordered[below + 1] - ordered[below])


# Learning curves


class Best(NamedTuple):
    """A row's mean curve at its best: the epoch, its Ĉ there, and each seed's own best epoch."""

    epoch: int
    score: float
    epochs: list[int]


def mean_curve(cells: dict[int, Epochs]) -> list[tuple[float, float, float | None]]:
    """Epoch, mean Ĉ over the seeds that were scored in it, and their sd; the epochs in order."""
    found: dict[float, list[float]] = {}
    for epochs in cells.values():
        for line in epochs:
            if SCORE in line:
                found.setdefault(line["epoch"], []).append(line[SCORE])
    return [
        (epoch, fmean(values), stdev(values) if len(values) > 1 else None)
        for epoch, values in sorted(found.items())
    ]


def best(cells: dict[int, Epochs]) -> Best | None:
    """None for a row that has no curve."""
    curve = mean_curve(cells)
    if not curve:
        return None
    epoch, score, _ = max(curve, key=lambda point: point[1])
    scored = [[line for line in epochs if SCORE in line] for epochs in cells.values()]
    each = [max(lines, key=lambda line: line[SCORE])["epoch"] for lines in scored if lines]
    return Best(int(epoch), score, [int(number) for number in each])


def curves(family: FamilyResults, found: Found) -> list[Panel]:
    """Dev Ĉ over epochs: a panel an encoder, or a panel a row where an encoder has many."""
    groups: dict[str, list[TableRow]] = {}
    for row in family.table.rows:
        block = found.blocks.get(family.full(row.row))
        if mean_curve(family.history.get(row.row, {})):
            encoder = block.encoder.name if isinstance(block, Row) else row.row
            groups.setdefault(encoder, []).append(row)
    every = [
        point
        for rows in groups.values()
        for row in rows
        for point in mean_curve(family.history[row.row])
    ]
    scores = [value + side * (sd or 0) for _, value, sd in every for side in (-1, 1)]
    named = {row.row: row for rows in groups.values() for row in rows}
    panels = []
    for encoder, rows in groups.items():
        if len(rows) <= CROWD:
            panels.append(_curves(family, encoder, list(enumerate(rows)), scores))
            continue
        for row in rows:
            base = next((named.get(g.baseline) for g in row.against.values()), None)
            if base or (row.row.count("/") == 0 and not row.against):
                pair = [(0, base), (1, row)] if base else [(1, row)]
                panels.append(_curves(family, row.row, pair, scores))
    return panels


def _curves(
    family: FamilyResults,
    title: str,
    rows: Sequence[tuple[int, TableRow | None]],
    scores: list[float],
) -> Panel:
    there = [(colour, row) for colour, row in rows if row is not None]
    lines = {row.row: mean_curve(family.history[row.row]) for _, row in there}
    epochs = [epoch for line in lines.values() for epoch, _, _ in line]
    drawn = svg.axes(epochs, scores, whole=True)
    last = there[-1][1]
    parts, told = [], []
    if last.selection in ("late", "last"):
        end = max(epoch for epoch, _, _ in lines[last.row])
        parts.append(svg.shade(drawn, end - last.averaged + 0.5, end))
    for colour, row in there:
        line = lines[row.row]
        if any(sd for _, _, sd in line):
            low = [(epoch, value - (sd or 0)) for epoch, value, sd in line]
            high = [(epoch, value + (sd or 0)) for epoch, value, sd in line]
            parts.append(svg.band(drawn, low, high, colour))
    for colour, row in there:
        line = lines[row.row]
        top = max(line, key=lambda point: point[1])
        parts.append(svg.line(drawn, [(epoch, value) for epoch, value, _ in line], colour))
        parts.append(svg.dot(drawn, top[:2], colour))
        told.append(f"{row.row} is highest at epoch {top[0]:.0f}, {top[1]:.3f}")
    label = f"Dev Ĉ over epochs, mean over seeds: {'; '.join(told)}."
    return Panel(title, svg.frame(drawn, label, "epoch", parts), [(c, row.row) for c, row in there])


# Weights


def weights(family: FamilyResults, found: Found) -> list[Panel]:
    """The factor of every loss at the ends of the epochs, of own rows whose weights move.

    A loss has one colour in the whole family.
    """
    moving = {row.row: columns for row in family.own if (columns := _moving(family, found, row))}
    every = list(dict.fromkeys(column for columns in moving.values() for column in columns))
    colours = {column: (place + 1) % svg.COLOURS for place, column in enumerate(every)}
    if len(every) > svg.COLOURS:  # too many to be told apart
        colours = dict.fromkeys(every, 1)
    return [
        _weights(row, family.history[row], {column: colours[column] for column in columns})
        for row, columns in moving.items()
    ]


def _moving(family: FamilyResults, found: Found, row: TableRow) -> list[str]:
    """The columns of a row's weights where there are several and any moves in a cell."""
    cells, block = family.history.get(row.row, {}), found.blocks.get(family.full(row.row))
    names = dict.fromkeys(key for epochs in cells.values() for line in epochs for key in line)
    columns = [name for name in names if name.startswith(WEIGHT)]
    if isinstance(block, Row) and len(block.terms) == 1:  # the weight of one term moves nothing
        alone = WEIGHT + block.terms[0].name.rpartition(".")[2]
        columns = [name for name in columns if name != alone]
    moves = any(
        len({line[name] for line in epochs if name in line}) > 1
        for name in columns
        for epochs in cells.values()
    )
    return columns if moves and len(columns) > 1 else []


def _weights(name: str, cells: dict[int, Epochs], colours: dict[str, int]) -> Panel:
    lines = [line for epochs in cells.values() for line in epochs]
    values = [line[column] for line in lines for column in colours if column in line]
    positive = [value for value in values if value > 0]
    log = bool(positive) and max(positive) / min(positive) > FAR
    drawn = svg.axes([line["epoch"] for line in lines], values, log, whole=True)
    parts, ends = [], []
    for column, colour in colours.items():
        for epochs in cells.values():
            points = [(line["epoch"], line[column]) for line in epochs if column in line]
            if points:
                parts.append(svg.line(drawn, points, colour, thin=True))
        last = [epochs[-1][column] for epochs in cells.values() if column in epochs[-1]]
        if last:
            ends.append(f"{loss(column)} {fmean(last):.3g}")
    label = f"Weight of each loss of {name} over the epochs; at the end {', '.join(ends)}."
    alike = len({*colours.values()}) < len(colours)
    keys = [(colour, loss(column)) for column, colour in colours.items()]
    keys = [(1, "a loss")] if alike else keys
    return Panel(name, svg.frame(drawn, label, "epoch", parts), keys)


def loss(column: str) -> str:
    """A loss's name from its column."""
    name = column.removeprefix(WEIGHT)
    return TITLES.get(name, name)


# The corpus


def histograms(targets: dict[str, Any]) -> list[Panel]:
    """Of each target, the shares of the clips of each split, on a square-root axis."""
    root: Callable[[float], float] = math.sqrt
    shares = {
        name: {
            split: [number / max(sum(counts), 1) for number in counts]
            for split, counts in of["histogram"].items()
        }
        for name, of in targets.items()
    }
    top = max(
        (share for of in shares.values() for counts in of.values() for share in counts), default=1.0
    )
    panels = []
    for name, of in shares.items():
        x = svg.Scale(0, 1, svg.LEFT, svg.RIGHT)
        drawn = svg.Axes(x, svg.Scale(0, root(top) or 1.0, svg.BOTTOM, svg.TOP))
        parts, told = [], []
        for colour, (split, counts) in enumerate(of.items(), start=1):
            points = []
            for number, share in enumerate(counts):
                points += [(number / len(counts), root(share))]
                points += [((number + 1) / len(counts), root(share))]
            parts.append(svg.line(drawn, points, colour))
            low, high = (f"{100 * share:.0f} %" for share in (counts[0], counts[-1]))
            told.append(f"{split} {low} in the lowest bin, {high} in the highest")
        label = f"Histogram of {name}: {'; '.join(told)}."
        panels.append(Panel(name, _rooted(drawn, label, parts, top), list(enumerate(of, start=1))))
    return panels


def _rooted(drawn: svg.Axes, label: str, parts: Sequence[Markup], top: float) -> Markup:
    """The frame with ticks at shares whose square roots are the places."""
    ticks = [share for share in (0.01, 0.05, 0.1, 0.2, 0.5, 1.0) if share <= top]
    grid = [
        Markup(
            '<path class="grid" d="M{} {}H{}"/><text x="{}" y="{}" text-anchor="end">{}</text>'
        ).format(
            svg.place(svg.LEFT),
            svg.place(drawn.y.at(math.sqrt(share))),
            svg.place(svg.RIGHT),
            svg.place(svg.LEFT - 5),
            svg.place(drawn.y.at(math.sqrt(share)) + 3.5),
            f"{100 * share:g} %",
        )
        for share in ticks
    ]

    return svg.frame(drawn, label, "target", [*grid, *parts], ticks=False)
