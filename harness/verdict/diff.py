"""harness diff: two git revisions, or one and the working tree: params, Ĉ and verdicts.

Files are read with `git show`: `dvc metrics diff --targets FILE A B` takes A and B for targets and
prints nothing, and without tolerances every rounding is a difference.
"""

import argparse
import json
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any

from tabulate import tabulate

from harness.config.rows import TABLE2
from harness.config.strict import mapping
from harness.config.tolerances import Tolerances, read_tolerances
from harness.errors import RunError
from harness.paper import Paper, read_paper
from harness.verdict.judgement import Expected, Moved, compare, unmoved
from harness.verdict.profiles import expectation, stale_rows
from harness.verdict.recipes import Recipes, flat
from harness.verdict.results import BrokenError, Results, read_results, scores_in
from harness.verdict.revisions import Folder, Revision, Tree, write
from harness.verdict.staleness import Staleness, staleness

PARAMS = ("params.yaml", "rows.yaml", "tolerances.yaml", "profiles/*.yaml", "profiles/*/*.yaml")
ABSENT = "–"


@dataclass(frozen=True)
class Change:
    """A line of the table. `kind`: "param" or "metric"; `difference` and verdicts of metrics only.

    `place`: the file, or profile and family; `key`: the dotted key, or the row whose Ĉ it is.
    """

    kind: str
    place: str
    key: str
    old: Any
    new: Any
    difference: float | None = None
    old_verdict: str | None = None
    new_verdict: str | None = None

    @property
    def differs(self) -> bool:
        return _differ(self.old, self.new) or self.old_verdict != self.new_verdict


@dataclass
class Side:
    """A tree, and what its locks say; `fault` is why they, and `faults` why results, cannot be
    read."""

    tree: Tree
    gate: Staleness | None
    fault: str | None
    faults: list[str] = field(default_factory=list)

    @property
    def profile(self) -> str:
        return str((_yaml(self.tree, "params.yaml") or {}).get("profile"))


def diff(options: argparse.Namespace) -> bool:
    """Print what differs and write the files asked for; True when anything does."""
    trees = [Revision(name) if name else Folder() for name in (options.revision, options.other)]
    changed = params(*trees)  # first, for what is no YAML is said best here
    old, new = map(_side, trees)
    changes = [*changed, *metrics(old, new, read_tolerances(), read_paper())]
    notes = [
        f"{side.tree.name}: {fault}"
        for side in (old, new)
        for fault in [*([side.fault] if side.fault else []), *side.faults]
    ]
    names = (old.tree.name, new.tree.name)
    if options.json:
        found = {"old": names[0], "new": names[1], "changes": [asdict(c) for c in changes]}
        found["notes"] = notes
        write(options.json, json.dumps(found, indent=2, ensure_ascii=False, default=str) + "\n")
    if options.md:
        write(options.md, text(changes, names, notes, "github"))
    print(text(changes, names, notes), end="")
    return any(change.differs for change in changes)


def _side(tree: Tree) -> Side:
    try:
        revision = tree.name if isinstance(tree, Revision) else None
        return Side(tree, staleness(revision=revision), None)
    except RunError as error:
        return Side(tree, None, str(error))


def params(old: Tree, new: Tree) -> list[Change]:
    """The parameters that differ, of every params file, as dotted keys; a list is one value."""
    files = {path for tree in (old, new) for pattern in PARAMS for path in tree.files(pattern)}
    found = []
    for file in sorted(files):
        before, after = (flat(_yaml(tree, file)) for tree in (old, new))
        for key in dict.fromkeys([*before, *after]):
            values = before.get(key, ABSENT), after.get(key, ABSENT)
            if _differ(*values):
                found.append(Change("param", file, key, *values))
    return found


