"""What the numbers of two trees were made from, by the locks: command, parameters, code, corpus.

The hash of an output says that its bytes moved; the recipe says whether they had a reason to. What
one stage writes and another one reads is no part of it.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any

from harness.config.rows import TABLE2, family_of
from harness.config.strict import mapping
from harness.verdict.results import files
from harness.verdict.revisions import Tree

MAIN, FAMILIES = "dvc.yaml", "families/dvc.yaml"  # of Table 2, of every other family
SOURCE = "data/source/"  # links to the corpora, which their owners may have edited
COMMAND = "the command"
PARAMETERS = ("params.yaml: ", "rows.yaml: ")
TRAIN = re.compile(rf"(?:({FAMILIES}):)?train(?:-after)?@(.+)")
ROW = re.compile(r"rows\.yaml: (?:table2\.(?P<own>[^. ]+)|(?:rows|after)\.(?P<other>[^. ]+))")

Recipe = dict[tuple[str, str], Any]  # (stage, "the command", "params.yaml: key" or a path) → value


class Lock:
    """dvc.lock and families/dvc.lock of a tree, without stages where there are none.

    Stages are named as `dvc repro` takes them from the root. Those of rows that left their family
    stay in it. Raises ParamsError for a lock that is broken.
    """

    def __init__(self, tree: Tree) -> None:
        self.stages: dict[str, Any] = {}
        for pipeline, first in ((MAIN, ""), (FAMILIES, f"{FAMILIES}:")):
            file = f"{pipeline.removesuffix('.yaml')}.lock"
            text = tree.read(file)
            content = mapping(text.encode(), f"{tree.name}: {file}") if text else {}
            self.stages |= {
                f"{first}{name}": stage for name, stage in (content.get("stages") or {}).items()
            }

    @cached_property
    def wrote(self) -> dict[str, str | None]:
        """Output → its hash."""
        outs = (out for stage in self.stages.values() for out in stage.get("outs", []))
        return {out["path"]: out.get("md5") for out in outs}

    def of(self, profile: str, family: str) -> bool:
        """Whether the table of this family in it is this profile's."""
        return f"results/{profile}/{family}.json" in self.wrote

    def of_any(self, family: str) -> bool:
        """Whether it has a table of this family, of whatever profile."""
        return any(path.endswith(f"/{family}.json") for path in self.wrote)

    def recipe(self, stage: str) -> dict[str, Any]:
        """All that it was made from and that no other stage wrote."""
        entry = self.stages[stage]
        found = {COMMAND: entry.get("cmd")}
        for file, values in entry.get("params", {}).items():
            named = {f"{file}: {key}": value for key, value in prescribed(values).items()}
            found |= {what: value for what, value in named.items() if concerns(stage, what)}
        for dep in entry.get("deps", []):
            path = dep["path"]
            if path.startswith(SOURCE) or not any(_touch(path, out) for out in self.wrote):
                found[path] = dep.get("md5")
        return found

    def behind(self, family: str) -> Iterator[str]:
        """The stages that a family's files come from, by what one wrote and another read."""
        last = tuple(f"/{file}" for file in files(family))
        wanted = {path for path in self.wrote if path.endswith(last)}
        left = dict(self.stages)
        while found := [
            name
            for name, stage in left.items()
            if any(_touch(out["path"], path) for out in stage.get("outs", []) for path in wanted)
        ]:
            for name in found:
                wanted |= {dep["path"] for dep in left.pop(name).get("deps", [])}
            yield from found


