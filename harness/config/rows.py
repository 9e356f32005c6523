"""rows.yaml: every row of every family, and which of them a profile runs with which seeds.

A row's full name is family/row: "table2/cnn10-rrtn".
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import Field, JsonValue, field_validator, model_validator

from harness.config.names import Name, name
from harness.config.readings import Readings, read_readings
from harness.config.strict import PARAMS, ROWS, Strict, nearest, parse, read_yaml, section
from harness.errors import ParamsError

TABLE2 = "table2"
TABLES = (TABLE2, "table1")  # results/<profile>/ has their files already
Seed = Annotated[int, Field(ge=0, lt=2**32)]  # what every generator takes
Seeds = Annotated[list[Seed], Field(min_length=1)]
JUDGED = ("table", "draw", "probe", "cost", "claims")
STAGES = {  # the last ones of families/dvc.yaml, for families that have others than table and draw
    **dict.fromkeys(("pretext", "pretext-country"), ("probe",)),
    **dict.fromkeys(("search", "search-country"), ("choose",)),
    **dict.fromkeys(("transfer", "transfer-country", "quaternion", "quaternion-deep"), JUDGED),
    "uncertainty": ("table", "draw", "uncertainty"),
}
Kept = Literal["weights", "outputs", "embeddings", "distribution", "passes"]
EACH = 100  # seeds set aside for the members of one seed


class Part(Strict):
    """An encoder, head, term or weighting by its name, and its parameters, not yet checked.

    Written as a name, or as {name: {key: value}}. A name with a dot is the path of a module
    outside `harness`.
    """

    name: str
    params: dict[str, JsonValue] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _written(cls, found: Any) -> Any:
        if isinstance(found, str):
            return {"name": found}
        if isinstance(found, dict) and "name" in found:  # as `model_dump` has it
            return found
        if isinstance(found, dict) and len(found) == 1:
            ((key, params),) = found.items()
            return {"name": key, "params": params or {}}
        raise ValueError("write a name, or {name: {key: value}}")


class AnyRow(Strict):
    """What the block of every row may have; rows.yaml says what each key means.

    `against` has full names once read.
    """

    against: dict[Name, str] = Field(default_factory=dict)
    after: str | None = None

    @property
    def reads(self) -> dict[str, JsonValue]:
        """The readings that it changes, and how much longer it is trained."""
        return {}

    @property
    def in_table(self) -> bool:
        """Whether it stands in its family's table, or only what is made of it."""
        return True

    def read(self, path: Path = PARAMS) -> Readings:
        """The readings of params.yaml."""
        return read_readings(path=path)

    def cells(self, seed: int) -> list[int]:
        """The seeds of the cells that it has for a seed of its family."""
        return [seed]

    def family_seed(self, cell: int) -> int:
        """The seed of the family that a cell belongs to, from the cell's own."""
        return cell


class MadeRow(AnyRow):
    """A row that is made, not trained: of the features, or of the finished cells of another one
    (`after`). `made` is a file of harness/made/, or the path of a module."""

    made: Part


class Row(AnyRow):
    """A row that is trained."""

    encoder: Part
    head: Part = Part(name="point")
    views: Annotated[list[Literal["clean", "masked"]], Field(min_length=1, max_length=2)]
    terms: Annotated[list[Part], Field(min_length=1)]
    weighting: Part
    emotions: Part | None = None
    readings: dict[str, JsonValue] = Field(default_factory=dict)
    longer: Annotated[float, Field(gt=0, le=1000)] = 1
    keep: list[Kept] = Field(default_factory=list)
    members: Annotated[int, Field(ge=2, lt=EACH)] | None = None

    @field_validator("terms")
    @classmethod
    def _once(cls, terms: list[Part]) -> list[Part]:
        names = [term.name for term in terms]
        twice = [each for each in names if names.count(each) > 1]
        if twice:
            raise ValueError(f"{twice[0]!r} is listed twice; keep one")
        return terms

    @property
    def reads(self) -> dict[str, JsonValue]:
        """As of every row."""
        return {**self.readings, **({"longer": self.longer} if self.longer != 1 else {})}

    @property
    def in_table(self) -> bool:
        """As of every row; its members are seeds that no other row has."""
        return self.members is None

    def read(self, path: Path = PARAMS) -> Readings:
        """The readings of params.yaml with this row's own; `longer` in the number of epochs."""
        found = read_readings(self.readings, path)
        return found.model_copy(update={"epochs": max(1, round(found.epochs * self.longer))})

    def cells(self, seed: int) -> list[int]:
        """The seed itself, or those of its members: 301, 302, … of the seed 3."""
        return [EACH * seed + nth + 1 for nth in range(self.members)] if self.members else [seed]

    def family_seed(self, cell: int) -> int:
        """As of every row."""
        return cell // EACH if self.members else cell


