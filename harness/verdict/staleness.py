"""dvc.lock against the tree, without data: which stages would not come out as they are committed.

What git has (code, params, results) is compared with the hashes in the lock. What it ignores
(clip tables, features, cells) is compared between locks: the stage that wrote it and those that
read it must name one hash. A corpus that is here is compared with the lock too. DVC resolves
dvc.yaml, params and hashes (dvc.repo.Repo); its own `status` and `repro --dry` want the data or
exit 0.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import networkx
from dvc.dependency.param import ParamsDependency
from dvc.exceptions import DvcException
from dvc.repo import Repo

from harness.errors import RunError
from harness.verdict.revisions import Revision, git, ignored

SOURCE = "data/source/"  # links to the corpora, which their owners may have edited


@dataclass(frozen=True)
class Staleness:
    """`reasons`: stage → why it differs from its lock. `upstream`: stage → all that it depends on.

    `writes`: path of an output → its stage. Stages are named as DVC names them, "train@cnn10-1".
    """

    reasons: dict[str, list[str]]
    upstream: dict[str, set[str]]
    writes: dict[str, str]

    def behind(self, paths: Iterable[str]) -> dict[str, list[str]]:
        """The stale stages among those that the files come from, with their reasons."""
        last = {self.writes[path] for path in paths if path in self.writes}
        sources = last.union(*(self.upstream[stage] for stage in last))
        return {stage: why for stage, why in self.reasons.items() if stage in sources}

    def grouped(self) -> list[tuple[str, list[str]]]:
        """Reasons with the cells of a matrix together: ("train (27 cells)", ["code.py changed",
        "params.yaml: rows.cnn10 modified (3 of them)"])."""
        groups: dict[str, dict[str, list[str]]] = defaultdict(dict)
        for stage, reasons in self.reasons.items():
            groups[stage.partition("@")[0]][stage] = reasons
        found = []
        for name, stages in groups.items():
            counts = Counter(reason for reasons in stages.values() for reason in reasons)
            each = [r if n == len(stages) else f"{r} ({n} of them)" for r, n in counts.items()]
            cells = f"{name} ({len(stages)} cells)"
            found.append((next(iter(stages)) if len(stages) == 1 else cells, each))
        return found


def staleness(root: Path = Path(), revision: str | None = None) -> Staleness:
    """All stages of all dvc.yaml below the root, in the working tree or in a revision.

    Raises RunError when DVC cannot read them, UsageError when git does not know the revision.
    """
    try:
        with _repository(root, revision) as repo:
            return _compare(repo, root)
    except DvcException as error:
        raise RunError(f"DVC cannot read {root.absolute()}: {error}; see `dvc status`") from error


@contextmanager
def _repository(root: Path, revision: str | None) -> Iterator[Any]:
    git("rev-parse", "--git-dir", root=root)  # git says better than DVC why it cannot read it
    commit = Revision(revision, root).commit if revision else None
    with Repo(str(root)) as repo:
        if commit is None:
            yield repo
            return
        with repo.switch(commit):  # DVC then reads dvc.yaml, params and files out of git
            yield repo


def _compare(repo: Any, root: Path) -> Staleness:
    everything = repo.index.stages
    paths = {_path(item) for stage in everything for item in (*stage.deps, *stage.outs)}
    unseen = ignored(paths, root)
    tree, locks = _Tree(), _Locks(everything)
    found = {
        _name(stage): list(_reasons(stage, unseen, tree, locks))
        for stage in everything
        if not stage.is_data_source  # a .dvc file, which is its own lock
    }
    graph = repo.index.graph
    return Staleness(
        {stage: reasons for stage, reasons in found.items() if reasons},
        {_name(s): {_name(up) for up in networkx.descendants(graph, s)} for s in graph},
        {_path(out): _name(stage) for stage in everything for out in stage.outs},
    )


def _reasons(stage: Any, unseen: set[str], tree: "_Tree", locks: "_Locks") -> Iterator[str]:
    items = [*((dep, True) for dep in stage.deps), *((out, False) for out in stage.outs)]
    if not any(item.hash_info for item, _ in items):
        yield f"not in {Path(stage.path_in_repo).with_suffix('.lock').as_posix()}"
        return
    if stage.cmd_changed:
        yield "cmd changed"
    for item, read in items:
        if isinstance(item, ParamsDependency):
            yield from tree.params(item)
        elif not item.hash_info:
            yield f"{_path(item)} is not in the lock"
        elif _path(item) not in unseen or (_path(item).startswith(SOURCE) and item.exists):
            yield from tree.content(item)
        elif read:
            yield from locks.agree(item)


class _Tree:
    """What git has, as DVC hashes it; a file that many stages read is hashed once."""

    def __init__(self) -> None:
        self._hashes: dict[tuple[str, str], str | None] = {}

    def content(self, item: Any) -> Iterator[str]:
        key = (_path(item), item.hash_name)
        if key not in self._hashes:
            self._hashes[key] = item.get_hash().value if item.exists else None
        found = self._hashes[key]
        if found != item.hash_info.value:
            yield f"{_path(item)} {'is missing' if found is None else 'changed'}"

    def params(self, item: Any) -> Iterator[str]:
        for file, names in item.workspace_status().items():
            if isinstance(names, str):  # of the whole file: new, deleted
                yield f"{file}: {names}"
            else:
                yield from (f"{file}: {name} {state}" for name, state in names.items())


class _Locks:
    """What git ignores, as the locks of the stages that write and read it name it."""

    def __init__(self, stages: Iterable[Any]) -> None:
        self._outs, self._read = {}, defaultdict(set)
        for stage in stages:
            self._outs.update({_path(out): (_name(stage), out) for out in stage.outs})
            for dep in stage.deps:
                if dep.hash_info and not isinstance(dep, ParamsDependency):
                    self._read[_path(dep)].add(dep.hash_info.value)

    def agree(self, dep: Any) -> Iterator[str]:
        path = _path(dep)
        if path in self._outs:
            stage, out = self._outs[path]
            if out.hash_info.value != dep.hash_info.value:
                yield f"{path} is not what {stage} wrote last"
            return
        if len(self._read[path]) > 1:  # a file inside of an output: its readers must agree
            yield f"{path} is not what other stages read"
        below = [out for name, (_, out) in self._outs.items() if name.startswith(f"{path}/")]
        if below and all(out.hash_info for out in below):
            wrote = sum(out.meta.size or 0 for out in below), sum(_files(out) for out in below)
            if wrote != (dep.meta.size or 0, _files(dep)):
                yield f"{path} is not what the {len(below)} stages below it wrote last"


def _files(item: Any) -> int:
    return int(item.meta.nfiles or 1)


def _name(stage: Any) -> str:
    """As `dvc repro` takes it from the root; DVC's own `addressing` is off inside a revision."""
    file = stage.path_in_repo
    return stage.name if file == "dvc.yaml" else f"{file}:{stage.name}" if stage.name else file


def _path(item: Any) -> str:
    """Relative to the root, with '/', whatever the stage's own folder."""
    return str(item.fs.relpath(item.fs_path, item.repo.root_dir))
