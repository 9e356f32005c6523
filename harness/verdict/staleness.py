"""dvc.lock against the tree, without data: which stages would not come out as they are committed.

A stage is stale when its command, a parameter, code or any file that git has differs from its lock,
or a corpus that is here. What git ignores (clip tables, features, cells) is compared between locks.
Where the stage that wrote it has other bytes than a stage that read it, from the same recipe, it
was remade, perhaps by another processor: that is told and is not stale. DVC resolves dvc.yaml,
params and hashes (dvc.repo.Repo); its own `status` and `repro --dry` want the data or exit 0.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import networkx
from dvc.dependency.param import ParamsDependency
from dvc.exceptions import DvcException
from dvc.repo import Repo

from harness.config.rows import TABLE2, family_of
from harness.errors import RunError
from harness.verdict.recipes import FAMILIES, MAIN, SOURCE, concerns, flat, prescribed
from harness.verdict.revisions import Revision, git, ignored


@dataclass(frozen=True)
class Staleness:
    """`reasons`: stage → why it differs from its lock. `upstream`: stage → all that it depends on.

    `writes`: path of an output → its stage. `remade`: path → the stages that read other bytes of it
    than there are. `idle`: stale stages of a family other than Table 2 whose results are not here
    to be wrong. Stages are named as DVC names them, "train@cnn10"; one that no result can come from
    (a row of a family that params.yaml does not name) is none.
    """

    reasons: dict[str, list[str]]
    upstream: dict[str, set[str]]
    writes: dict[str, str]
    remade: dict[str, list[str]] = field(default_factory=dict)
    idle: frozenset[str] = frozenset()

    @property
    def passes(self) -> bool:
        return self.reasons.keys() <= self.idle

    def behind(self, paths: Iterable[str]) -> dict[str, list[str]]:
        """The stale stages among those that the files come from, with their reasons."""
        last = {self.writes[path] for path in paths if path in self.writes}
        sources = last.union(*(self.upstream[stage] for stage in last))
        return {stage: why for stage, why in self.reasons.items() if stage in sources}

    def families(self) -> dict[str, list[str]]:
        """Table 2 and the others → the stages of each; a pipeline of one's own by its file."""
        found: dict[str, list[str]] = {}
        for stage in self.upstream:
            found.setdefault(_family(stage), []).append(stage)
        return found


def _family(stage: str) -> str:
    file, colon, name = stage.partition(":")
    if not colon:
        return TABLE2
    return family_of(name.partition("@")[2]) if file == FAMILIES else file


def together(stages: Iterable[str]) -> dict[str, list[str]]:
    """Stages with the rows of one as one: {"train (9 rows)": [all of them]}."""
    groups: dict[str, list[str]] = defaultdict(list)
    for stage in stages:
        groups[stage.partition("@")[0]].append(stage)
    return {
        each[0] if len(each) == 1 else f"{name} ({len(each)} rows)": each
        for name, each in groups.items()
    }


def staleness(
    root: Path = Path(), revision: str | None = None, changed: Collection[str] = ()
) -> Staleness:
    """All stages of all dvc.yaml below the root, in the working tree or in a revision.

    `changed`: stages known to be of another recipe than before, so that what they wrote before is
    old. Raises RunError when DVC cannot read them, UsageError when git cannot.
    """
    try:
        with _repository(root, revision) as repo:
            return _compare(repo, root, set(changed))
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


def _compare(repo: Any, root: Path, changed: set[str]) -> Staleness:
    everything = [s for s in repo.index.stages if not s.is_data_source]  # those lock themselves
    paths = {_path(item) for stage in everything for item in (*stage.deps, *stage.outs)}
    unseen = ignored(paths, root)
    graph, tree = repo.index.graph, _Tree()
    behind = {stage: networkx.descendants(graph, stage) for stage in graph}
    ends = [s for s in everything if any(_path(out) not in unseen for out in s.outs) and _asked(s)]
    counted = {*ends, *(up for stage in ends for up in behind[stage])}
    everything = [stage for stage in everything if stage in counted]
    locks = _Locks(everything)
    upstream = {_name(s): {_name(up) for up in behind[s]} for s in everything}
    reasons = {_name(stage): list(_reasons(stage, unseen, tree)) for stage in everything}
    old = changed | {stage for stage, why in reasons.items() if why}
    readers: dict[str, dict[str, None]] = defaultdict(dict)  # of bytes that are there no more
    for stage in everything:
        for dep in stage.deps:
            found = None if _seen(dep, unseen) or not dep.hash_info else locks.other(dep)
            if found is None:
                continue
            place, writers, why = found
            if not old.isdisjoint(writers.union(*(upstream[one] for one in writers))):
                reasons[_name(stage)].append(why)
            else:
                readers[place][_name(stage)] = None
    stale = {stage: why for stage, why in reasons.items() if why}
    remade = {place: [s for s in names if s not in stale] for place, names in readers.items()}
    writes = {_path(out): _name(stage) for stage in everything for out in stage.outs}
    here = {TABLE2} | {
        _family(_name(stage))
        for stage in ends
        if any(_path(out) not in unseen and out.exists for out in stage.outs)
    }
    idle = {_name(stage) for stage in everything if _family(_name(stage)) not in here}
    remade = {place: names for place, names in remade.items() if names}
    return Staleness(stale, upstream, writes, remade, frozenset(idle & stale.keys()))


