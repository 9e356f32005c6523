"""One profile's results in some tree, judged: what is expected of them, and which are stale."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from harness.config.strict import PARAMS, profile
from harness.config.table import read_table
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
from harness.verdict.recipes import Recipes, row_of
from harness.verdict.results import FILES, Results, Sample, read_results
from harness.verdict.revisions import Folder, Revision, Tree, UsageError
from harness.verdict.staleness import Staleness

FACTS = ("corpus", "split", "selection", "seeds", "targets", "speakers")  # of table2.json


@dataclass
class Checked:
    """One profile: its numbers, what they were compared with, and what they cannot tell.

    `base`: whose numbers are expected. `repeated`: whether its result files are those of the base.
    `trained`: cells with the bytes of the base and all cells, or why nobody can say. `made`:
    whether all its cells are here; the numbers of one without them were only read.
    """

    profile: str
    base: str
    against: str
    cells: list[Judgement]
    commands: dict[str, str]  # row → what makes its cells and the table anew
    repeated: bool
    trained: tuple[int, int] | str
    made: bool
    remarks: list[str] = field(default_factory=list)

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


def profiles(trees: Iterable[Tree]) -> list[str]:
    """All profiles with a Table 2 in one of the trees."""
    paths = [path for tree in trees for path in tree.files(folder(f"*/{FILES[-1]}", tree))]
    return sorted({Path(path).parent.name for path in paths})


def expectation(
    name: str, results: Results | None, reference: Results | None, paper: Paper
) -> tuple[Expected, bool]:
    """What is expected of a profile, and whether it is the paper that expects it: the corpus's own
    where that is the paper's, else the reference's."""
    of_paper = (results.table["corpus"] if results else name) == paper.corpus
    return printed(paper) if of_paper else committed(reference) if reference else {}, of_paper


def judge_profile(
    name: str,
    against: Tree,
    tolerances: Tolerances,
    paper: Paper,
    gate: Staleness | None,
    recipes: Recipes,
) -> Checked:
    """The working tree's results of a profile; `gate` is None where the locks are of another one.

    Raises UsageError for a profile that is nowhere, RunError for results that cannot be read.
    """
    results = read_results(Folder().read, f"results/{name}")
    reference = read_results(against.read, folder(name, against))
    expected, of_paper = expectation(name, results, reference, paper)
    rows, seeds = _asked(name, results or reference)
    stale = stale_rows(gate, name, [*expected, *rows])
    moved = _moved(name, against, recipes, reference is not None) if not of_paper else unmoved
    if not expected and moved(rows) is None:
        expected = {row: {"ccc": Sample(None)} for row in rows}
    allowed = tolerances.paper if of_paper else tolerances.reference
    cells = compare(results, expected, allowed, tolerances.spread, stale, moved)
    new, others = unexpected(results, expected, stale, moved) if results else ([], [])
    first = "" if name == profile() else f"cp profiles/{name}.yaml {PARAMS} && "
    return Checked(
        name,
        "the paper" if of_paper else against.name,
        "the paper" if of_paper else f"{folder(name, against)} of {against.name}",
        [*cells, *new],
        {row: f"{first}dvc repro {_cells(row, seeds)} table" for row in [*expected, *rows]},
        not of_paper and _repeated(name, against, results, reference),
        recipes.cells(name, [f"train@{row}-{seed}" for row in rows for seed in seeds]),
        all(Path("runs", name, f"{row}-{seed}").is_dir() for row in rows for seed in seeds),
        [
            *differences(results, None if of_paper else reference),
            *(f"nothing is expected of {one}" for one in others),
        ],
    )


def _moved(name: str, against: Tree, recipes: Recipes, known: bool) -> Moved:
    """What else than the base's its rows were made from. A profile of which the base has nothing is
    new, and counts as such once it is committed."""
    if known:
        return lambda rows: recipes.difference(name, rows)
    if isinstance(against, Revision) and name in profiles([Revision("HEAD")]):
        return lambda rows: f"{against.name} has no results of {name}"
    return unmoved


def _repeated(name: str, against: Tree, results: Results | None, reference: Results | None) -> bool:
    """Whether all numbers are the same: those of metrics.json and scores.csv as they are written,
    and those of the table's rows, whose caption may name another machine."""
    if results is None or reference is None:
        return False
    ours, theirs = f"results/{name}", folder(name, against)
    same = [Folder().read(f"{ours}/{f}") == against.read(f"{theirs}/{f}") for f in FILES[:2]]
    return all(same) and results.table["rows"] == reference.table["rows"]


def _asked(name: str, results: Results | None) -> tuple[list[str], list[int]]:
    """Rows and seeds of a profile: of a run, or of its params where nothing was run."""
    if results:
        return list(results.rows), [int(seed) for seed in results.table["seeds"]]
    path = PARAMS if name == profile() else Path("profiles", f"{name}.yaml")
    if not path.is_file():
        raise UsageError(f"there is no profile '{name}': neither results/{name} nor {path}")
    _, rows, seeds = read_table(path)
    return [row.name for row in rows], seeds


def _cells(row: str, seeds: list[int]) -> str:
    listed = ",".join(map(str, seeds))
    return f"train@{row}-{{{listed}}}" if len(seeds) > 1 else f"train@{row}-{listed}"


def stale_rows(gate: Staleness | None, name: str, rows: list[str]) -> dict[str, str]:
    """Row → a stale stage behind its numbers; the cells of another row are not behind it."""
    behind = gate.behind(f"results/{name}/{file}" for file in FILES) if gate else {}
    found: dict[str, str] = {}
    for stage, reasons in behind.items():
        for reason in reasons:
            of = row_of(stage, reason)
            for row in rows if of is None else [of]:
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
