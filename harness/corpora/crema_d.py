"""CREMA-D by its ratings: 91 actors speak twelve sentences, about nine listeners rate each clip.

Cao et al. 2014, github.com/CheyneyComputerScience/CREMA-D (ODbL, DbCL). Speech, not bursts; here
for the ratings of the voice alone, of which the noise can be told. The sounds are Git LFS objects:
the archive holds their checksums, with which each is fetched.
"""

import re
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import Field

from harness.config.corpus import CorpusBlock
from harness.corpora.archive import unpack
from harness.corpora.clips import IDENTITY, Corpus
from harness.corpora.partial import Remote
from harness.corpora.received import link, receive
from harness.corpora.splits import Seed, Share, drawn
from harness.corpora.tables import check_each_varies, numbers, read_table
from harness.corpora.transport import Client, download
from harness.errors import CorpusError
from harness.stage import replacing

COMMIT = "1658cd3"
SOURCE = "https://github.com/CheyneyComputerScience/CREMA-D"
ARCHIVE = f"https://codeload.github.com/CheyneyComputerScience/CREMA-D/tar.gz/{COMMIT}"
SOUNDS = f"{SOURCE}/raw/{COMMIT}/AudioWAV"  # sends on to where the LFS object lies
VOTES = Path("processedResults/tabulatedVotes.csv")
VOICE = "1"  # first digit of a row's number: rated by voice alone (2: face, 3: both)
EMOTIONS = {"A": "Anger", "D": "Disgust", "F": "Fear", "H": "Happy", "N": "Neutral", "S": "Sad"}
TARGETS = list(EMOTIONS.values())
POINTER = re.compile(r"oid sha256:([0-9a-f]{64})\nsize (\d+)\n")
HALVINGS = 200  # of the raters of each clip, for the ceiling

Array = NDArray[np.float64]


class Params(CorpusBlock):
    """`path`: a clone with its LFS objects, else it is downloaded; `dev_share`: of the actors."""

    name: Literal["crema-d"]
    path: str | None = Field(default=None, min_length=1)
    seed: Seed
    dev_share: Share


def acquire(params: Params, folder: Path) -> Corpus:
    """The clips with six targets: share of the votes × mean intensity, normalised by rater.

    Without `path` they are downloaded to `raw`/crema-d beside `folder`. `ceiling`, what labels of
    infinitely many raters would score on dev, is estimated from halves of the raters. Raises
    CorpusError for a table that lacks something.
    """
    if params.path:
        root = Path(params.path).expanduser()
    else:
        root = receive(folder.parent / "raw" / "crema-d", SOURCE, Client(), _offered, _settled)
    intensities = [f"mean{emotion}RespNorm" for emotion in TARGETS]
    wanted = ["", "fileName", *EMOTIONS, *intensities]
    table = read_table(root / VOTES, wanted, "crema-d", "")
    table = table[table[""].str.startswith(VOICE)].reset_index(drop=True)
    twice = table["fileName"][table["fileName"].duplicated()]
    if len(twice):
        raise CorpusError(f"crema-d: {root / VOTES} rates the voice of {twice.iloc[0]} twice")
    votes = numbers(table, list(EMOTIONS), "crema-d", "fileName").to_numpy(float)
    intensity = numbers(table, intensities, "crema-d", "fileName").to_numpy(float)
    _check(table, root, votes, intensity)
    intensity = np.maximum(intensity, 0) / 100  # -1: nobody chose it
    clips = pd.DataFrame({"clip": table["fileName"]})
    clips["path"] = "AudioWAV/" + clips["clip"] + ".wav"
    clips["speaker"] = clips["clip"].str.partition("_")[0]
    clips["country"] = ""
    clips["split"] = drawn(clips["speaker"], params.dev_share, params.seed, "crema-d")
    clips[TARGETS] = votes / votes.sum(axis=1, keepdims=True) * intensity
    check_each_varies(clips, TARGETS, "crema-d")
    dev = (clips["split"] == "dev").to_numpy()
    facts: dict[str, Any] = {
        "source": f"{SOURCE} at commit {COMMIT}",
        "licence": "ODbL, DbCL",
        "labels": "share of the raters who chose it × their mean intensity; voice alone",
        "raters": round(float(votes.sum(axis=1).mean()), 2),
        "ceiling": _ceiling(votes[dev].astype(int), intensity[dev], params.seed),
        "scores": "ceiling: square root of the split-half reliability of the votes (Spearman-Brown)"
        ", intensities taken as exact, so somewhat too high",
    }
    return Corpus("crema-d", root, TARGETS, clips[[*IDENTITY, *TARGETS]], facts)


