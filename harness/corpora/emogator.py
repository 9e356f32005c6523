"""EmoGator: 32,130 vocal bursts of 357 contributors in 30 intended categories (arXiv 2301.00508).

From github.com/fredbuhl/EmoGator (Apache-2.0), downloaded or a clone. The labels are the category
that the contributor was asked for, not ratings: each target is 0 or 1.
"""

import itertools
import re
from pathlib import Path
from typing import Annotated, Literal, get_args

import pandas as pd
from pydantic import Field, field_validator, model_validator

from harness.config.corpus import CorpusBlock
from harness.corpora.archive import unpack
from harness.corpora.clips import DEV_SPEAKERS, IDENTITY, Corpus
from harness.corpora.partial import Remote
from harness.corpora.received import opened, receive
from harness.corpora.splits import Seed, Share, drawn
from harness.corpora.transport import Client
from harness.errors import CorpusError

COMMIT = "51eeca515a95f168ab73391cd9e7c975ab964429"
SOURCE = "https://github.com/fredbuhl/EmoGator"
ARCHIVE = f"https://codeload.github.com/fredbuhl/EmoGator/tar.gz/{COMMIT}"  # about 0.5 GB
CONTRIBUTORS, INSTANCES = 357, 3  # each with every category: 32,130 clips

# The README's order, which is that of the numbers 01 to 30 in the file names.
# fmt: off
Category = Literal[
    "Adoration", "Amusement", "Anger", "Awe", "Confusion", "Contempt", "Contentment", "Desire",
    "Disappointment", "Disgust", "Distress", "Ecstasy", "Elation", "Embarrassment", "Fear", "Guilt",
    "Interest", "Neutral", "Pain", "Pride", "Realization", "Relief", "Romantic Love", "Sadness",
    "Serenity", "Shame", "Surprise (Negative)", "Surprise (Positive)", "Sympathy", "Triumph",
]
# fmt: on
CATEGORIES: tuple[Category, ...] = get_args(Category)

# Those nearest to Hume-VB's ten: six have its name, two are halves of Surprise, and Elation and
# Embarrassment stand near Excitement and Awkwardness; nothing stands near Horror.
TEN: list[Category] = [
    *("Amusement", "Awe", "Distress", "Elation", "Embarrassment", "Fear", "Sadness"),
    *("Surprise (Negative)", "Surprise (Positive)", "Triumph"),
]

Number = Annotated[int, Field(ge=1, le=CONTRIBUTORS)]
NAME = re.compile(r"(?P<speaker>\d{6})-(?P<category>0[1-9]|[12]\d|30)-(?P<instance>\d)")


class Params(CorpusBlock):
    """`path`: a clone or archive, else it is downloaded; `dev_contributors`: who is in dev where
    they have clips, or `dev_share` and `seed`: a draw; `categories`: names, "ten" or "all";
    `contributors`: their numbers, or "all"."""

    name: Literal["emogator"]
    path: str | None = Field(default=None, min_length=1)
    dev_contributors: list[Number] | None = Field(default=None, min_length=DEV_SPEAKERS)
    dev_share: Share | None = None
    seed: Seed | None = None
    categories: list[Category] = Field(default=TEN, min_length=1)
    contributors: list[Number] | None = Field(default=None, min_length=1)

    @field_validator("categories", mode="before")
    @classmethod
    def _named(cls, categories: object) -> object:
        named = {"ten": TEN, "all": list(CATEGORIES)}
        return named.get(categories, categories) if isinstance(categories, str) else categories

    @field_validator("contributors", mode="before")
    @classmethod
    def _everyone(cls, contributors: object) -> object:
        return None if contributors == "all" else contributors

    @model_validator(mode="after")
    def _splits_in_one_way(self) -> "Params":
        ways = [self.dev_contributors is None, self.dev_share is not None, self.seed is not None]
        if any(ways) and not all(ways):
            raise ValueError("give either dev_contributors, or dev_share and seed")
        return self


