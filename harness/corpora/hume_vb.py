"""Hume-VB in the layout of ExVo 2022 or of A-VB 2022, as its owners serve it under their licence.

ExVo:  data_info.csv, wav/<id>.wav.
A-VB:  labels/high_info.csv, the rest of each clip's facts in other labels/*_info.csv, audio/wav/.
The order of the columns differs between releases, so they are read by name.
"""

from pathlib import Path
from typing import Literal

import pandas as pd
from pydantic import Field

from harness.config.strict import Strict
from harness.corpora.clips import Corpus
from harness.errors import CorpusError

TARGETS = ["Awe", "Excitement", "Amusement", "Awkwardness", "Fear"]
TARGETS += ["Horror", "Distress", "Triumph", "Sadness", "Surprise"]
SPLITS = {"Train": "train", "Val": "dev", "Test": "test"}
COUNTRIES = ["China", "South Africa", "United States", "Venezuela"]  # ExVo's integer classes
ELSEWHERE = ["data_info.csv", "culture_info.csv", "type_info.csv", "two_info.csv"]
SOURCE = "https://doi.org/10.5281/zenodo.6308780"


class Counts(Strict):
    """Clips that a complete copy has in each split."""

    train: int
    dev: int
    test: int


class Params(Strict):
    """`path`: the unpacked corpus; `expected`: the counts that it must have, if they are known."""

    name: Literal["hume-vb"]
    path: str = Field(min_length=1)
    expected: Counts | None = None


def acquire(params: Params, folder: Path) -> Corpus:
    """The clips with ratings in [0, 1], each clip's largest being 1; `folder` is not used.

    Raises CorpusError when a table, a column or a clip's labels are not as the releases have them.
    """
    root = Path(params.path).expanduser()
    table, audio, layout = _table(root)
    clips = pd.DataFrame({"clip": table["File_ID"].str.strip("[] ")})
    clips["path"] = audio + "/" + clips["clip"] + ".wav"
    odd = table[~table["Split"].isin(SPLITS)]
    if len(odd):
        row = odd.iloc[0]
        raise CorpusError(
            f"hume-vb: clip {row['File_ID']} has Split '{row['Split']}'; use {', '.join(SPLITS)}"
        )
    clips["split"] = table["Split"].map(SPLITS)
    clips["speaker"] = table["Subject_ID"]
    clips["country"] = _country(table)
    clips[TARGETS] = _labels(table)
    _check_peaks(clips)
    if params.expected:
        _check_counts(clips["split"], params.expected)
    facts = {
        "source": SOURCE,
        "layout": layout,
        "labels": "mean rating divided by the clip's largest; train and dev clips peak at 1",
    }
    return Corpus("hume-vb", root, TARGETS, clips, facts)


def _table(root: Path) -> tuple[pd.DataFrame, str, str]:
    labels = root / "labels"
    if (root / "data_info.csv").is_file():
        columns = ["File_ID", "Split", "Subject_ID", *TARGETS]
        return _csv(root / "data_info.csv", columns), "wav", "ExVo 2022"
    if not (labels / "high_info.csv").is_file():
        raise CorpusError(
            f"hume-vb: {root} has neither data_info.csv (ExVo 2022) nor labels/high_info.csv (A-VB "
            f"2022); name the unpacked corpus in corpus.path, or ask for access at {SOURCE}"
        )
    table = _csv(labels / "high_info.csv", ["File_ID", "Split", *TARGETS])
    for file in (labels / other for other in ELSEWHERE):
        if file.is_file():
            table = _joined(table, file)
    if "Subject_ID" not in table:
        raise CorpusError(
            f"hume-vb: no table in {labels} has a column 'Subject_ID'; restore {ELSEWHERE[0]}, "
            "which tells the speakers"
        )
    return table, "audio/wav", "A-VB 2022"


def _csv(file: Path, columns: list[str]) -> pd.DataFrame:
    try:
        table = pd.read_csv(
            file, dtype=str, keep_default_na=False, na_values=["nan", "NaN"]
        ).fillna("")
    except (pd.errors.EmptyDataError, pd.errors.ParserError, UnicodeDecodeError) as error:
        raise CorpusError(
            f"hume-vb: {file} is not a CSV table: {error}; restore the file"
        ) from None
    table = table.rename(columns=str.strip).apply(lambda column: column.str.strip())
    missing = [c for c in columns if c not in table]
    if missing:
        raise CorpusError(
            f"hume-vb: {file} has no column '{missing[0]}', only {', '.join(table.columns)}; "
            "restore the file"
        )
    twice = table["File_ID"][table["File_ID"].duplicated()]
    if len(twice):
        raise CorpusError(f"hume-vb: {file} lists clip {twice.iloc[0]} twice; keep one row")
    return table


def _joined(table: pd.DataFrame, file: Path) -> pd.DataFrame:
    other = _csv(file, ["File_ID"])
    new = [c for c in ("Subject_ID", "Country", "Country_string") if c in other and c not in table]
    absent = sorted(set(table["File_ID"]) - set(other["File_ID"]))
    if new and absent:
        raise CorpusError(f"hume-vb: {file} has no row for clip {absent[0]}; restore the file")
    return table.merge(other[["File_ID", *new]], on="File_ID", how="left", validate="1:1")


def _country(table: pd.DataFrame) -> "pd.Series[str]":
    if "Country_string" in table:
        return table["Country_string"]
    if "Country" not in table:
        return pd.Series("", index=table.index)
    classes = {f"{i}{end}": country for i, country in enumerate(COUNTRIES) for end in ("", ".0")}
    country = table["Country"].replace(classes)
    odd = country[country.str.fullmatch(r"[-+.\d]+")]
    if len(odd):
        raise CorpusError(
            f"hume-vb: clip {table['File_ID'][odd.index[0]]} has Country {odd.iloc[0]}; use 0 to 3 "
            f"for {', '.join(COUNTRIES)}, or the name"
        )
    return country


def _labels(table: pd.DataFrame) -> pd.DataFrame:
    for target in TARGETS:
        odd = table[pd.to_numeric(table[target], errors="coerce").isna() & (table[target] != "")]
        if len(odd):
            raise CorpusError(
                f"hume-vb: clip {odd['File_ID'].iloc[0]} has {target} = '{odd[target].iloc[0]}'; "
                "write a number, or nothing for a test clip"
            )
    return table[TARGETS].replace("", "nan").astype(float)


def _check_peaks(clips: pd.DataFrame) -> None:
    values = clips[TARGETS].to_numpy(float)
    whole = ((values >= 0) & (values <= 1)).all(axis=1)  # the rest is for Corpus.check to report
    labelled = (clips["split"] != "test").to_numpy()
    flat = clips["clip"][labelled & whole & ~(values == 1).any(axis=1)]
    if len(flat):
        raise CorpusError(
            f"hume-vb: clip '{flat.iloc[0]}' has no emotion at exactly 1, as each train and dev "
            "clip of the releases has; restore the table, or divide each row by its largest label"
        )


def _check_counts(split: "pd.Series[str]", expected: Counts) -> None:
    for name, count in expected.model_dump().items():
        found = int((split == name).sum())
        if found != count:
            raise CorpusError(
                f"hume-vb: the {name} split has {found} clips, not {count}; restore the table, or "
                "correct corpus.expected if this release differs"
            )
