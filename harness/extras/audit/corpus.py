"""Table 1 and the text's totals: which of the corpus's numbers add up."""

from harness.extras.audit.finding import CONDITION, FAILS, HOLDS, Finding
from harness.extras.audit.rounding import Span, inside, overlap, span
from harness.paper import Paper, Table1Row

COUNTRY = "speakers_"  # rows of Table 1 that split its speakers
ROUNDED = "minutes"  # the row that is rounded; the others count
THIRD = "a test set that Table 1 leaves out"  # behind what holds only if there is one
EQUAL = 0.15  # how far apart "three equal size sets" may be to be called so, of the largest


def corpus_findings(paper: Paper) -> list[Finding]:
    """Totals over the sets, speakers by country, and what the text's totals leave for the test
    set."""
    rows = [name for name in paper.table1 if not name.startswith(COUNTRY)]
    return [
        *(_total(name, paper.table1[name]) for name in rows),
        *(_countries(paper, split) for split in ("train", "validation")),
        *(_text_total(paper, name) for name in (ROUNDED, "speakers")),
        _equal_sets(paper),
    ]


def _rounded(ends: Span) -> str:
    """What rounding leaves open of a sum, in brackets; nothing for counts."""
    return "" if ends[0] == ends[1] else f" ({ends[0]:,.1f} to {ends[1]:,.1f})"


def _spans(name: str, counts: Table1Row) -> tuple[Span, Span, Span]:
    """Train, validation and total as intervals, of no width where the row counts."""
    one, two, three = (
        (cell.value, cell.value) if name != ROUNDED else span(cell)
        for cell in (counts.train, counts.validation, counts.total or counts.train)
    )
    return one, two, three


def _total(name: str, counts: Table1Row) -> Finding:
    where, place = f"Table 1, Σ of {name}", f"table1.{name}"
    numbers = tuple(f"{place}.{cell}" for cell in ("train", "validation", "total"))
    if counts.total is None:
        return Finding(place, where, HOLDS, "No total is printed.", "–", numbers[:2])
    train, validation, total = _spans(name, counts)
    added = (train[0] + validation[0], train[1] + validation[1])
    rest = counts.total.value - counts.train.value - counts.validation.value
    sizes = (counts.train.value, counts.validation.value, rest)
    calculation = f"{sizes[0]:,.0f} + {sizes[1]:,.0f} = {sum(sizes[:2]):,.0f}"
    calculation += f"{_rounded(added)}, Σ prints {counts.total.value:,.0f}"
    values: dict[str, float | int | None] = {"sum": sum(sizes[:2]), "rest": rest}
    if overlap(added, total):
        sentence, verdict = "The total is that of the two sets printed beside it.", HOLDS
    elif rest > 0 and _spread(sizes) <= EQUAL:
        calculation += f"; {counts.total.value:,.0f} − both = {rest:,.0f}"
        verdict = CONDITION
        sentence = (
            f"this total includes a third set of {rest:,.0f}, about as large as the other two: the "
            "test set, which is no column of the table."
        )
    else:
        verdict = FAILS
        sentence = "The total is neither that of the two sets nor that of three equal ones."
    blamed = numbers[2:] if verdict == CONDITION else numbers
    cause = {HOLDS: "", CONDITION: THIRD, FAILS: f"the total of {name}"}[verdict]
    return Finding(place, where, verdict, sentence, calculation, blamed, values, cause)


def _countries(paper: Paper, split: str) -> Finding:
    names = [name for name in paper.table1 if name.startswith(COUNTRY)]
    each = [int(getattr(paper.table1[name], split).value) for name in names]
    printed = int(getattr(paper.table1["speakers"], split).value)
    over = sum(each) - printed
    if over == 0:
        verdict, sentence = HOLDS, "The countries add up to the speakers."
    elif over > 0:
        verdict = FAILS
        sentence = (
            f"The countries add up to {over} more than the speakers of this set: a number is "
            f"wrong, unless {over} speakers are counted under two countries."
        )
    else:
        verdict = FAILS
        sentence = f"{-over} speakers are of no country that is printed, or a number is wrong."
    other = "validation" if split == "train" else "train"
    if each == [int(getattr(paper.table1[name], other).value) for name in names]:
        sentence += f" The column is the same as for the {other} set."
    return Finding(
        f"table1.countries.{split}",
        f"Table 1, speakers by country, {split}",
        verdict,
        sentence,
        f"{' + '.join(map(str, each))} = {sum(each)}, Speakers prints {printed}",
        tuple(f"table1.{name}.{split}" for name in ("speakers", *names)),
        {"sum": sum(each), "printed": printed},
        "" if verdict == HOLDS else f"the {split} speakers by country",
    )


