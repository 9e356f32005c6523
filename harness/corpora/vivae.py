"""VIVAE: vocal bursts of six emotions, each acted in four grades of intensity by 11 speakers.

Holz, Larrouy-Maestri & Poeppel, Zenodo 4066235, open. The target of the acted emotion is its
intensity, the others' is 0; what listeners rated is another table and not used.
"""

import re
from pathlib import Path
from typing import Literal

import pandas as pd
from pydantic import Field

from harness.config.corpus import CorpusBlock
from harness.corpora import zenodo
from harness.corpora.clips import DEV_SPEAKERS, IDENTITY, Corpus
from harness.corpora.partial import Remote
from harness.corpora.received import opened, receive
from harness.corpora.transport import Client
from harness.errors import CorpusError

RECORD = "4066235"
SOURCE = f"https://zenodo.org/records/{RECORD}"
EMOTIONS = ["Achievement", "Anger", "Fear", "Pain", "Pleasure", "Surprise"]
INTENSITY = {"low": 0.25, "moderate": 0.5, "strong": 0.75, "peak": 1.0}  # steps, as acted
NAME = re.compile(
    rf"(?P<speaker>S\d\d)_(?P<emotion>{'|'.join(EMOTIONS).lower()})_"
    rf"(?P<intensity>{'|'.join(INTENSITY)})_(?P<take>\d+)"
)


class Params(CorpusBlock):
    """`path`: a folder or archive, else it is downloaded; `subset`: full_set or core_set;
    `dev_speakers`: who is not trained on; `expected`: clips that a complete copy has."""

    name: Literal["vivae"]
    path: str | None = Field(default=None, min_length=1)
    api: str = Field(default=zenodo.API, pattern=zenodo.ADDRESS)
    subset: Literal["full_set", "core_set"] = "full_set"
    dev_speakers: list[str] = Field(min_length=DEV_SPEAKERS)
    expected: int | None = None


def acquire(params: Params, folder: Path) -> Corpus:
    """The clips of the subset with six targets, 0.25 to 1 for the emotion that was acted.

    Without `path` they are downloaded to `raw`/vivae beside `folder`. Raises CorpusError for a name
    that cannot be read, a dev speaker without clips, and another number of clips than expected.
    """
    root = _place(params, folder.parent / "raw")
    files = sorted(
        file for depth in ("", "*/", "*/*/") for file in root.glob(f"{depth}{params.subset}/*.wav")
    )
    files = [file for file in files if not file.name.startswith("._")]  # what macOS adds
    if not files:
        raise CorpusError(
            f"vivae: {root} has no {params.subset} with wav files; name the unpacked VIVAE.zip of "
            f"{SOURCE} in corpus.path, or leave it out to download it"
        )
    if params.expected is not None and len(files) != params.expected:
        raise CorpusError(
            f"vivae: {params.subset} has {len(files):,} clips, not {params.expected:,}; get it "
            "again, or correct corpus.expected if this release differs"
        )
    table = pd.DataFrame([_row(file, root) for file in files])
    absent = sorted(set(params.dev_speakers) - set(table["speaker"]))
    if absent:
        raise CorpusError(
            f"vivae: dev speaker {absent[0]} has no clips; use some of "
            f"{', '.join(sorted(table['speaker'].unique()))}"
        )
    dev = table["speaker"].isin(params.dev_speakers)
    table["split"] = dev.map({True: "dev", False: "train"})
    facts = {"source": SOURCE, "labels": "intensity as acted, in four steps; no ratings"}
    return Corpus("vivae", root, EMOTIONS, table[[*IDENTITY, *EMOTIONS]], facts)


def _place(params: Params, raw: Path) -> Path:
    if params.path:
        return opened(Path(params.path).expanduser(), raw, "vivae")

    def offered(client: Client, parcel: Path) -> list[Remote]:
        remedy = f"see {SOURCE}, or name a copy in corpus.path"
        return zenodo.files(client, params.api, RECORD, ["VIVAE.zip"], remedy)

    return receive(raw / "vivae", SOURCE, zenodo.client(params.api), offered)


def _row(file: Path, root: Path) -> dict[str, object]:
    name = NAME.fullmatch(file.stem)
    if not name:
        raise CorpusError(
            f"vivae: {file} is not named speaker_emotion_intensity_take, as in "
            "S10_fear_low_03.wav; rename it or move it away"
        )
    acted = name["emotion"].capitalize()
    return {
        "clip": file.stem,
        "path": file.relative_to(root).as_posix(),
        "speaker": name["speaker"],
        "country": "",
        **{e: INTENSITY[name["intensity"]] if e == acted else 0.0 for e in EMOTIONS},
    }
