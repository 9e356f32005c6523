"""The block `table` of params.yaml: which rows and seeds are in Table 2, and what each row is."""

from pathlib import Path
from typing import NamedTuple

from pydantic import Field, field_validator

from harness.config.strict import PARAMS, Strict, block, profile, section
from harness.errors import ParamsError


class Table(Strict):
    """Rows in the order of the table, the first being the global baseline; seeds of every row."""

    rows: list[str] = Field(min_length=1)
    seeds: list[int] = Field(min_length=1)

    @field_validator("rows", "seeds")
    @classmethod
    def _once(cls, values: list[object]) -> list[object]:
        twice = [value for value in values if values.count(value) > 1]
        if twice:
            raise ValueError(f"{twice[0]!r} is listed twice; keep one")
        return values


class Row(NamedTuple):
    """A row as the table sees it; the rest of its block concerns training only."""

    name: str
    encoder: str
    method: str


def read_table(path: Path = PARAMS) -> tuple[str, list[Row], list[int]]:
    """The profile's name, the rows of the table, and the seeds.

    Raises ParamsError, e.g. for a row in `table.rows` that has no block under `rows`.
    """
    table, blocks = block(Table, "table", path), section("rows", path) or {}
    return profile(path), [_row(name, blocks, path) for name in table.rows], table.seeds


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


def _row(name: str, blocks: dict[str, object], path: Path) -> Row:
    if name not in blocks:
        raise ParamsError(
            f"{path}: table.rows has '{name}', but rows has no such block; add it or remove the row"
        )
    content = blocks[name]
    known = content if isinstance(content, dict) else {}
    encoder, method = known.get("encoder"), known.get("method")
    if not isinstance(encoder, str) or not isinstance(method, str):
        raise ParamsError(f"{path}: rows.{name} needs a name for both 'encoder' and 'method'")
    return Row(name, str(encoder), str(method))
