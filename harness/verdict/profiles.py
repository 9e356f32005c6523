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
    Verdict,
    committed,
    compare,
    passes,
    printed,
    unexpected,
)
from harness.verdict.results import FILES, Results, Sample, read_results
from harness.verdict.revisions import Folder, Tree, UsageError
from harness.verdict.staleness import Staleness

FACTS = ("corpus", "split", "selection", "seeds", "targets", "speakers")  # of table2.json


@dataclass
class Checked:
    """One profile: its cells, what they were compared with, and what they cannot tell."""

    profile: str
    against: str
    cells: list[Judgement]
    commands: dict[str, str]  # row → what makes its cells and the table anew
    remarks: list[str] = field(default_factory=list)

    @property
    def passes(self) -> bool:
        return passes(self.cells)

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
    name: str, against: Tree, tolerances: Tolerances, paper: Paper, gate: Staleness | None
) -> Checked:
    """The working tree's results of a profile; `gate` is None where the locks are of another one.

    Raises UsageError for a profile that is nowhere, RunError for results that cannot be read.
    """
    results = read_results(Folder().read, f"results/{name}")
    reference = read_results(against.read, folder(name, against))
    expected, of_paper = expectation(name, results, reference, paper)
    rows, seeds = _made(name, results or reference)
    expected = expected or {row: {"ccc": Sample(None)} for row in rows}
    cells = compare(
        results,
        expected,
        tolerances.paper if of_paper else tolerances.reference,
        tolerances.spread,
        stale_rows(gate, name, list(expected), seeds),
    )
    first = "" if name == profile() else f"cp profiles/{name}.yaml {PARAMS} && "
    return Checked(
        name,
        "the paper" if of_paper else f"{folder(name, against)} of {against.name}",
        cells,
        {row: f"{first}dvc repro {_cells(row, seeds)} table" for row in expected},
        [
            *differences(results, None if of_paper else reference),
            *(f"nothing is expected of {one}" for one in unexpected(results, expected)),
        ],
    )


def _made(name: str, results: Results | None) -> tuple[list[str], list[int]]:
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


def stale_rows(
    gate: Staleness | None, name: str, rows: list[str], seeds: list[int]
) -> dict[str, str]:
    """Row → a stale stage behind its numbers; the cells of another row are not behind it."""
    if gate is None:
        return {}
    owner = {f"train@{row}-{seed}": row for row in rows for seed in seeds}
    found: dict[str, str] = {}
    for stage, reasons in gate.behind(f"results/{name}/{file}" for file in FILES).items():
        for row in [owner[stage]] if stage in owner else rows:
            found.setdefault(row, f"{stage}: {reasons[0]}")
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