def _rest(paper: Paper, name: str) -> tuple[Span, float]:
    """What a total of the text leaves for the test set: over rounding, and as printed."""
    total = getattr(paper.corpus_totals, name)
    train, validation, _ = _spans(name, paper.table1[name])
    whole = span(total) if name == ROUNDED else (total.value, total.value)
    rest = (whole[0] - train[1] - validation[1], whole[1] - train[0] - validation[0])
    counts = paper.table1[name]
    return rest, total.value - counts.train.value - counts.validation.value


def _text_total(paper: Paper, name: str) -> Finding:
    counts, total = paper.table1[name], getattr(paper.corpus_totals, name)
    over_rounding, rest = _rest(paper, name)
    both = counts.train.value + counts.validation.value
    calculation = f"{total.value:,.0f} − {both:,.0f} = {rest:,.0f}"
    calculation += _rounded(over_rounding)
    clips = paper.table1["clips"]
    if name == ROUNDED and clips.total is not None:
        left = clips.total.value - clips.train.value - clips.validation.value
        pairs = [
            (counts.train.value, clips.train.value),
            (counts.validation.value, clips.validation.value),
            (rest, left),
        ]
        seconds = [f"{60 * minutes / number:.2f}" for minutes, number in pairs if number > 0]
        calculation += f"; seconds per clip {', '.join(seconds)}"
    if inside(0, over_rounding):
        verdict, sentence = HOLDS, "The text counts the same two sets as the table."
    elif rest > 0 and _spread((counts.train.value, counts.validation.value, rest)) <= EQUAL:
        verdict = CONDITION
        sentence = f"the test set, of which Table 1 says nothing, has {rest:,.0f} {name}."
    else:
        verdict = FAILS
        sentence = f"Leaves {rest:,.0f} {name} for a test set that is to be as large as the others."
    return Finding(
        f"corpus_totals.{name}",
        f"§{paper.corpus_totals.section}, {total.value:,.0f} {name}",
        verdict,
        sentence,
        calculation,
        (f"corpus_totals.{name}",),
        {"rest": rest},
        {HOLDS: "", CONDITION: THIRD, FAILS: f"the text's total of {name}"}[verdict],
    )


def _spread(sizes: tuple[float, ...]) -> float:
    """How much smaller the smallest is than the largest, as a share of the largest."""
    return 1 - min(sizes) / max(sizes)


def _equal_sets(paper: Paper) -> Finding:
    """ "Three equal size sets", by each of what is counted."""
    clips, spreads, texts = paper.table1["clips"], {}, []
    third = {name: _rest(paper, name)[1] for name in (ROUNDED, "speakers")}
    if clips.total is not None:
        third["clips"] = clips.total.value - clips.train.value - clips.validation.value
    for name, rest in third.items():
        sizes = (paper.table1[name].train.value, paper.table1[name].validation.value, rest)
        spreads[name] = _spread(sizes)
        listed = " / ".join(f"{size:,.0f}" for size in sizes)
        texts.append(f"{name} {listed}, {100 * spreads[name]:.1f} % apart")
    if max(spreads.values()) == 0:
        verdict, sentence = HOLDS, "The three sets are equal."
    elif max(spreads.values()) <= EQUAL:
        verdict = CONDITION
        least, most = (f(spreads, key=spreads.__getitem__) for f in (min, max))
        sentence = (
            f"'equal' allows {100 * spreads[least]:.1f} % by {least} and "
            f"{100 * spreads[most]:.1f} % by {most}."
        )
    else:
        verdict, sentence = FAILS, f"The sets differ by more than {100 * EQUAL:.0f} %."
    return Finding(
        "corpus_totals.equal-sets",
        f"§{paper.corpus_totals.section}, 'three equal size sets'",
        verdict,
        sentence,
        "; ".join(texts),
        (),
        {f"{name}_apart": share for name, share in spreads.items()},
        {HOLDS: "", CONDITION: THIRD, FAILS: "the sizes of the sets"}[verdict],
    )
