"""The clip table: what every corpus becomes, and what is checked on arrival.

One row a clip: `clip` (id, text), `path` (audio, relative to the corpus root), `split` (train, dev
or test), `speaker` (test clips may lack it), `country` (may be empty), `sha256` of the file, then
one column a target in [0, 1]. Test clips may lack targets; train and dev clips may not.
"""

import hashlib
import json
import os
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pandas as pd

from harness.errors import CorpusError
from harness.stage import read_facts

IDENTITY = ["clip", "path", "split", "speaker", "country"]
SPLITS = ("train", "dev", "test")
# What stands beside the targets in a table: of clips, features, predictions, scores.
RESERVED = [*IDENTITY, "sha256", "start", "frames"]
RESERVED += ["row", "seed", "selection", "epoch", "target", "ccc", "mean"]
DEV_SPEAKERS = 2  # at least: of one there is nothing to resample
SOUNDS = (".wav", ".flac", ".ogg", ".opus", ".mp3", ".aif", ".aiff", ".m4a")


@dataclass(frozen=True)
class Corpus:
    """A corpus ready for feature extraction.

    `clips`: the table described above (without `sha256`, which `write` adds); `root`: the folder
    that `path` is relative to; `facts`: what else is known (ceiling, oracle, licence, reading
    notes), written to `corpus.json` as it is.
    """

    name: str
    root: Path
    targets: list[str]
    clips: pd.DataFrame
    facts: dict[str, Any] = field(default_factory=dict)

    def check(self) -> None:
        """Raise CorpusError, naming the first clip or speaker at fault and the remedy."""
        self._check_columns()
        self._check_identity()
        self._check_speakers()
        self._check_targets()
        self._check_files()

    def _check_columns(self) -> None:
        check_targets(self.targets, self.name)
        missing = [c for c in (*IDENTITY, *self.targets) if c not in self.clips.columns]
        if missing:
            raise CorpusError(f"{self.name}: the clip table lacks column '{missing[0]}'; add it")

    def _check_identity(self) -> None:
        table, name = self.clips, self.name
        if _blank(table["clip"]).any():
            raise CorpusError(f"{name}: a row of the clip table has no clip id; fill it in")
        for column in ("clip", "path"):
            twice = table[column][table[column].duplicated()]
            if len(twice):
                raise CorpusError(
                    f"{name}: {column} '{twice.iloc[0]}' is listed twice; keep one row"
                )
        odd = table[~table["split"].isin(SPLITS)]
        if len(odd):
            row = odd.iloc[0]
            raise CorpusError(
                f"{name}: clip '{row['clip']}' has split '{row['split']}'; use {', '.join(SPLITS)}"
            )
        for split in ("train", "dev"):
            if not (table["split"] == split).any():
                raise CorpusError(f"{name}: the {split} split has no clips; check the split column")

    def _check_speakers(self) -> None:
        blank = _blank(self.clips["speaker"])
        unnamed = self.clips["clip"][blank & (self.clips["split"] != "test")]
        if len(unnamed):
            raise CorpusError(f"{self.name}: clip '{unnamed.iloc[0]}' has no speaker; fill it in")
        splits = self.clips[~blank].groupby("speaker")["split"].unique()
        shared = splits[splits.map(len) > 1]
        if len(shared):
            raise CorpusError(
                f"{self.name}: speaker '{shared.index[0]}' is in {' and '.join(shared.iloc[0])}; "
                "move all clips of a speaker to one split"
            )
        dev = self.clips["speaker"][self.clips["split"] == "dev"].unique()
        if len(dev) < DEV_SPEAKERS:
            raise CorpusError(
                f"{self.name}: '{dev[0]}' is the only speaker of the dev split; the statistics "
                f"resample speakers and need {DEV_SPEAKERS}, so move another one's clips to dev"
            )

    def _check_targets(self) -> None:
        values = self.clips[self.targets].apply(pd.to_numeric, errors="coerce").to_numpy(float)
        test = (self.clips["split"] == "test").to_numpy()[:, None]
        bad = np.argwhere(~((values >= 0) & (values <= 1) | test & np.isnan(values)))
        if len(bad):
            row, column = bad[0]
            target = self.targets[column]
            raise CorpusError(
                f"{self.name}: clip '{self.clips['clip'].iloc[row]}' has {target} = "
                f"{self.clips[target].iloc[row]}; targets lie in [0, 1], correct or remove the clip"
            )

    def _check_files(self) -> None:
        for clip, path in zip(self.clips["clip"], self.clips["path"], strict=True):
            file = self.root / path
            if not file.is_file():
                remedy = _remedy(clip, path, self.root)
                raise CorpusError(f"{self.name}: clip '{clip}': {file} is missing; {remedy}")
            if file.stat().st_size == 0:
                raise CorpusError(
                    f"{self.name}: clip '{clip}': {file} is empty; restore it or remove the row"
                )

    def write(self, folder: Path) -> None:
        """Check, then write `clips.csv` (with each file's sha256) and `corpus.json` to `folder`.

        Rows are sorted by clip id. `corpus.json` keeps a relative `root` as seen from `folder`, so
        that the folder can be moved to a sibling's place, and counts files with the same bytes.
        """
        self.check()
        folder.mkdir(parents=True, exist_ok=True)
        sums = [
            hashlib.sha256((self.root / p).read_bytes()).hexdigest() for p in self.clips["path"]
        ]
        columns = [*IDENTITY, "sha256", *self.targets]
        table = self.clips.assign(sha256=sums)[columns].sort_values("clip")
        table.to_csv(folder / "clips.csv", index=False, lineterminator="\n")
        speakers = table[~_blank(table["speaker"])].groupby("split")["speaker"].nunique()
        about = {
            **self.facts,
            "name": self.name,
            "root": self._seen_from(folder),
            "targets": self.targets,
            "clips": _per_split(table["split"].value_counts()),
            "speakers": _per_split(speakers),
            "same_bytes": {
                "clips": int(table["sha256"].duplicated().sum()),
                "across_splits": int((table.groupby("sha256")["split"].nunique() > 1).sum()),
            },
        }
        text = json.dumps(about, indent=2, ensure_ascii=False)
        (folder / "corpus.json").write_text(text + "\n", encoding="utf-8")

    def _seen_from(self, folder: Path) -> str:
        """`root` from `folder`; outside of the repository by the link that the stage `source` left.

        So no path of a machine gets into the file.
        """
        name = folder.name.removeprefix(".").removesuffix(".new")  # as `replacing` calls it
        link = folder.parent / "source" / name / "corpus"
        if not self.root.is_absolute() or self.root.is_relative_to(folder):
            return os.path.relpath(self.root, folder)
        if link.is_symlink() and self.root.resolve().is_relative_to(link.resolve()):
            below = self.root.resolve().relative_to(link.resolve())
            return os.path.relpath(link / below, folder)
        return str(self.root)


