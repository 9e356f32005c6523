"""What the numbers of two trees were made from, by dvc.lock: command, parameters, code, corpus.

The hash of an output says that its bytes moved; the recipe says whether they had a reason to. What
one stage writes and another one reads is no part of it.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any

from harness.config.strict import mapping
from harness.verdict.results import FILES
from harness.verdict.revisions import Tree

SOURCE = "data/source/"  # links to the corpora, which their owners may have edited
PARAMETER, COMMAND = "params.yaml: ", "the command"
CELL = re.compile(r"train@(.+)-\d+")
ROW = re.compile(rf"{PARAMETER}(?:table\.)?rows\.([^. ]+)")

Recipe = dict[tuple[str, str], Any]  # (stage, "the command", "params.yaml: key" or a path) → value


class Lock:
    """dvc.lock of a tree, without stages where there is none. Raises ParamsError for a broken one.

    The stages of rows that left the table stay in it.
    """

    def __init__(self, tree: Tree) -> None:
        text = tree.read("dvc.lock")
        content = mapping(text.encode(), f"{tree.name}: dvc.lock") if text else {}
        self.stages: dict[str, Any] = content.get("stages") or {}

    @cached_property
    def wrote(self) -> dict[str, tuple[str, str | None]]:
        """Output → its stage and its hash."""
        return {
            out["path"]: (name, out.get("md5"))
            for name, stage in self.stages.items()
            for out in stage.get("outs", [])
        }

    def of(self, profile: str) -> bool:
        """Whether its table is this profile's."""
        return f"results/{profile}/{FILES[-1]}" in self.wrote

    def recipe(self, stage: str) -> dict[str, Any]:
        """All that it was made from and that no other stage wrote."""
        entry = self.stages[stage]
        found = {COMMAND: entry.get("cmd")}
        for values in entry.get("params", {}).values():
            found |= {f"{PARAMETER}{key}": value for key, value in prescribed(values).items()}
        for dep in entry.get("deps", []):
            path = dep["path"]
            if path.startswith(SOURCE) or not any(_touch(path, out) for out in self.wrote):
                found[path] = dep.get("md5")
        return found

    def behind_the_table(self) -> Iterator[str]:
        """The stages that the result files come from, by what one wrote and another read."""
        wanted = {path for path in self.wrote if path.endswith(tuple(f"/{f}" for f in FILES))}
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
        self._known: dict[str, list[Recipe]] = {}

    def stages(self) -> set[str]:
        """The stages of both locks whose recipe differs."""
        old, new = self._locks
        both = old.stages.keys() & new.stages.keys()
        return {stage for stage in both if old.recipe(stage) != new.recipe(stage)}

    def difference(self, profile: str, rows: Collection[str]) -> str | None:
        """The first thing that differs of all that these rows depend on; None when nothing does."""
        if profile not in self._known:
            self._known[profile] = self._recipes(profile)
        old, new = self._known[profile]
        for stage, what in dict.fromkeys([*new, *old]):
            counts = row_of(stage, what) in (None, *rows)
            if counts and old.get((stage, what)) != new.get((stage, what)):
                return f"{stage.partition('@')[0]}: {what} differs"
        return None

    def cells(self, profile: str, names: Iterable[str]) -> tuple[int, int] | str:
        """How many of these stages wrote the same bytes, of how many; or why nobody can say."""
        for tree, lock in zip(self._trees, self._locks, strict=True):
            if not lock.of(profile):
                kind = "is of another profile" if lock.stages else "is missing"
                return f"cells were not compared, because dvc.lock {kind} in {tree.name}"
        old, new = (dict(lock.wrote.values()) for lock in self._locks)
        same = [name in new and old.get(name) == new[name] for name in names]
        return sum(same), len(same)

    def _recipes(self, profile: str) -> list[Recipe]:
        """Of both sides. A lock of another profile still tells the code, which all have in common;
        the parameters are then those of the profile's own file. A base without it tells nothing."""
        own = all(lock.of(profile) for lock in self._locks)
        if not own and not settings(self._trees[0], profile):
            return [{}, {}]
        known = all(lock.stages for lock in self._locks)
        found = []
        for tree, lock in zip(self._trees, self._locks, strict=True):
            recipe = {} if own else settings(tree, profile)
            for stage in lock.behind_the_table() if known else ():
                for what, value in lock.recipe(stage).items():
                    if own:
                        recipe[stage, what] = value
                    elif what != COMMAND and not what.startswith((PARAMETER, SOURCE)):
                        recipe[stage.partition("@")[0], what] = value
            found.append(recipe)
        return found


def row_of(stage: str, what: str) -> str | None:
    """The only row that a stage, or what it is made from, is about; None where all rows are."""
    found = CELL.fullmatch(stage) or ROW.match(what)
    return found[1] if found else None


def settings(tree: Tree, profile: str) -> Recipe:
    """The parameters of a profile, in the file that has it; none where there is no such file."""
    for file in ("params.yaml", f"profiles/{profile}.yaml"):
        text = tree.read(file)
        content = mapping(text.encode(), f"{tree.name}: {file}") if text else {}
        if content.get("profile") == profile:
            content.pop("sensitivity", None)  # no row of the table depends on it
            return {(profile, f"{PARAMETER}{k}"): v for k, v in prescribed(content).items()}
    return {}


def parameters(values: Any) -> dict[str, Any]:
    """By dotted keys; of table.rows each row on its own: whether it is the global baseline."""
    found = flat(values)
    rows = enumerate(found.pop("table.rows", None) or [])
    return found | {f"table.rows.{row}": place == 0 for place, row in rows}


def prescribed(values: Any) -> dict[str, Any]:
    """The parameters that decide a result but for its rounding."""
    found = parameters(values)
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