def acquire(params: Params, folder: Path) -> Corpus:
    """The clips of the chosen categories, split by speaker into train and dev.

    Without `path` they are downloaded to `raw`/emogator beside `folder`. Raises CorpusError when
    clips are missing, a file's name cannot be read, or a contributor or a category of one split
    has no clips.
    """
    root = _root(params, folder.parent / "raw")
    files = sorted((root / "data" / "mp3").glob("*.mp3"))
    if not files:
        raise CorpusError(
            f"emogator: {root / 'data' / 'mp3'} holds no mp3; name a clone of {SOURCE} at "
            f"{COMMIT} in corpus.path, or leave it out to download one"
        )
    table = _chosen(pd.DataFrame([_row(file, root) for file in files]), params)
    table["split"] = _split(table["speaker"], params)
    for split in ("train", "dev"):
        _check_categories(table[table["split"] == split], split, params.categories)
    for category in params.categories:
        table[category] = (table["category"] == category).astype(float)
    facts = {
        "source": f"{SOURCE} at commit {COMMIT}",
        "licence": "Apache-2.0",
        "labels": "intended category, one-hot; no ratings",
    }
    columns = [*IDENTITY, *params.categories]
    return Corpus("emogator", root, list(params.categories), table[columns], facts)


def _root(params: Params, raw: Path) -> Path:
    if params.path:
        path = opened(Path(params.path).expanduser(), raw, "emogator")
        inside = list(path.glob("*/data/mp3"))  # an archive of GitHub's has one folder at its top
        return inside[0].parents[1] if len(inside) == 1 else path
    return receive(raw / "emogator", SOURCE, Client(), _offered, _settled)


def _offered(client: Client, parcel: Path) -> list[Remote]:
    # GitHub packs on demand: neither size nor checksum is announced, the content is locked instead
    return [Remote(f"EmoGator-{COMMIT[:7]}.tar.gz", ARCHIVE)]


def _settled(archive: Path, folder: Path) -> None:
    unpack(
        archive, folder, strip=1, keep=lambda n: n.startswith(("data/mp3/", "LICENSE", "README"))
    )
    numbers = itertools.product(range(1, CONTRIBUTORS + 1), range(1, 31), range(1, INSTANCES + 1))
    for contributor, category, instance in numbers:
        name = f"{contributor:06d}-{category:02d}-{instance}.mp3"
        if not (folder / "data" / "mp3" / name).is_file():
            raise CorpusError(
                f"emogator: the archive of {SOURCE} at {COMMIT[:7]} lacks {name}; run again later, "
                "or name a clone in corpus.path"
            )


def _row(file: Path, root: Path) -> dict[str, str]:
    name = NAME.fullmatch(file.stem)
    if not name:
        raise CorpusError(
            f"emogator: {file} is not named contributor-category-instance, as in 000001-02-1.mp3 "
            "with a category from 01 to 30; rename it or move it away"
        )
    return {
        "clip": file.stem,
        "path": file.relative_to(root).as_posix(),
        "speaker": name["speaker"],
        "country": "",
        "category": CATEGORIES[int(name["category"]) - 1],
    }


def _chosen(table: pd.DataFrame, params: Params) -> pd.DataFrame:
    if params.contributors is not None:
        wanted = [f"{number:06d}" for number in params.contributors]
        absent = sorted(set(wanted) - set(table["speaker"]))
        if absent:
            raise CorpusError(
                f"emogator: contributor {absent[0]} has no clips in {params.path}; take the number "
                "out of corpus.contributors"
            )
        table = table[table["speaker"].isin(wanted)]
    return table[table["category"].isin(params.categories)].reset_index(drop=True)


def _split(speakers: "pd.Series[str]", params: Params) -> "pd.Series[str]":
    if params.dev_share is not None and params.seed is not None:
        return drawn(speakers, params.dev_share, params.seed, "emogator")
    dev = [f"{number:06d}" for number in params.dev_contributors or []]
    return speakers.isin(dev).map({True: "dev", False: "train"})


def _check_categories(clips: pd.DataFrame, split: str, categories: list[Category]) -> None:
    absent = [c for c in categories if c not in set(clips["category"])]
    if absent:
        raise CorpusError(
            f"emogator: no {split} clip has the category '{absent[0]}'; take it out of "
            "corpus.categories, or let others be in dev"
        )
