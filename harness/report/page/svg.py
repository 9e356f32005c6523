"""Lines, bands and axes as SVG text without ids, colours or fonts of its own: the page's style
gives them, for a light and a dark page. The same numbers give the same text on every machine.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup, escape

Points = Sequence[tuple[float, float]]
STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
COLOURS = 13  # that the style has: classes c0 (grey) to c12


class Scale(NamedTuple):
    """From values to places: `low` … `high` become `start` … `end`; `log`: of their logarithms."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def at(self, value: float) -> float:
        """The place of a value, clipped to the scale."""
        low, high, here = self.low, self.high, min(max(value, self.low), self.high)
        if self.log:
            low, high, here = math.log10(low), math.log10(high), math.log10(here)
        return self.start + (self.end - self.start) * ((here - low) / (high - low))

    def ticks(self, about: int = 5) -> list[float]:
        """Round values within it; powers of ten where it is logarithmic."""
        if self.log:
            powers = range(math.ceil(math.log10(self.low)), math.floor(math.log10(self.high)) + 1)
            every = -(-len(powers) // about) or 1
            return [10.0**power for power in powers if power % every == 0]
        step = _step(self.high - self.low, about)
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [round(step * number, 10) for number in range(first, last + 1)]


def scale(
    values: Sequence[float], start: float, end: float, log: bool = False, about: int = 5
) -> Scale:
    """One that holds all values and ends at ticks; some scale where there are none."""
    found = [value for value in values if math.isfinite(value) and (value > 0 or not log)]
    if log:
        low, high = min(found, default=0.1), max(found, default=1.0)
        # room for a line that lies just on a power of ten
        low, high = 10.0 ** math.floor(math.log10(low) - 0.2), 10.0 ** math.ceil(math.log10(high))
        return Scale(low, high if high > low else 10 * low, start, end, True)
    low, high = min(found, default=0.0), max(found, default=1.0)
    if high - low < 1e-9:
        low, high = low - 0.5 * (abs(low) or 1), high + 0.5 * (abs(high) or 1)
    step = _step(high - low, about)
    return Scale(
        round(math.floor(low / step + 1e-9) * step, 10),
        round(math.ceil(high / step - 1e-9) * step, 10),
        start,
        end,
    )


def _step(extent: float, about: int) -> float:
    raw = extent / about
    power = 10.0 ** math.floor(math.log10(raw))
    return next(step * power for step in STEPS if step * power >= raw * (1 - 1e-9))


def short(value: float) -> str:
    """A tick's label, with a true minus: "0.25", and "1e−4" for what is small or large."""
    if value and not 0.001 <= abs(value) < 1e5:
        power = math.floor(math.log10(abs(value)) + 1e-9)
        return f"{value / 10.0**power:g}e{power}".replace("-", "−")
    return f"{value:g}".replace("-", "−")


def place(value: float) -> str:
    """A coordinate with one decimal, and none where it is whole."""
    text = f"{value:.1f}"
    return "0" if text == "-0.0" else text.removesuffix(".0")


def path(points: Points) -> str:
    """ "M1 2L3 4" of places."""
    return "M" + "L".join(f"{place(x)} {place(y)}" for x, y in points)


class Axes(NamedTuple):
    """A panel of 300 × 190 with its two scales."""

    x: Scale
    y: Scale


WIDE, HIGH = 300.0, 190.0
LEFT, RIGHT, TOP, BOTTOM = 38.0, 294.0, 10.0, 166.0


def axes(xs: Sequence[float], ys: Sequence[float], log: bool = False, whole: bool = False) -> Axes:
    """`whole`: x is a count and has no tick between two whole numbers; its ends are its values'."""
    if whole:
        low, high = min(xs, default=0.0), max(xs, default=1.0)
        x = Scale(low, high if high > low else low + 1, LEFT, RIGHT)
    else:
        x = scale(xs, LEFT, RIGHT)
    return Axes(x, scale(ys, BOTTOM, TOP, log))


def frame(
    drawn: Axes, label: str, below: str, parts: Sequence[Markup], ticks: bool = True
) -> Markup:
    """The panel as an <svg> with its ticks. `label`: what it shows, in a sentence; `below`: what
    the x axis is; `ticks`: whether y has its own."""
    grid, texts = [], []
    for tick in drawn.y.ticks(4) if ticks else ():
        at = place(drawn.y.at(tick))
        grid.append(f"M{place(LEFT)} {at}H{place(RIGHT)}")
        texts.append(_text(LEFT - 5, drawn.y.at(tick) + 3.5, short(tick), "end"))
    for tick in (tick for tick in drawn.x.ticks(6) if tick == round(tick, 2)):
        if below == "epoch" and tick != int(tick):
            continue
        texts.append(_text(drawn.x.at(tick), BOTTOM + 13, short(tick), "middle"))
    texts.append(_text((LEFT + RIGHT) / 2, HIGH - 1, below, "middle"))
    return Markup(
        '<svg class="panel" viewBox="0 0 300 190" role="img" aria-label="{}">'
        '<path class="grid" d="{}"/>{}{}</svg>'
    ).format(label, "".join(grid), Markup("").join(parts), Markup("").join(texts))


def _text(x: float, y: float, text: str, anchor: str) -> Markup:
    return Markup('<text x="{}" y="{}" text-anchor="{}">{}</text>').format(
        place(x), place(y), anchor, text
    )


def line(drawn: Axes, points: Points, colour: int, thin: bool = False) -> Markup:
    """Through points in values; of a single point a dot."""
    at = [(drawn.x.at(x), drawn.y.at(y)) for x, y in points]
    if len(at) == 1:
        return dot(drawn, points[0], colour, small=True)
    kind = "thin" if thin else "line"
    return Markup('<path class="{} c{}" d="{}"/>').format(kind, colour, path(at))


def band(drawn: Axes, low: Points, high: Points, colour: int) -> Markup:
    """Between two lines."""
    around = [*low, *reversed(high)]
    at = [(drawn.x.at(x), drawn.y.at(y)) for x, y in around]
    return Markup('<path class="band c{}" d="{}Z"/>').format(colour, path(at))


def dot(drawn: Axes, point: tuple[float, float], colour: int, small: bool = False) -> Markup:
    """A mark on a line."""
    return Markup('<circle class="dot c{}" cx="{}" cy="{}" r="{}"/>').format(
        colour, place(drawn.x.at(point[0])), place(drawn.y.at(point[1])), "2" if small else "3.6"
    )


def shade(drawn: Axes, low: float, high: float) -> Markup:
    """A stretch of x."""
    start, end = drawn.x.at(low), drawn.x.at(high)
    return Markup('<path class="shade" d="M{0} {2}H{1}V{3}H{0}Z"/>').format(
        place(start), place(end), place(TOP), place(BOTTOM)
    )


def strip(label: str, parts: Sequence[Markup], high: int = 22) -> Markup:
    """A line as wide as its cell, with places in percent, so that nothing in it is stretched."""
    return Markup(
        '<svg class="strip" width="100%" height="{}" role="img" aria-label="{}">{}</svg>'
    ).format(high, label, Markup("").join(parts))


def rule(at: float) -> Markup:
    """An upright line through a strip, where 0 is."""
    return Markup('<line class="zero" x1="{0}%" x2="{0}%" y1="0" y2="100%"/>').format(place(at))


def bar(start: float, end: float, kind: str) -> Markup:
    """A level line or block of a strip; `kind`: a class."""
    if kind == "span":
        return Markup('<line class="span" x1="{}%" x2="{}%" y1="50%" y2="50%"/>').format(
            place(start), place(end)
        )
    return Markup('<rect class="{}" x="{}%" width="{}%" y="20%" height="60%"/>').format(
        kind, place(start), place(end - start)
    )


def mark(at: float, kind: str, radius: float = 4.5) -> Markup:
    """A circle on a strip; `kind`: a class."""
    return Markup('<circle class="{}" cx="{}%" cy="50%" r="{}"/>').format(
        kind, place(at), place(radius)
    )


def diamond(at: float) -> Markup:
    """What the paper prints, on a strip."""
    return Markup(
        '<svg x="{}%" y="50%" overflow="visible">'
        '<path class="paper" d="M0-5.5L5.5 0L0 5.5L-5.5 0Z"/></svg>'
    ).format(place(at))


def ruler(of: Scale, unit: str) -> Markup:
    """The ticks of strips, which stand above or below them; `of`: a scale from 0 to 100."""
    texts = [
        Markup('<text x="{}%" y="12" text-anchor="middle">{}</text>').format(
            place(of.at(tick)), short(tick)
        )
        for tick in of.ticks(6)
    ]
    return Markup(
        '<svg class="strip ruler" width="100%" height="16" aria-hidden="true">{}</svg>'
    ).format(Markup("").join(texts)) + Markup('<span class="unit">{}</span>').format(escape(unit))