class Family(NamedTuple):
    """Rows that stand in one table, by full name and in its order, and the seeds of each."""

    name: str
    rows: dict[str, AnyRow]
    seeds: list[int]

    @property
    def others(self) -> list[str]:
        """Full names of the rows of Table 2 that the family's rows are compared with."""
        found = [full for row in self.rows.values() for full in row.against.values()]
        return [full for full in dict.fromkeys(found) if full not in self.rows]

    @property
    def listed(self) -> list[str]:
        """Full names in the order of the family's files: the others, then its own rows.

        Without the rows that have members: what is made of these stands there in their stead.
        """
        return [*self.others, *(full for full, row in self.rows.items() if row.in_table)]

    def label(self, full: str) -> str:
        """A row's name in the family's files: short where the row is its own, else in full."""
        return full.removeprefix(f"{self.name}/")

    def stage(self, name: str) -> str:
        """A stage of the family as `dvc repro` takes it, e.g. "collect"."""
        return name if self.name == TABLE2 else f"families/dvc.yaml:{name}@{self.name}"

    @property
    def stages(self) -> list[str]:
        """The last stages of the family as `dvc repro` takes them."""
        return [self.stage(name) for name in STAGES.get(self.name, ("table", "draw"))]

    @property
    def probed(self) -> dict[str, Row]:
        """Those of its rows that keep embeddings, by full name."""
        rows = {full: row for full, row in self.rows.items() if isinstance(row, Row)}
        return {full: row for full, row in rows.items() if "embeddings" in row.keep}

    @property
    def kinds(self) -> list[str]:
        """The names of its comparisons, in the order in which rows.yaml first has them."""
        return list(dict.fromkeys(kind for row in self.rows.values() for kind in row.against))


class _Family(Strict):
    """What a profile may say of a family."""

    seeds: Seeds | None = None


class _Asked(Strict):
    seeds: Seeds
    families: dict[Name, _Family]

    @field_validator("seeds")
    @classmethod
    def _once(cls, seeds: list[int]) -> list[int]:
        twice = [seed for seed in seeds if seeds.count(seed) > 1]
        if twice:
            raise ValueError(f"{twice[0]!r} is listed twice; keep one")
        return seeds


def read_rows(path: Path = ROWS) -> dict[str, AnyRow]:
    """Every row, by its full name, in the file's order.

    Raises ParamsError for a block that is none, a name that is none, or a row that names one that
    does not exist or that it cannot see.
    """
    node = read_yaml(path)
    for key in node:
        if key not in (TABLE2, "rows", "after"):
            raise ParamsError(
                f"{path}: '{key}' is not a key{nearest(key, [TABLE2, 'rows', 'after'])}"
            )
    rows: dict[str, AnyRow] = {}
    for block, full, content in _blocks(node, path):
        where = f"{block}.{full.removeprefix(f'{TABLE2}/')}"
        row = _row(content, where, path)
        if (row.after is not None) != (block == "after"):
            raise ParamsError(
                f"{path}: {where}: rows with the key 'after', and only these, stand in "
                "the block 'after'"
            )
        rows[full] = row
    return {full: _linked(full, row, rows, path) for full, row in rows.items()}


def _row(content: Any, where: str, path: Path) -> AnyRow:
    if not isinstance(content, dict) or "made" not in content:
        return parse(Row, content, where, path)
    mixed = [key for key in content if key in Row.model_fields.keys() - MadeRow.model_fields.keys()]
    if mixed:
        raise ParamsError(
            f"{path}: {where}: a row that is made has no '{mixed[0]}'; remove it, or remove 'made'"
        )
    return parse(MadeRow, content, where, path)


def _blocks(node: Any, path: Path) -> Iterator[tuple[str, str, Any]]:
    for block in (TABLE2, "rows", "after"):
        rows = node.get(block) or {}
        if not isinstance(rows, dict):
            raise ParamsError(f"{path}: '{block}' is no mapping of names to blocks; write one")
        for key, content in rows.items():
            full = f"{TABLE2}/{key}" if block == TABLE2 else str(key)
            try:
                family, slash, row = full.partition("/")
                if not slash or (block != TABLE2 and family in TABLES):
                    raise ValueError(f"write family/row, and no family {' or '.join(TABLES)}")
                name(family), name(row)
            except ValueError as error:
                raise ParamsError(f"{path}: {block} has a row called '{key}': {error}") from None
            yield block, full, content


