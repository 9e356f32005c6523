"""The blocks `table` and `sensitivity` of params.yaml: rows and seeds, and what each row is."""

from pathlib import Path
from typing import Annotated, Any, NamedTuple

from pydantic import Field, field_validator

from harness.config.names import Name, Varied, name
from harness.config.readings import base
from harness.config.strict import PARAMS, Strict, block, profile, section
from harness.errors import ParamsError

Seed = Annotated[int, Field(ge=0, lt=2**32)]  # what every generator takes


class _Asked(Strict):
    seeds: list[Seed] = Field(min_length=1)

    @field_validator("rows", "seeds", check_fields=False)
    @classmethod
    def _once(cls, values: list[object]) -> list[object]:
        twice = [value for value in values if values.count(value) > 1]
        if twice:
            raise ValueError(f"{twice[0]!r} is listed twice; keep one")
        return values


class Table(_Asked):
    """Rows in the order of the table, the first being the global baseline; seeds of every row."""

    rows: list[Name] = Field(min_length=1)


class Sensitivity(_Asked):
    """Rows of the table with changed readings, and seeds of the table."""

    rows: list[Varied] = Field(min_length=1)


class Row(NamedTuple):
    """A row as the table sees it; the rest of its block concerns training only."""

    name: str
    encoder: str
    method: str


def read_table(path: Path = PARAMS) -> tuple[str, list[Row], list[int]]:
    """The profile's name, the rows of the table, and the seeds.

    Raises ParamsError, e.g. for a row in `table.rows` that has no block under `rows`.
    """
    table, blocks = block(Table, "table", path), row_blocks(path)
    return profile(path), [_row(one, blocks, path) for one in table.rows], table.seeds


def read_sensitivity(path: Path = PARAMS) -> Sensitivity:
    """The block `sensitivity`; ParamsError where the table lacks one of its rows or seeds."""
    asked, (_, rows, seeds) = block(Sensitivity, "sensitivity", path), read_table(path)
    untrained = [base(row) for row in asked.rows if base(row) not in [row.name for row in rows]]
    if untrained or not set(asked.seeds) <= set(seeds):
        missing = f"row '{untrained[0]}'" if untrained else f"seeds {asked.seeds}"
        raise ParamsError(f"{path}: sensitivity needs {missing} in table as well")
    return asked


def row_blocks(path: Path = PARAMS) -> dict[str, Any]:
    """The blocks below `rows`, by name, not yet validated; ParamsError for what is no name."""
    blocks = section("rows", path)
    if not isinstance(blocks, dict):
        raise ParamsError(f"{path}: 'rows' is no mapping of names to blocks; write one")
    for row in blocks:
        try:
            name(str(row))
        except ValueError as error:
            raise ParamsError(f"{path}: rows has a row called '{row}': {error}") from None
    return blocks


def local_baseline(row: Row, rows: list[Row]) -> Row | None:
    """The vanilla row of the same encoder (§4, "local gain"); None for that row itself."""
    same = (other for other in rows if (other.encoder, other.method) == (row.encoder, "vanilla"))
    vanilla = next(same, None)
    return None if vanilla == row else vanilla


def global_baseline(row: Row, rows: list[Row]) -> Row | None:
    """The first row of the table (ResNet 18 in the paper); None for that row itself."""
    return None if row == rows[0] else rows[0]


def ruwl_baseline(row: Row, rows: list[Row]) -> Row | None:
    """The same encoder's row without RUWL (§4, "w/o RUWL"); None for a row that is not with it."""
    if row.method != "rrtn-ruwl":
        return None
    same = (other for other in rows if (other.encoder, other.method) == (row.encoder, "rrtn"))
    return next(same, None)


BASELINES = {"local": local_baseline, "global": global_baseline, "ruwl": ruwl_baseline}


def _row(row: str, blocks: dict[str, Any], path: Path) -> Row:
    if row not in blocks:
        raise ParamsError(
            f"{path}: table.rows has '{row}', but rows has no such block; add it or remove the row"
        )
    content = blocks[row]
    known = content if isinstance(content, dict) else {}
    encoder, method = known.get("encoder"), known.get("method")
    if not isinstance(encoder, str) or not isinstance(method, str):
        raise ParamsError(f"{path}: rows.{row} needs a name for both 'encoder' and 'method'")
    return Row(row, str(encoder), str(method))
