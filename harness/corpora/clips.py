"""The clip table: what every corpus becomes, and what is checked on arrival.

One row a clip: `clip` (id, text), `path` (audio, relative to the corpus root), `split` (train, dev
or test), `speaker`, `country` (may be empty), `sha256` of the file, then one column a target in
[0, 1]. Test clips may lack targets; train and dev clips may not.
"""

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from harness.errors import CorpusError

IDENTITY = ["clip", "path", "split", "speaker", "country"]
SPLITS = ("train", "dev", "test")


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
        table, name = self.clips, self.name
        missing = [c for c in [*IDENTITY, *self.targets] if c not in table.columns]
        if missing:
            raise CorpusError(f"{name}: the clip table has no column '{missing[0]}'")
        twice = table["clip"][table["clip"].duplicated()]
        if len(twice):
            raise CorpusError(f"{name}: clip '{twice.iloc[0]}' is listed twice; keep one row")
        odd = table[~table["split"].isin(SPLITS)]
        if len(odd):
            row = odd.iloc[0]
            raise CorpusError(
                f"{name}: clip '{row['clip']}' has split '{row['split']}'; use {', '.join(SPLITS)}"
            )
        for split in ("train", "dev"):
            if not (table["split"] == split).any():
                raise CorpusError(f"{name}: the {split} split has no clips; check the split column")
        unnamed = table["clip"][table["speaker"].isna() | (table["speaker"].astype(str) == "")]
        if len(unnamed):
            raise CorpusError(f"{name}: clip '{unnamed.iloc[0]}' has no speaker; fill the column")
        self._check_speakers()
        self._check_targets()
        self._check_files()

    def _check_speakers(self) -> None:
        splits = self.clips.groupby("speaker")["split"].unique()
        shared = splits[splits.map(len) > 1]
        if len(shared):
            raise CorpusError(
                f"{self.name}: speaker '{shared.index[0]}' is in {' and '.join(shared.iloc[0])}; "
                "move all clips of a speaker to one split"
            )

    def _check_targets(self) -> None:
        labelled = self.clips[self.clips["split"] != "test"]
        values = labelled[self.targets].to_numpy(dtype=float)
        bad = np.argwhere(~((values >= 0) & (values <= 1)))
        if len(bad):
            row, column = bad[0]
            raise CorpusError(
                f"{self.name}: clip '{labelled['clip'].iloc[row]}' has {self.targets[column]} = "
                f"{values[row, column]:g}; targets lie in [0, 1], correct or remove the clip"
            )

    def _check_files(self) -> None:
        for clip, path in zip(self.clips["clip"], self.clips["path"], strict=True):
            file = self.root / path
            if not file.is_file():
                raise CorpusError(
                    f"{self.name}: clip '{clip}': {file} is missing; restore it or remove the row"
                )
            if file.stat().st_size == 0:
                raise CorpusError(
                    f"{self.name}: clip '{clip}': {file} is empty; restore it or remove the row"
                )

    def write(self, folder: Path) -> None:
        """Check, then write `clips.csv` (with each file's sha256) and `corpus.json` to `folder`."""
        self.check()
        folder.mkdir(parents=True, exist_ok=True)
        sums = [hashlib.sha256((self.root / p).read_bytes()).hexdigest() for p in self.clips["path"]]
        columns = [*IDENTITY, "sha256", *self.targets]
        self.clips.assign(sha256=sums)[columns].to_csv(folder / "clips.csv", index=False)
        about = {
            "name": self.name,
            "root": str(self.root),
            "targets": self.targets,
            "clips": self.clips["split"].value_counts().to_dict(),
            "speakers": self.clips.groupby("split")["speaker"].nunique().to_dict(),
            **self.facts,
        }
        (folder / "corpus.json").write_text(json.dumps(about, indent=2, sort_keys=True) + "\n")


def read(folder: Path) -> tuple[pd.DataFrame, dict[str, Any]]:
    """The clip table (ids as text, `sha256` included) and the facts that `Corpus.write` left."""
    for name in ("clips.csv", "corpus.json"):
        if not (folder / name).is_file():
            raise CorpusError(f"{folder / name} is missing; run `dvc repro download`")
    kinds = dict.fromkeys([*IDENTITY, "sha256"], str)
    table = pd.read_csv(folder / "clips.csv", dtype=kinds, keep_default_na=False, na_values=[])
    about = json.loads((folder / "corpus.json").read_text())
    table[about["targets"]] = table[about["targets"]].apply(pd.to_numeric, errors="coerce")
    return table, about
