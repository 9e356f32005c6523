"""CSV tables that others wrote, read as text by column name, or refused by name."""

import csv
from collections import Counter
from pathlib import Path

import pandas as pd

from harness.errors import CorpusError

NOTHING = dict.fromkeys(["nan", "NaN"], "")  # where a number or a fact is missing


def read_table(file: Path, columns: list[str], corpus: str, key: str) -> pd.DataFrame:
    """All rows as text without the blanks around it; `key` is the column that names a row.

    Any order of columns, line end and quoting, with or without a byte-order mark. Raises
    CorpusError for a file that is no UTF-8 CSV, a column that is missing or there twice, a row
    with too few or too many fields, and a key that is empty or there twice.
    """
    header = _header(file, corpus)
    for column, count in Counter(header).items():
        if count > 1 and column:
            raise CorpusError(f"{corpus}: {file} has the column '{column}' {count} times; keep one")
    missing = [c for c in columns if c not in header]
    if missing:
        raise CorpusError(
            f"{corpus}: {file} has no column '{missing[0]}', only {', '.join(header)}; "
            "restore the file"
        )
    table = _rows(file, header, corpus)
    check_keys(table[key], file, corpus)
    return table


def check_keys(keys: "pd.Series[str]", file: Path, corpus: str) -> None:
    """CorpusError for a row of `file` whose key is empty or another's."""
    if (keys == "").any():
        row = int((keys == "").to_numpy().argmax()) + 1
        raise CorpusError(f"{corpus}: {file}: row {row} has no {keys.name}; fill it in")
    twice = keys[keys.duplicated()]
    if len(twice):
        raise CorpusError(f"{corpus}: {file} lists clip {twice.iloc[0]} twice; keep one row")


def _header(file: Path, corpus: str) -> list[str]:
    try:
        with file.open(encoding="utf-8-sig", newline="") as stream:
            header = next(csv.reader(stream, strict=True), [])
    except FileNotFoundError:
        raise CorpusError(f"{corpus}: {file} is missing; restore it") from None
    except (UnicodeDecodeError, csv.Error, OSError) as error:
        raise _no_table(file, corpus, error) from None
    if not any(header):
        raise _no_table(file, corpus, "no header")
    return [column.strip() for column in header]


def _rows(file: Path, header: list[str], corpus: str) -> pd.DataFrame:
    rows = []
    try:
        with file.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.reader(stream, strict=True)
            next(reader)
            for row in reader:
                if row and len(row) != len(header):
                    raise CorpusError(
                        f"{corpus}: {file}:{reader.line_num}: {len(row)} fields under "
                        f"{len(header)} columns; correct the row"
                    )
                if row:
                    rows.append([field.strip() for field in row])
    except (UnicodeDecodeError, csv.Error) as error:
        raise _no_table(file, corpus, error) from None
    return pd.DataFrame(rows, columns=header, dtype=str)


def _no_table(file: Path, corpus: str, why: object) -> CorpusError:
    return CorpusError(
        f"{corpus}: {file} is not a CSV table in UTF-8: {why}; save it as such, or restore it"
    )


def numbers(table: pd.DataFrame, columns: list[str], corpus: str, key: str) -> pd.DataFrame:
    """Text columns as floats, NaN for "" and NaN; CorpusError names the first other text."""
    texts = table[columns].replace(NOTHING)
    for column in columns:
        odd = pd.to_numeric(texts[column], errors="coerce").isna() & (texts[column] != "")
        if odd.any():
            raise CorpusError(
                f"{corpus}: clip {table[key][odd].iloc[0]} has {column} = "
                f"'{texts[column][odd].iloc[0]}'; write a number, or nothing for a test clip"
            )
    return texts.replace("", "nan").astype(float)


def check_each_varies(clips: pd.DataFrame, targets: list[str], corpus: str) -> None:
    """CorpusError for a target that is the same for all train or dev clips: it has no CCC."""
    for split in ("train", "dev"):
        own = clips[clips["split"] == split]
        for target in targets:
            if len(own) and own[target].nunique(dropna=False) == 1:
                raise CorpusError(
                    f"{corpus}: {target} is {own[target].iloc[0]:g} for every {split} clip, so "
                    "nothing can be learned or scored; drop it from the targets, or add clips"
                )