def metrics(old: Side, new: Side, tolerances: Tolerances, paper: Paper) -> list[Change]:
    """Ĉ of every row in results/<profile>/<family>/metrics.json, with its verdict on each side.

    Table 2 on the paper's corpus is judged against the paper; all else against the old revision.
    """
    pattern, recipes = "results/*/*/metrics.json", Recipes(old.tree, new.tree)
    files = sorted({path for side in (old, new) for path in side.tree.files(pattern)})
    found = []
    for file in files:
        _, name, family, _ = file.split("/")
        results = [_results(side, name, family) for side in (old, new)]
        either = results[1] or results[0]
        expected, of_paper = expectation(name, family, either, results[0], paper)
        allowed = tolerances.paper if of_paper else tolerances.reference
        moved = unmoved if of_paper else partial(recipes.difference, name, family)
        verdicts = [
            _verdicts(side, name, family, of_side, expected, allowed, tolerances, of_rows)
            for side, of_side, of_rows in zip((old, new), results, (unmoved, moved), strict=True)
        ]
        scores = [
            scores_in(side.tree.read(file) or "{}", f"{side.tree.name}: {file}", family)
            for side in (old, new)
        ]
        place = name if family == TABLE2 else f"{name}/{family}"
        for row in dict.fromkeys([*scores[0], *scores[1]]):
            if "/" in row:  # of another family
                continue
            before, after = (of_side.get(row) for of_side in scores)
            change = None if before is None or after is None else after - before
            judged = [of_side.get(row) for of_side in verdicts]
            found.append(Change("metric", place, row, before, after, change, *judged))
    return found


def _results(side: Side, name: str, family: str) -> Results | None:
    try:
        return read_results(side.tree.read, f"results/{name}", family)
    except BrokenError as error:
        raise BrokenError(f"{side.tree.name}: {error}") from None
    except RunError as error:  # a file is missing
        side.faults.append(str(error))
        return None


def _verdicts(
    side: Side,
    name: str,
    family: str,
    results: Results | None,
    expected: Expected,
    allowed: Any,
    tolerances: Tolerances,
    moved: Moved,
) -> dict[str, str]:
    gate = side.gate if side.profile == name else None
    stale = stale_rows(gate, name, family, list(expected))
    if side.profile == name and side.fault:
        stale = dict.fromkeys(expected, side.fault)
    scores = {row: {"ccc": cells["ccc"]} for row, cells in expected.items() if "ccc" in cells}
    judged = compare(results, scores, allowed, tolerances.spread, stale, moved)
    return {one.row: one.verdict.value for one in judged}


def text(
    changes: list[Change], names: tuple[str, str], notes: list[str], form: str = "simple"
) -> str:
    """One table for people, plain or "github", and what its verdicts are about."""
    headers = ["of", "key", *names, "difference", *(f"verdict, {name}" for name in names)]
    lines = [
        [
            change.place,
            change.key if change.kind == "param" else f"Ĉ {change.key}",
            *_pair(change.old, change.new),
            _difference(change.difference),
            change.old_verdict or "",
            change.new_verdict or "",
        ]
        for change in changes
    ]
    align = ("left", "left", *["right"] * 3, "left", "left")
    table = tabulate(lines, headers, form, disable_numparse=True, colalign=align if lines else None)
    count = sum(change.kind == "param" for change in changes)
    differ = "parameter differs" if count == 1 else "parameters differ"
    caption = (
        f"{count} {differ} between {names[0]} and {names[1]}. Verdicts on Ĉ, by tolerances.yaml: "
        f"the paper's corpus against the paper, others against {names[0]}; STALE by the locks, "
        "for the profile in params.yaml."
    )
    return "\n\n".join([*([table] if lines else []), caption, *notes]) + "\n"


def _pair(old: Any, new: Any) -> tuple[str, str]:
    """Both values, with as many digits as tell them apart."""
    short = _show(old), _show(new)
    return (repr(old), repr(new)) if short[0] == short[1] and _differ(old, new) else short


def _differ(old: Any, new: Any) -> bool:
    """NaN is like NaN here."""
    return bool(old != new and (old == old or new == new))


def _difference(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:+.4f}" if value == 0 or abs(value) >= 0.001 else f"{value:+.1g}"


def _show(value: Any) -> str:
    if value is None:
        return ABSENT
    if isinstance(value, float):
        return f"{value:.4f}" if 0.001 <= abs(value) < 1000 else f"{value:g}"
    return str(value)


def _yaml(tree: Tree, path: str) -> Any:
    content = tree.read(path)
    place = f"{tree.name}: {path}"
    return mapping(content.encode(), place) if content else None