class Recipes:
    """An old and a new tree: whether the rows of a table were made from the same in both."""

    def __init__(self, old: Tree, new: Tree) -> None:
        self._trees, self._locks = (old, new), (Lock(old), Lock(new))
        self._known: dict[tuple[str, str], list[Recipe]] = {}

    def stages(self) -> set[str]:
        """The stages of both trees whose recipe differs."""
        old, new = self._locks
        both = old.stages.keys() & new.stages.keys()
        return {stage for stage in both if old.recipe(stage) != new.recipe(stage)}

    def difference(self, profile: str, family: str, rows: Collection[str]) -> str | None:
        """The first thing that differs of all that these rows of a family's table depend on; None
        when nothing does."""
        if (profile, family) not in self._known:
            self._known[profile, family] = self._recipes(profile, family)
        old, new = self._known[profile, family]
        names = [full_name(row, family) for row in rows]
        for stage, what in dict.fromkeys([*new, *old]):
            counts = row_of(stage, what) in (None, *names)
            if counts and old.get((stage, what)) != new.get((stage, what)):
                return f"{stage.partition('@')[0]}: {what} differs"
        return None

    def cells(self, profile: str, family: str, rows: Iterable[str]) -> tuple[int, int] | str:
        """Of how many of these rows the cells have the same bytes, of how many; or why nobody can
        say."""
        for tree, lock in zip(self._trees, self._locks, strict=True):
            if not lock.of(profile, family):
                kind = "is of another profile" if lock.of_any(family) else "is missing"
                return f"cells were not compared, because {lock_of(family)} {kind} in {tree.name}"
        places = [f"runs/{profile}/{full_name(row, family)}" for row in rows]
        old, new = (lock.wrote for lock in self._locks)
        same = [place in new and old.get(place) == new[place] for place in places]
        return sum(same), len(same)

    def _recipes(self, profile: str, family: str) -> list[Recipe]:
        """Of both sides. A lock of another profile still tells the code, which all have in common;
        the parameters are then those of the profile's own file. A base without it tells nothing."""
        own = all(lock.of(profile, family) for lock in self._locks)
        if not own and not settings(self._trees[0], profile, family):
            return [{}, {}]
        known = all(lock.of_any(family) for lock in self._locks)
        found = []
        for tree, lock in zip(self._trees, self._locks, strict=True):
            recipe = {} if own else settings(tree, profile, family)
            for stage in lock.behind(family) if known else ():
                for what, value in lock.recipe(stage).items():
                    if own:
                        recipe[stage, what] = value
                    elif what != COMMAND and not what.startswith((*PARAMETERS, SOURCE)):
                        recipe[stage.partition("@")[0], what] = value
            found.append(recipe)
        return found


def lock_of(family: str) -> str:
    """The lock that a family's stages are in."""
    return "dvc.lock" if family == TABLE2 else "families/dvc.lock"


def full_name(row: str, family: str) -> str:
    """Of a row as the family's files name it: "cnn10" of table2 → "table2/cnn10"."""
    return row if "/" in row else f"{family}/{row}"


def row_of(stage: str, what: str) -> str | None:
    """Full name of the only row that a stage, or what it is made from, is about; None where all
    rows are."""
    if train := TRAIN.fullmatch(stage):
        return train[2] if train[1] else f"{TABLE2}/{train[2]}"
    found = ROW.match(what)
    return found and (found["other"] or f"{TABLE2}/{found['own']}")


def concerns(stage: str, what: str) -> bool:
    """Whether a stage's results can depend on it: not on the rows of another family, which DVC
    cannot tell apart, but for Table 2's, which all may be compared with."""
    row = row_of("", what)
    family = family_of(stage.partition("@")[2])
    return row is None or family_of(row) == TABLE2 or not family or family_of(row) == family


def settings(tree: Tree, profile: str, family: str) -> Recipe:
    """The parameters of a profile's family, in the files that have them; none where there are
    none."""
    for file in ("params.yaml", f"profiles/{profile}.yaml"):
        content = _content(tree, file)
        if content.get("profile") == profile:
            others = content.pop("families", None) or {}
            found = {f"params.yaml: {k}": v for k, v in prescribed(content).items()}
            found |= {f"params.yaml: families.{k}": v for k, v in flat(others.get(family)).items()}
            rows = {f"rows.yaml: {k}": v for k, v in flat(_content(tree, "rows.yaml")).items()}
            own = {what: v for what, v in rows.items() if concerns(f"@{family}", what)}
            return {(profile, what): value for what, value in (found | own).items()}
    return {}


def _content(tree: Tree, file: str) -> Any:
    text = tree.read(file)
    return mapping(text.encode(), f"{tree.name}: {file}") if text else {}


def prescribed(values: Any) -> dict[str, Any]:
    """The parameters that decide a result but for its rounding."""
    found = flat(values)
    found.pop("train.arithmetic", None)
    return found


def flat(node: Any, above: str = "") -> dict[str, Any]:
    """{"a": {"b": 1}} → {"a.b": 1}; an empty mapping is a value."""
    if not isinstance(node, Mapping) or not node:
        return {above: node} if above else {}
    return {
        key: value
        for name, below in node.items()
        for key, value in flat(below, f"{above}.{name}" if above else str(name)).items()
    }


def _touch(path: str, other: str) -> bool:
    return path == other or path.startswith(f"{other}/") or other.startswith(f"{path}/")
