"""A family's results in some tree, judged: what is expected of them, and which are stale."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from harness.config.names import OTHERS
from harness.config.rows import TABLE2, read_family
from harness.config.strict import PARAMS, profile
from harness.config.tolerances import Tolerances
from harness.paper import Paper
from harness.verdict.judgement import (
    Expected,
    Judgement,
    Moved,
    Verdict,
    committed,
    compare,
    passes,
    printed,
    unexpected,
    unmoved,
)
from harness.verdict.recipes import Recipes, full_name, row_of
from harness.verdict.results import Results, Sample, files, read_results, remedy
from harness.verdict.revisions import Folder, Revision, Tree, UsageError
from harness.verdict.staleness import Staleness

FACTS = ("corpus", "split", "selection", "seeds", "targets", "speakers")  # of the table


@dataclass
class Checked:
    """A family of a profile: its numbers, what they were compared with, and what they cannot tell.

    `base`: whose numbers are expected. `repeated`: whether its result files are those of the base.
    `trained`: rows whose cells have the bytes of the base and all rows, or why nobody can say.
    `made`: whether all its cells are here; the numbers of one without them were only read.
    """

    profile: str
    family: str
    base: str
    against: str
    cells: list[Judgement]
    commands: dict[str, str]  # row → what makes its cells and the table anew
    repeated: bool
    trained: tuple[int, int] | str
    made: bool
    remarks: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The profile, and the family where that is not Table 2."""
        return self.profile if self.family == TABLE2 else f"{self.profile}/{self.family}"

    @property
    def passes(self) -> bool:
        return passes(self.cells)

    @property
    def equal(self) -> int:
        """How many numbers are those that are expected, bit for bit."""
        return sum(c.observed is not None and c.observed == c.expected for c in self.cells)

    @property
    def counts(self) -> dict[str, int]:
        counts = Counter(cell.verdict for cell in self.cells)
        return {verdict.value: counts[verdict] for verdict in Verdict if counts[verdict]}


def folder(name: str, tree: Tree) -> str:
    """Where a profile's results are: results/<name> of a repository, <name> of another folder."""
    return f"results/{name}" if tree.files("params.yaml") else name


def tables(trees: Iterable[Tree]) -> list[tuple[str, str]]:
    """(profile, family) of all results in one of the trees; Table 2 comes first."""
    found = set()
    for tree in trees:
        for file in ("metrics.json", "scores.csv"):
            places = (Path(path) for path in tree.files(folder(f"*/*/{file}", tree)))
            found |= {(path.parts[-3], path.parts[-2]) for path in places}
        tops = (Path(path) for path in tree.files(folder(f"*/{TABLE2}.json", tree)))
        found |= {(path.parent.name, TABLE2) for path in tops}
    of_profiles = (pair for pair in found if pair[0] not in OTHERS)
    return sorted(of_profiles, key=lambda pair: (pair[0], pair[1] != TABLE2, pair[1]))


def expectation(
    name: str, family: str, results: Results | None, reference: Results | None, paper: Paper
) -> tuple[Expected, bool]:
    """What is expected of a family, and whether it is the paper that expects it: Table 2 on the
    paper's own corpus; of all else it is the reference."""
    of_paper = (results.table["corpus"] if results else name) == paper.corpus and family == TABLE2
    return printed(paper) if of_paper else committed(reference) if reference else {}, of_paper