def _offered(client: Client, parcel: Path) -> list[Remote]:
    archive = Remote(f"CREMA-D-{COMMIT}.tar.gz", ARCHIVE)
    download(client, [archive], parcel)
    pointers = parcel / ".pointers"
    if not pointers.is_dir():
        with replacing(pointers) as fresh:
            unpack(parcel / archive.name, fresh, strip=1, keep=lambda n: n.startswith("AudioWAV/"))
    return [archive, *(_sound(file) for file in sorted(pointers.glob("AudioWAV/*.wav")))]


def _sound(pointer: Path) -> Remote:
    found = POINTER.search(pointer.read_bytes()[:1000].decode("latin-1"))
    if not found:
        raise CorpusError(f"crema-d: {pointer} is no Git LFS pointer; name a clone in corpus.path")
    url = f"{SOUNDS}/{pointer.name}"
    return Remote(pointer.name, url, int(found[2]), f"sha256:{found[1]}")


def _settled(file: Path, folder: Path) -> None:
    if file.suffix == ".wav":
        (folder / "AudioWAV").mkdir(exist_ok=True)
        link(file, folder / "AudioWAV" / file.name)
    else:
        wanted = (VOTES.as_posix(), "LICENSE", "README")
        unpack(file, folder, strip=1, keep=lambda name: name.startswith(wanted))


def _check(table: pd.DataFrame, root: Path, votes: Array, intensity: Array) -> None:
    whole = (votes >= 0) & (votes == np.floor(votes)) & (intensity >= -1) & (intensity <= 100)
    bad = ~whole.all(axis=1) | ~(np.nansum(votes, axis=1) > 0)
    if len(table) == 0 or bad.any():
        who = table["fileName"].iloc[int(bad.argmax())] if len(table) else "any clip"
        raise CorpusError(
            f"crema-d: {root / VOTES} has no whole votes and intensities up to 100 for the voice "
            f"of {who}; restore the file"
        )


def _ceiling(votes: NDArray[np.int_], intensity: Array, seed: int) -> dict[str, Any]:
    """Reliability of one half of the raters against the other, stepped up to all of them."""
    rng = np.random.default_rng(seed)
    correlations = np.empty((HALVINGS, votes.shape[1]))
    for row in correlations:
        first = _half(votes, rng)
        one, other = (
            half / np.maximum(half.sum(axis=1, keepdims=True), 1) * intensity
            for half in (first, votes - first)
        )
        with np.errstate(invalid="ignore"):  # an emotion that nobody chose
            row[:] = [np.corrcoef(one[:, e], other[:, e])[0, 1] for e in range(votes.shape[1])]
    halves = np.nan_to_num(correlations).mean(axis=0)
    scores = np.sqrt(np.clip(2 * halves / (1 + halves), 0, 1))
    each = dict(zip(TARGETS, (round(float(s), 4) for s in scores), strict=True))
    return {"mean": round(float(scores.mean()), 4), "per_target": each}


def _half(votes: NDArray[np.int_], rng: np.random.Generator) -> NDArray[np.int_]:
    """The votes of half of each clip's raters, drawn without replacement, (clips, emotions)."""
    left, rest = votes.sum(axis=1) // 2, votes.sum(axis=1)
    drawn = np.zeros_like(votes)
    for e in range(votes.shape[1]):
        rest = rest - votes[:, e]
        drawn[:, e] = rng.hypergeometric(votes[:, e], rest, left)
        left = left - drawn[:, e]
    return drawn
