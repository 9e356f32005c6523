"""Any folder of audio with a CSV: one row a clip, columns named in params.yaml.

The table has a clip's id, split, speaker, perhaps its country, and its targets on one scale; see
docs/corpora.md for a whole example.
"""

from pathlib import Path, PurePosixPath
from typing import Literal

import pandas as pd
from pydantic import Field, field_validator, model_validator

from harness.config.corpus import CorpusBlock
from harness.config.strict import Strict
from harness.corpora.clips import Corpus, check_targets
from harness.corpora.received import opened
from harness.corpora.splits import Seed, Share, drawn
from harness.corpora.tables import NOTHING, check_each_varies, numbers, read_table
from harness.errors import CorpusError


class Columns(Strict):
    """What the table calls them; `country` may be left out, `split` where speakers are drawn."""

    clip: str = "clip"
    split: str = "split"
    speaker: str = "speaker"
    country: str | None = None


class Splits(Strict):
    """What the table calls them."""

    train: str = "train"
    dev: str = "dev"
    test: str = "test"


class Draw(Strict):
    """A split made by speaker: the share of speakers that goes to dev, the seed of the draw."""

    dev_share: Share
    seed: Seed


class Params(CorpusBlock):
    """`path`: a folder or archive; `table` and `audio`: below it, {clip} being the id; `scale`: the
    targets' lowest and highest value; `splits`: train, dev and test to what the table calls them;
    `draw`: instead of the table's split."""

    name: Literal["folder"]
    path: str = Field(min_length=1)
    table: str = Field(default="clips.csv", min_length=1)
    audio: str = "{clip}.wav"
    targets: list[str] = Field(min_length=1)
    scale: tuple[float, float] = (0.0, 1.0)
    columns: Columns = Columns()
    splits: Splits = Splits()
    draw: Draw | None = None

    @field_validator("audio")
    @classmethod
    def _names_the_clip(cls, audio: str) -> str:
        if audio.replace("{clip}", "").count("{") or "{clip}" not in audio:
            raise ValueError("write {clip} where the id stands, and no other braces")
        return audio

    @model_validator(mode="after")
    def _scale_has_a_length(self) -> "Params":
        if not self.scale[0] < self.scale[1]:
            raise ValueError("scale needs lowest < highest")
        return self


def acquire(params: Params, folder: Path) -> Corpus:
    """The table's clips, targets brought from `scale` to [0, 1].

    Raises CorpusError for a table, column or value that is missing or wrong, a target that never
    varies in train or dev, and an id that leads out of the folder.
    """
    check_targets(params.targets, "folder")
    root = opened(Path(params.path).expanduser(), folder.parent / "raw", "folder")
    named = params.columns
    wanted = [named.clip, named.speaker, *([named.country] if named.country else [])]
    wanted += [*([] if params.draw else [named.split]), *params.targets]
    table = read_table(root / params.table, wanted, "folder", named.clip)
    clips = pd.DataFrame({"clip": table[named.clip]})
    clips["path"] = [_path(clip, params) for clip in clips["clip"]]
    clips["speaker"] = table[named.speaker]
    clips["split"] = _split(table, params)
    clips["country"] = table[named.country].replace(NOTHING) if named.country else ""
    lowest, highest = params.scale
    values = numbers(table, params.targets, "folder", named.clip)
    outside = (values < lowest) | (values > highest)
    if outside.to_numpy().any():
        target = outside.any()[lambda found: found].index[0]
        row = outside[target].to_numpy().argmax()
        raise CorpusError(
            f"folder: clip '{clips['clip'].iloc[row]}' has {target} = {values[target].iloc[row]:g};"
            f" corpus.scale says {lowest:g} to {highest:g}, correct one of them"
        )
    clips[params.targets] = (values - lowest) / (highest - lowest)
    check_each_varies(clips, params.targets, "folder")
    facts = {"source": f"{params.path}, {params.table}", "labels": f"from {params.scale} to [0, 1]"}
    return Corpus("folder", root, params.targets, clips, facts)


def _path(clip: str, params: Params) -> str:
    path = PurePosixPath(params.audio.replace("{clip}", clip))
    if path.is_absolute() or ".." in path.parts or "\\" in str(path):
        raise CorpusError(
            f"folder: clip '{clip}' leads out of {params.path}; put its sound below that folder"
        )
    return path.as_posix()


def _split(table: pd.DataFrame, params: Params) -> "pd.Series[str]":
    if params.draw:
        speakers = table[params.columns.speaker]
        return drawn(speakers, params.draw.dev_share, params.draw.seed, "folder")
    theirs = {name: split for split, name in params.splits.model_dump().items()}
    odd = table[~table[params.columns.split].isin(theirs)]
    if len(odd):
        raise CorpusError(
            f"folder: clip {odd[params.columns.clip].iloc[0]} has {params.columns.split} "
            f"'{odd[params.columns.split].iloc[0]}'; use {', '.join(theirs)}, or say in "
            "corpus.splits what the table calls train, dev and test"
        )
    return table[params.columns.split].map(theirs)