def _asked(stage: Any) -> bool:
    """Whether params.yaml names the family that the stage is of."""
    return all(
        name in item.read_params()
        for item in stage.deps
        if isinstance(item, ParamsDependency)
        for name in item.params
        if name.startswith("families.")
    )


def _reasons(stage: Any, unseen: set[str], tree: "_Tree") -> Iterator[str]:
    items = [*stage.deps, *stage.outs]
    if not any(item.hash_info for item in items):
        yield f"not in {Path(stage.path_in_repo).with_suffix('.lock').as_posix()}"
        return
    if stage.cmd_changed:
        yield "cmd changed"
    for item in items:
        if isinstance(item, ParamsDependency):
            # a family may be of another arithmetic than Table 2, and is compared by spread
            counted = prescribed if stage.path_in_repo == FAMILIES else flat
            for what in tree.params(item, counted):
                if concerns(_name(stage), what):
                    yield what
        elif not item.hash_info:
            yield f"{_path(item)} is not in the lock"
        elif _seen(item, unseen):
            yield from tree.content(item)


def _seen(item: Any, unseen: set[str]) -> bool:
    """Whether it can be compared with its lock: git has it, or it is a corpus that is here."""
    path = _path(item)
    return path not in unseen or (path.startswith(SOURCE) and item.exists)


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

    def params(self, item: Any, counted: Callable[[Any], dict[str, Any]]) -> Iterator[str]:
        path = _path(item)
        for names in item.workspace_status().values():
            if isinstance(names, str):  # of the whole file: new, deleted
                yield f"{path}: {names}"
                continue
            locked, here = counted(item.hash_info.value or {}), counted(item.read_params())
            for key in dict.fromkeys([*locked, *here]):
                if key not in here:
                    yield f"{path}: {key} deleted"
                elif key not in locked or locked[key] != here[key]:
                    yield f"{path}: {key} {'modified' if key in locked else 'new'}"


class _Locks:
    """What git ignores, as the locks of the stages that write and read it name it."""

    def __init__(self, stages: Iterable[Any]) -> None:
        self._outs = {_path(out): (stage, out) for stage in stages for out in stage.outs}
        self._read = defaultdict(set)
        for stage in stages:
            for dep in stage.deps:
                if dep.hash_info and not isinstance(dep, ParamsDependency):
                    self._read[stage.path_in_repo, _path(dep)].add(dep.hash_info.value)

    def other(self, dep: Any) -> tuple[str, set[str], str] | None:
        """Whether the lock of a reader names other bytes than the lock of the writer: the output,
        the stages that write it, and that in words."""
        path, read = _path(dep), dep.hash_info.value
        if path in self._outs:
            stage, out = self._outs[path]
            last = f"{path} is not what {_name(stage)} wrote last"
            return None if out.hash_info.value == read else (path, {_name(stage)}, last)
        for place, (stage, _) in self._outs.items():
            if path.startswith(f"{place}/"):  # no lock has its hash, but those of other readers
                beside = self._read[stage.path_in_repo, path] - {read}
                others = f"{path} is not what other stages read"
                return (place, {_name(stage)}, others) if beside else None
        below = [(s, out) for place, (s, out) in self._outs.items() if place.startswith(f"{path}/")]
        if not below or not all(out.hash_info for _, out in below):
            return None
        size, files = sum(o.meta.size or 0 for _, o in below), sum(_files(o) for _, o in below)
        more = _files(dep) > files  # rows that left their family
        if more or (size, files) == (dep.meta.size or 0, _files(dep)):
            return None
        last = f"{path} is not what the {len(below)} stages below it wrote last"
        return path, {_name(stage) for stage, _ in below}, last


def _files(item: Any) -> int:
    return int(item.meta.nfiles or 1)


def _name(stage: Any) -> str:
    """As `dvc repro` takes it from the root; DVC's own `addressing` is off inside a revision."""
    file = stage.path_in_repo
    return stage.name if file == MAIN else f"{file}:{stage.name}" if stage.name else file


def _path(item: Any) -> str:
    """Relative to the root, with '/', whatever the stage's own folder."""
    return str(item.fs.relpath(item.fs_path, item.repo.root_dir))
