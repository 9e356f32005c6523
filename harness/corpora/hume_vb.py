"""Hume-VB in the layout of ExVo 2022 or of A-VB 2022, as its owners serve it under their licence.

From Zenodo with a granted account's token or a share link's, or from a folder or archive.

ExVo:  data_info.csv, wav/<id>.wav.
A-VB:  labels/high_info.csv, the rest of each clip's facts in other labels/*_info.csv, audio/wav/.
The order of the columns differs between releases, so they are read by name; archives may put either
layout below folders of their own.
"""

from pathlib import Path
from typing import Literal

import pandas as pd
from pydantic import Field

from harness.config.corpus import CorpusBlock
from harness.config.strict import Strict
from harness.corpora import zenodo
from harness.corpora.clips import Corpus
from harness.corpora.partial import Remote
from harness.corpora.received import opened, receive
from harness.corpora.tables import NOTHING, check_keys, numbers, read_table
from harness.corpora.transport import Client
from harness.errors import CorpusError

TARGETS = ["Awe", "Excitement", "Amusement", "Awkwardness", "Fear"]
TARGETS += ["Horror", "Distress", "Triumph", "Sadness", "Surprise"]
SPLITS = {"Train": "train", "Val": "dev", "Test": "test"}
COUNTRIES = ["China", "South Africa", "United States", "Venezuela"]  # ExVo's integer classes
ELSEWHERE = ["data_info.csv", "culture_info.csv", "type_info.csv", "two_info.csv"]
SOURCE = "https://doi.org/10.5281/zenodo.6308780"
RECORD = "6308780"
LINK = "HUME_VB_LINK_TOKEN"
ACCESS = (
    f"accept the EULA at {SOURCE}, then set {zenodo.BEARER} to a token of the account that was "
    f"granted access, or {LINK} to the token of your share link, or name a copy in corpus.path"
)


class CompleteCopy(Strict):
    """Clips that a complete copy has in each split."""

    train: int
    dev: int
    test: int


class Params(CorpusBlock):
    """`path`: a folder or archive, else `record` is downloaded from `api`; `files`: patterns of the
    names wanted of it; `expected`: the counts that a complete copy has, if they are known."""

    name: Literal["hume-vb"]
    path: str | None = Field(default=None, min_length=1)
    api: str = Field(default=zenodo.API, pattern=zenodo.ADDRESS)
    record: str = Field(default=RECORD, pattern=r"^\d+$")
    files: list[str] = Field(default=["*"], min_length=1)
    expected: CompleteCopy | None = None


def acquire(params: Params, folder: Path) -> Corpus:
    """The clips with ratings in [0, 1], each clip's largest being 1.

    Without `path` they are downloaded to `raw`/hume-vb beside `folder`. Raises AccessError saying
    what to do where there are no rights, CorpusError when a table, a column or a clip's labels are
    not as the releases have them.
    """
    root = _place(params, folder.parent / "raw")
    table, audio, layout = _table(root)
    clips = pd.DataFrame({"clip": table["File_ID"]})
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
    clips[TARGETS] = numbers(table, TARGETS, "hume-vb", "File_ID")
    _check_peaks(clips)
    if params.expected:
        _check_counts(clips["split"], params.expected)
    facts = {
        "source": SOURCE,
        "layout": layout,
        "labels": "mean rating divided by the clip's largest; train and dev clips peak at 1",
    }
    return Corpus("hume-vb", root, TARGETS, clips, facts)


def _place(params: Params, raw: Path) -> Path:
    if params.path:
        return opened(Path(params.path).expanduser(), raw, "hume-vb")

    def offered(client: Client, parcel: Path) -> list[Remote]:
        return zenodo.files(client, params.api, params.record, params.files, ACCESS)

    return receive(raw / "hume-vb", SOURCE, zenodo.client(params.api, LINK), offered)


def _table(root: Path) -> tuple[pd.DataFrame, str, str]:
    """All rows as text, the folder of the sounds below `root`, and the layout's name."""
    exvo = _below(root, "data_info.csv", "high_info.csv")
    if exvo:
        columns = ["File_ID", "Split", "Subject_ID", *TARGETS]
        return _read(exvo, columns), _audio(root, exvo.parent / "wav"), "ExVo 2022"
    high = _below(root, "high_info.csv")
    if not high:
        raise CorpusError(
            f"hume-vb: {root} has neither data_info.csv (ExVo 2022) nor labels/high_info.csv (A-VB "
            f"2022); name the unpacked corpus in corpus.path, or ask for access at {SOURCE}"
        )
    table = _read(high, ["File_ID", "Split", *TARGETS])
    for file in (high.parent / other for other in ELSEWHERE):
        if file.is_file():
            table = _joined(table, file)
    if "Subject_ID" not in table:
        raise CorpusError(
            f"hume-vb: no table in {high.parent} has a column 'Subject_ID'; restore "
            f"{ELSEWHERE[0]}, which tells the speakers"
        )
    return table, _audio(root, high.parents[1] / "audio" / "wav"), "A-VB 2022"


def _read(file: Path, columns: list[str]) -> pd.DataFrame:
    """A table of the releases: ids stand in brackets in some, nan stands for what is missing."""
    table = read_table(file, columns, "hume-vb", "File_ID").replace(NOTHING)
    table["File_ID"] = table["File_ID"].str.strip("[] ")
    check_keys(table["File_ID"], file, "hume-vb")
    return table


def _below(root: Path, name: str, beside: str | None = None) -> Path | None:
    """The file of that name up to two folders below `root`, unless `beside` lies beside it."""
    found = sorted(file for depth in ("", "*/", "*/*/") for file in root.glob(depth + name))
    found = [file for file in found if not beside or not (file.parent / beside).is_file()]
    if len(found) > 1:
        raise CorpusError(
            f"hume-vb: {found[0]} and {found[1]} both look like the corpus; name the folder of one "
            "in corpus.path"
        )
    return found[0] if found else None


def _audio(root: Path, usual: Path) -> str:
    """The folder of the sounds relative to `root`: the usual one, or the only one named wav."""
    others = [folder for depth in ("", "*/", "*/*/") for folder in root.glob(depth + "wav")]
    folder = others[0] if not usual.is_dir() and len(others) == 1 else usual
    return folder.relative_to(root).as_posix()


def _joined(table: pd.DataFrame, file: Path) -> pd.DataFrame:
    other = _read(file, ["File_ID"])
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


def _check_counts(split: "pd.Series[str]", expected: CompleteCopy) -> None:
    for name, count in expected.model_dump().items():
        found = int((split == name).sum())
        if found != count:
            raise CorpusError(
                f"hume-vb: the {name} split has {found} clips, not {count}; restore the table, or "
                "correct corpus.expected if this release differs"
            )