def judge_family(
    name: str,
    family: str,
    against: Tree,
    tolerances: Tolerances,
    paper: Paper,
    gate: Staleness | None,
    recipes: Recipes,
) -> Checked:
    """The working tree's results of a profile's family; `gate`: None where the locks are of another
    profile.

    Raises UsageError for a profile that is nowhere, RunError for results that cannot be read.
    """
    results = read_results(Folder().read, f"results/{name}", family)
    reference = read_results(against.read, folder(name, against), family)
    expected, of_paper = expectation(name, family, results, reference, paper)
    rows, seeds = _asked(name, family, results or reference)
    stale = stale_rows(gate, name, family, [*expected, *rows])
    known = reference is not None
    moved = unmoved if of_paper else _moved(name, family, against, recipes, known)
    if not expected and moved(rows) is None:
        expected = {row: {"ccc": Sample(None)} for row in rows}
    allowed = tolerances.paper if of_paper else tolerances.reference
    cells = compare(results, expected, allowed, tolerances.spread, stale, moved)
    new, others = unexpected(results, expected, stale, moved) if results else ([], [])
    there = f"{folder(name, against)}/{family}" if family != TABLE2 else folder(name, against)
    return Checked(
        name,
        family,
        "the paper" if of_paper else against.name,
        "the paper" if of_paper else f"{there} of {against.name}",
        [*cells, *new],
        {row: _command(name, family, row) for row in [*expected, *rows]},
        not of_paper and _repeated(name, family, against, results, reference),
        recipes.cells(name, family, rows),
        all(
            Path("runs", name, full_name(row, family), str(seed)).is_dir()
            for row in rows
            for seed in seeds
        ),
        [
            *differences(results, None if of_paper else reference),
            *(f"nothing is expected of {one}" for one in others),
        ],
    )


def _moved(name: str, family: str, against: Tree, recipes: Recipes, known: bool) -> Moved:
    """What else than the base's its rows were made from. A family of which the base has nothing is
    new, and counts as such once it is committed."""
    if known:
        return lambda rows: recipes.difference(name, family, rows)
    if isinstance(against, Revision) and (name, family) in tables([Revision("HEAD")]):
        return lambda rows: f"{against.name} has no results of {name}"
    return unmoved


def _repeated(
    name: str, family: str, against: Tree, results: Results | None, reference: Results | None
) -> bool:
    """Whether all numbers are the same: those of metrics.json and scores.csv as they are written,
    and those of the table's rows, whose caption may name another machine."""
    if results is None or reference is None:
        return False
    ours, theirs = f"results/{name}", folder(name, against)
    same = [
        Folder().read(f"{ours}/{f}") == against.read(f"{theirs}/{f}") for f in files(family)[:2]
    ]
    return all(same) and results.table["rows"] == reference.table["rows"]


def _asked(name: str, family: str, results: Results | None) -> tuple[list[str], list[int]]:
    """Rows and seeds of a family: of a run, or of the profile's params where nothing was run."""
    if results:
        return list(results.rows), [int(seed) for seed in results.table["seeds"]]
    path = PARAMS if name == profile() else Path("profiles", f"{name}.yaml")
    if not path.is_file():
        raise UsageError(f"there is no profile '{name}': neither results/{name} nor {path}")
    found = read_family(family, path)
    return [full.partition("/")[2] for full in found.rows], found.seeds


def _command(name: str, family: str, row: str) -> str:
    """What makes a row's cells and its table anew."""
    first = "" if name == profile() else f"cp profiles/{name}.yaml {PARAMS} && "
    return f"{first}{f'dvc repro train@{row} table' if family == TABLE2 else remedy(family)}"


def stale_rows(gate: Staleness | None, name: str, family: str, rows: list[str]) -> dict[str, str]:
    """Row → a stale stage behind its numbers; the cells of another row are not behind it."""
    behind = gate.behind(f"results/{name}/{file}" for file in files(family)) if gate else {}
    own, found = {full_name(row, family): row for row in rows}, dict[str, str]()
    for stage, reasons in behind.items():
        for reason in reasons:
            of = row_of(stage, reason)
            for row in rows if of is None else [own.get(of, of)]:
                found.setdefault(row, f"{stage}: {reason}")
    return found


def differences(results: Results | None, reference: Results | None) -> list[str]:
    """What differs between two runs besides their numbers; with no reference, from the paper."""
    if results is None:
        return []
    settings = results.table.get("settings", {})
    ours = {key: pair[0] for key, pair in settings.items()}
    theirs = {key: pair[1] for key, pair in settings.items()}
    if reference is not None:
        ours |= {key: results.table.get(key) for key in FACTS}
        theirs = {key: pair[0] for key, pair in reference.table.get("settings", {}).items()}
        theirs |= {key: reference.table.get(key) for key in FACTS}
    return [
        f"{key} is {ours.get(key)}, there {value}"
        for key, value in theirs.items()
        if ours.get(key) != value
    ]