def read(folder: Path) -> tuple[pd.DataFrame, dict[str, Any]]:
    """The clip table (ids as text, `sha256` included) and the facts that `Corpus.write` left.

    `root` in the facts is the audio's folder, usable as it is. Raises CorpusError when a file or
    column is missing, or the facts cannot be read.
    """
    for name in ("clips.csv", "corpus.json"):
        if not (folder / name).is_file():
            raise CorpusError(f"{folder / name} is missing; run `dvc repro download`")
    about = read_facts(folder, ("root", "targets"), CorpusError)
    about["root"] = os.path.normpath(folder / about["root"])
    kinds = dict.fromkeys([*IDENTITY, "sha256"], str)
    table = pd.read_csv(folder / "clips.csv", dtype=kinds, keep_default_na=False)
    for column in [*kinds, *about["targets"]]:
        if column not in table.columns:
            raise CorpusError(
                f"{folder / 'clips.csv'} has no column '{column}'; run `dvc repro -f download`"
            )
    table[about["targets"]] = table[about["targets"]].apply(pd.to_numeric, errors="coerce")
    return table, about


def written(folder: Path) -> set[str]:
    """The files that a corpus may have put into `folder`, as paths relative to it."""
    if not (folder / "corpus.json").is_file() or not (folder / "clips.csv").is_file():
        return set()
    clips, about = read(folder)
    sounds = set(clips["path"]) if Path(about["root"]) == folder else set()
    return {"clips.csv", "corpus.json", "data_info.csv", *sounds}


def check_targets(targets: list[str], corpus: str) -> None:
    """CorpusError for targets that no table could tell apart, or from its own columns."""
    if not targets:
        raise CorpusError(f"{corpus}: no targets; name at least one")
    twice = [target for target in targets if targets.count(target) > 1]
    if twice:
        raise CorpusError(f"{corpus}: target '{twice[0]}' is named twice; rename or drop one")
    taken = [target for target in targets if target in RESERVED]
    if taken:
        raise CorpusError(
            f"{corpus}: a target cannot be called '{taken[0]}'; rename it, in the table too: "
            f"{', '.join(RESERVED)} are taken"
        )


def _remedy(clip: str, path: str, root: Path) -> str:
    """What to do about a sound that is not there."""
    own, added = PurePosixPath(clip).suffix, PurePosixPath(path).suffix
    if own.lower() in SOUNDS and path.endswith(clip + added):
        audio = path.removesuffix(clip + added) + "{clip}"
        return f'the id ends in {own} already, so set corpus.audio to "{audio}"'
    alike = _alike(root, path)
    if alike:
        return (
            f"{alike} is there, in another case or Unicode form (NFC or NFD); rename it, or "
            "correct the id, so that they agree"
        )
    return "restore it or remove the row"


def _alike(root: Path, path: str) -> Path | None:
    """The file whose name differs from `path` in case or Unicode form only."""
    place = root
    for part in PurePosixPath(path).parts:
        names = [other.name for other in place.glob("*") if _folded(other.name) == _folded(part)]
        if not names:
            return None
        place /= part if part in names else names[0]
    return place


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def _blank(column: "pd.Series[Any]") -> "pd.Series[bool]":
    return column.isna() | (column.astype(str) == "")


def _per_split(counts: "pd.Series[int]") -> dict[str, int]:
    return {split: int(counts[split]) for split in SPLITS if split in counts}
