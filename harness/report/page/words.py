"""What came out, in words that are no stronger than the numbers."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from harness.config.rows import TABLE2
from harness.evaluation.columns import alpha
from harness.evaluation.table import Gain, Table, TableRow, shown_kinds

AHEAD, BEHIND = "ahead", "behind"  # Holm's p is small
ABOVE, BELOW, OPEN = "above 0", "below 0", "open"  # of the interval alone
UNTESTED = "no interval"
METHODS = {"rrtn": "RRTN with fixed weights", "rrtn-ruwl": "RRTN with RUWL"}
MADE = "synthetic"  # the corpus whose sounds are made


def verdict(gain: Gain, table: Table) -> str:
    """One of the words above."""
    if gain.gain is None or gain.gain_low is None or gain.gain_high is None:
        return UNTESTED
    if gain.p_holm is not None and gain.p_holm <= alpha(table):
        return AHEAD if gain.gain > 0 else BEHIND
    if gain.gain_low > 0:
        return ABOVE
    return BELOW if gain.gain_high < 0 else OPEN


def verdicts_mean(table: Table) -> str:
    """What the words say, in sentences."""
    small, percent = f"{alpha(table):g}", f"{100 * table.level:g} %"
    if table.covers is None:
        return "No gain has an interval, so no word stands beside one."
    over = "seeds and speakers" if "seeds" in table.covers else "speakers alone, for these seeds"
    return (
        f"ahead, behind: Holm's p is at most {small}. above 0, below 0: the {percent} interval, "
        f"which covers {over}, leaves out 0, and Holm's p is not small or not there. open: the "
        "interval holds 0, so that a gain and a loss are both possible."
    )


def percent(value: float) -> str:
    """A gain as text, with its sign: "+3.4"."""
    return f"{value:+.1f}"


def span(values: Iterable[float]) -> str:
    """ "-8.8 to +2.8 %", or "+2.8 %" where they are one."""
    low, high = percent(min(found := list(values))), percent(max(found))
    return f"{low} %" if low == high else f"{low} to {high} %"


def count(number: int, noun: str) -> str:
    """ "3 seeds", "1 seed"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def listed(names: Sequence[str]) -> str:
    """ "a, b and c"."""
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last


class Group(NamedTuple):
    """Rows of one method, each with its gain over its own baseline. `title`: the method's name."""

    title: str
    rows: list[tuple[TableRow, Gain]]


def groups(table: Table) -> list[Group]:
    """Of the first kind that the table shows; a method is what follows the baseline in a name."""
    kind = next(iter(shown_kinds(table)), "")
    found: dict[str, list[tuple[TableRow, Gain]]] = {}
    for row in table.rows:
        gain = row.against.get(kind)
        if gain and gain.gain is not None:
            own, base = row.row.split("/")[-1], gain.baseline.split("/")[-1]
            method = own.removeprefix(f"{base}-")
            found.setdefault(METHODS.get(method, method), []).append((row, gain))
    return [Group(title, rows) for title, rows in found.items()]


def lead(table: Table) -> tuple[str, str]:
    """The two sentences that the page begins with: what came out, and what that says of the
    paper."""
    return _outcome(table), _bearing(table)


def _outcome(table: Table) -> str:
    on = f"On the corpus {table.corpus} ({count(len(table.seeds), 'seed')}"
    on += f", {count(table.speakers, 'dev speaker')})" if table.speakers else ")"
    found = groups(table)
    if not found:
        scores = [row.ccc for row in table.rows]
        rows = count(len(scores), "row")
        return (
            f"{on}, {rows} score a Ĉ of {min(scores):.3f} to {max(scores):.3f}; none is compared."
        )
    clauses = [_clause(group, table) for group in found]
    return f"{on}, {'; '.join(clauses)}{_holm(table)}."


