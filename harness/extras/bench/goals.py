"""What was promised, and whether the numbers keep it; a number that is missing keeps nothing."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

Sections = dict[str, Any]
ENCODERS = ("resnet18", "cnn10", "cnn14")
REST = "ours without the encoder"  # the variant whose ratio is a share of our step
FLAT = 4.0  # KiB a clip more: its row in the table; its log-mel alone takes about 16


class Goal(NamedTuple):
    """`found` gives the value, or None; `limit` what stops it, shown beside it."""

    text: str
    bound: float
    at_least: bool
    found: Callable[[Sections], float | None]
    limit: Callable[[Sections], str] = lambda sections: ""


class Answer(NamedTuple):
    """met, not met or not measured; `value` is the number that was compared."""

    goal: str
    verdict: str
    value: float | None
    limit: str


def verdicts(sections: Sections) -> list[Answer]:
    """Every goal against the sections that were measured."""
    found = []
    for goal in GOALS:
        value = goal.found(sections)
        if value is None:
            verdict = "not measured"
        else:
            kept = value >= goal.bound if goal.at_least else value <= goal.bound
            verdict = "met" if kept else "not met"
        limit = goal.limit(sections) if verdict == "not met" else ""
        found.append(Answer(goal.text, verdict, value, limit))
    return found


def _cells(sections: Sections, encoders: tuple[str, ...], full: bool) -> list[dict[str, Any]]:
    """The CPU's cells of these encoders, at width 1 only if `full`; empty if one is missing."""
    cells = [
        cell
        for cell in sections.get("train", {}).get("cells", [])
        if cell["encoder"] in encoders and (cell["width"] == 1 or not full)
    ]
    if {cell["encoder"] for cell in cells} != set(encoders):
        return []
    return cells if full or len({cell["width"] for cell in cells}) > 1 else []


def _least(cells: list[dict[str, Any]], other: str, per_view: bool = False) -> float | None:
    """The smallest of our ratios over the variant `other`, whose best counts if there are more."""
    found = []
    for cell in cells:
        known = {n: r for n, r in cell["ours_over"].items() if n.split(",")[0] == other}
        if not known:
            return None
        views = cell["views_a_clip"]
        each = [r * views["ours"] / views[n] if per_view else r for n, r in known.items()]
        found.append(min(each))
    return min(found, default=None)


def _over_textbook(*encoders: str) -> Callable[[Sections], float | None]:
    return lambda sections: _least(_cells(sections, encoders, full=True), "textbook")


def _bare_over(other: str, *encoders: str) -> Callable[[Sections], str]:
    def limit(sections: Sections) -> str:
        found = []
        for cell in _cells(sections, encoders, full=True):
            views = cell["views_a_clip"]
            known = {n: r for n, r in cell["bare_over"].items() if n.split(",")[0] == other}
            found += [r * views["bare"] / views[n] for n, r in known.items()]
        return f"the bare limit is {min(found):.2f} × {other}, per view" if found else ""

    return limit


def _worst_bare(sections: Sections) -> str:
    cells = _cells(sections, ENCODERS, full=False)
    worst = min(cells, key=lambda cell: cell["ours_over"]["bare"])
    form = f"{'bf16' if worst['bare']['bf16'] else 'float32'}, {worst['bare']['layout']}"
    return (
        f"{worst['encoder']} × {worst['width']:g}, the limit in {form}; data, masks and losses, "
        f"which it lacks, are {worst['ours_over'][REST]:.0%} of our step"
    )


def _over(other: str) -> Callable[[Sections], float | None]:
    """Features over that variant, of whose ways the fastest counts."""

    def found(sections: Sections) -> float | None:
        section = sections.get("features", {})
        known = [r for n, r in section.get("ours_over", {}).items() if n.startswith(other)]
        return min(known, default=None)

    return found


def _decoding(sections: Sections) -> str:
    return f"ours has {_over('decoding')(sections):.2f} of the speed of decoding alone"


def _difference(sections: Sections) -> float | None:
    return max(sections.get("features", {}).get("largest_difference_db", {}).values(), default=None)


def _growth(sections: Sections) -> float | None:
    peaks = sections.get("features", {}).get("peak_mib", {})
    if not peaks or None in peaks.values():
        return None
    few, many = sorted(peaks, key=int)
    grown = peaks[many]["resident"] - peaks[few]["resident"]
    return float(1024 * grown / (int(many) - int(few)))


def _statistics(sections: Sections) -> Iterator[float]:
    for size in sections.get("statistics", {}).get("sizes", {}).values():
        yield size["ours_over"]["loop"]


def _dvc_alone(sections: Sections) -> str:
    alone = sections["pipeline"]["alone"]["dvc"]
    return f"all of it is DVC, which takes {alone:.1f} s to tell its version and checks every stage"


def _torch_alone(sections: Sections) -> str:
    alone = sections["pipeline"]["alone"]
    return (
        f"importing torch and its AdamW takes {alone['torch']:.1f} s, "
        f"DVC telling its version {alone['dvc']:.1f} s"
    )


def _cold_parts(sections: Sections) -> str:
    cold = sections["pipeline"]["cold"]
    return f"packages {cold['setup']:.0f} s, epochs {cold['epochs']:.0f} s of a core"


def _seconds(part: str) -> Callable[[Sections], float | None]:
    return lambda sections: sections.get("pipeline", {}).get(part, {}).get("seconds")


GOALS = (
    Goal(
        "train step over the bare limit, the least of all encoders and widths",
        0.95,
        True,
        lambda sections: _least(_cells(sections, ENCODERS, full=False), "bare"),
        _worst_bare,
    ),
    Goal(
        "train step over the textbook loop at width 1, CNN10 and CNN14",
        3,
        True,
        _over_textbook("cnn10", "cnn14"),
        _bare_over("textbook", "cnn10", "cnn14"),
    ),
    Goal(
        "train step over the textbook loop at width 1, ResNet-18",
        2,
        True,
        _over_textbook("resnet18"),
        _bare_over("textbook", "resnet18"),
    ),
    Goal(
        "train step over autrainer's at width 1, per view",
        2,
        True,
        lambda sections: _least(
            _cells(sections, ("cnn10", "cnn14"), full=True), "autrainer", per_view=True
        ),
        _bare_over("autrainer", "cnn10", "cnn14"),
    ),
    Goal("features over torchaudio, the fastest way", 2, True, _over("torchaudio"), _decoding),
    Goal("features over decoding alone in threads", 0.4, True, _over("decoding, threads")),
    Goal("largest difference from a peer's features, dB", 0.05, False, _difference),
    Goal("growth of the features' peak memory, KiB a clip", FLAT, False, _growth),
    Goal(
        "statistics over the loop, the least of all sizes",
        200,
        True,
        lambda sections: min(_statistics(sections), default=None),
    ),
    Goal("no-op dvc repro, s", 2, False, _seconds("no_op"), _dvc_alone),
    Goal("a cell's time outside its epochs, s", 3, False, _seconds("cell"), _torch_alone),
    Goal("cold make repro, s", 480, False, _seconds("cold"), _cold_parts),
)