def _linked(full: str, row: AnyRow, rows: dict[str, AnyRow], path: Path) -> AnyRow:
    """The row with full names in `against`; `after` has them already."""
    family = family_of(full)
    against = {
        kind: _found(other, full, "against", rows, path) for kind, other in row.against.items()
    }
    for other in against.values():
        if other == full or family_of(other) not in (family, TABLE2):
            raise ParamsError(
                f"{path}: {full}: against '{other}': a row is compared with another one of its own "
                "family or of table2"
            )
        if not rows[other].in_table:
            raise ParamsError(
                f"{path}: {full}: against '{other}': it has members and stands in no table; name "
                "the row that is made of them"
            )
    if against and not row.in_table:
        raise ParamsError(
            f"{path}: {full}: a row with members is compared with none; compare the one that is "
            "made of them"
        )
    _check_after(full, row, rows, path)
    return row.model_copy(update={"against": against})


def _check_after(full: str, row: AnyRow, rows: dict[str, AnyRow], path: Path) -> None:
    """That `after` names a row in full, or a family of them, and goes in no circle."""
    if not row.after:
        return
    if row.after in map(family_of, rows):
        if row.after == family_of(full):
            raise ParamsError(f"{path}: {full}: after its own family; name another, or one row")
    elif row.after != (after := _found(row.after, full, "after", rows, path)):
        raise ParamsError(f"{path}: {full}: after: write the full name, {after}; DVC reads it too")
    before = rows_before(row, rows)
    if isinstance(row, Row) and (len(before) > 1 or not rows[before[0]].in_table):
        raise ParamsError(
            f"{path}: {full}: after '{row.after}': a row that is trained comes after one cell a "
            "seed; make an ensemble of them and name that"
        )
    if way := _circle([full], rows, path):
        raise ParamsError(f"{path}: {full}: after goes in a circle: {' → '.join(way)}")


def _circle(passed: list[str], rows: dict[str, AnyRow], path: Path) -> list[str]:
    """The way from the last row passed back to one of those passed; empty where there is none."""
    last = rows[passed[-1]]
    if last.after and last.after not in map(family_of, rows):
        _found(last.after, passed[-1], "after", rows, path)
    for place in rows_before(last, rows):
        if place in passed:
            return [*passed, place]
        if way := _circle([*passed, place], rows, path):
            return way
    return []


def rows_before(row: AnyRow, rows: dict[str, AnyRow]) -> list[str]:
    """Full names of the rows that it comes after: the one that `after` names, or a family's."""
    if row.after is None or "/" in row.after:
        return [row.after] if row.after else []
    return [full for full in rows if family_of(full) == row.after]


def _found(other: str, full: str, key: str, rows: dict[str, AnyRow], path: Path) -> str:
    whole = other if "/" in other else f"{family_of(full)}/{other}"
    if whole not in rows:
        raise ParamsError(f"{path}: {full}: {key} '{other}' is no row{nearest(whole, rows)}")
    return whole


def family_of(full: str) -> str:
    """ "table2/cnn10" → "table2"."""
    return full.partition("/")[0]


def families(path: Path = PARAMS) -> list[str]:
    """The families of the profile, Table 2 first."""
    return [TABLE2, *_asked(path).families]


def read_family(family: str, path: Path = PARAMS, rows_path: Path = ROWS) -> Family:
    """A family as params.yaml and rows.yaml have it; ParamsError where it is none or has no row."""
    rows = read_rows(rows_path)
    found = {full: row for full, row in rows.items() if family_of(full) == family}
    if not found:
        known = list(dict.fromkeys(map(family_of, rows)))
        raise ParamsError(f"{rows_path}: no row is of a family '{family}'{nearest(family, known)}")
    asked = _asked(path)
    if family != TABLE2 and family not in asked.families:
        raise ParamsError(
            f"{path}: families has no '{family}'{nearest(family, asked.families)}; add it, e.g. "
            f"'{family}: {{}}'"
        )
    own = asked.families.get(family)
    return Family(family, found, (own.seeds if own else None) or asked.seeds)


def _asked(path: Path) -> _Asked:
    node = {key: section(key, path) for key in ("seeds", "families")}
    asked = parse(_Asked, node, "", path)
    if TABLE2 in asked.families:
        raise ParamsError(
            f"{path}: families: table2 takes the seeds above; remove it from the list"
        )
    return asked