def _clause(group: Group, table: Table) -> str:
    """What one method does beside its baselines."""
    gains = [gain for _, gain in group.rows]
    extent = span(gain.gain for gain in gains if gain.gain is not None)
    places: dict[str, list[str]] = {}
    for gain in gains:
        word = {AHEAD: ABOVE, BEHIND: BELOW}.get(found := verdict(gain, table), found)
        places.setdefault(word, []).append(gain.baseline)
    alone = table.family == TABLE2 and group.title in METHODS.values()
    if len(places) > 1:
        words = [word for word in SAID if word in places]
        parts = [_part(word, places[word], alone, word == words[0]) for word in words]
        return f"{group.title} {listed(parts)} ({extent})"
    (word, names), many = next(iter(places.items())), len(gains) > 1
    base = "the encoder alone" if alone else listed(list(dict.fromkeys(names)))
    if alone and many:
        base += f" on any of the {len(names)} encoders" if word == OPEN else ""
        base += f" on all {len(names)} encoders" if word != OPEN else ""
    ends = "no interval" if word == UNTESTED else "every interval" if many else "the interval"
    return f"{group.title} {SAID[word]} {base} ({extent}, {ends}{ENDS[word]})"


SAID = {  # what a row does beside its baseline, by the verdict
    ABOVE: "scores above",
    BELOW: "scores below",
    OPEN: "is not told apart from",
    UNTESTED: "stands untested beside",
}
ENDS = {ABOVE: " above 0", BELOW: " below 0", OPEN: " holds 0", UNTESTED: ""}


def _part(word: str, names: list[str], alone: bool, first: bool) -> str:
    """ "scores below the encoder alone on cnn10"."""
    if not alone:
        return f"{SAID[word]} {listed(names)}"
    return f"{SAID[word]} {'the encoder alone' if first else 'it'} on {listed(names)}"


def _holm(table: Table) -> str:
    if table.covers and "seeds" not in table.covers:
        these = "this one seed" if len(table.seeds) == 1 else f"these {len(table.seeds)} seeds"
        return f"; the intervals are for {these}, and there is no p"
    if table.smallest_p is None or not table.comparisons:
        return ""
    gains = {
        frozenset((row.row, gain.baseline)): gain
        for row in table.rows
        for gain in row.against.values()
    }
    small = [verdict(gain, table) in (AHEAD, BEHIND) for gain in gains.values()]
    many = sum(small) or "none"
    keep = "keep" if sum(small) > 1 else "keeps"
    return (
        f"; {many} of the {count(table.comparisons, 'comparison')} {keep} "
        f"p ≤ {alpha(table):g} after Holm's correction"
    )


def _bearing(table: Table) -> str:
    printed = [
        (gain, paper)
        for row in table.rows
        for kind, gain in row.against.items()
        if kind == next(iter(shown_kinds(table)), "") and (paper := row.printed(kind)) is not None
    ]
    if table.corpus != table.paper_corpus:
        gains = (
            f"printed gains of {_plain(paper for _, paper in printed)}" if printed else "numbers"
        )
        data = (
            "The sounds are synthetic" if table.corpus == MADE else "The corpus is not the paper's"
        )
        return (
            f"{data}{_size(table)}, so that this says nothing against the paper's {gains} on "
            f"{table.paper_corpus}, nor for them."
        )
    if not printed:
        return "The corpus is the paper's, which prints none of these comparisons."
    held = sum(
        gain.gain_low is not None
        and gain.gain_high is not None
        and gain.gain_low <= paper <= gain.gain_high
        for gain, paper in printed
    )
    return (
        f"The paper prints gains of {_plain(paper for _, paper in printed)}: {held} of these "
        f"{len(printed)} lie within the interval found here."
    )


def _size(table: Table) -> str:
    """ " and the networks have 1/16 of the paper's width", where they are narrower."""
    ours, theirs = table.settings.get("width", (1.0, 1.0))
    if ours >= theirs:
        return ""
    inverse = theirs / ours
    share = f"1/{inverse:.0f}" if abs(inverse - round(inverse)) < 1e-6 else f"{ours / theirs:.2g}"
    return f" and the networks have {share} of the paper's width"


def _plain(values: Iterable[float]) -> str:
    """ "2.0 to 4.8 %": the paper prints no signs."""
    found = list(values)
    low, high = f"{min(found):.1f}", f"{max(found):.1f}"
    return f"{low} %" if low == high else f"{low} to {high} %"
