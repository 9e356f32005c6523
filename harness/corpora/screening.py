"""Every clip of a corpus decoded once: what cannot be used is refused, or left out and listed."""

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.progress import track

from harness.config.corpus import OnBadClip
from harness.corpora.clips import Corpus
from harness.corpora.sound import Unheard, decode
from harness.errors import CorpusError

SHORTEST = 20.0  # ms; less is a click


def screened(corpus: Corpus, on_bad_clip: OnBadClip) -> Corpus:
    """The corpus with usable clips only; those left out are its fact `skipped`, with the reason.

    Raises CorpusError naming the first bad clip, unless `on_bad_clip` is "skip" and some are good.
    """
    if on_bad_clip == "error":
        corpus.check()
    files = [corpus.root / path for path in corpus.clips["path"]]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        faults = track(
            pool.map(_fault, files),
            "hearing clips",
            total=len(files),
            console=Console(stderr=True),
            transient=True,
            disable=not Console(stderr=True).is_terminal,
        )
        found = list(zip(corpus.clips["clip"], files, faults, strict=True))
    bad = [(clip, file, fault) for clip, file, fault in found if fault]
    if bad and (on_bad_clip == "error" or len(bad) == len(found)):
        corpus.check()  # which says more of files that are missing
        clip, file, fault = bad[0]
        more = f" (and {len(bad) - 1:,} more)" if len(bad) > 1 else ""
        remedy = "; replace it, remove its row, or set corpus.on_bad_clip to skip"
        if on_bad_clip == "skip":
            remedy = ", so no clip is left"
        raise CorpusError(f"{corpus.name}: clip '{clip}'{more}: {file} {fault}{remedy}")
    if not bad:
        return corpus
    skipped = [{"clip": clip, "why": f"{file.name} {fault}"} for clip, file, fault in bad]
    kept = corpus.clips[~corpus.clips["clip"].isin([clip for clip, _, _ in bad])]
    return replace(corpus, clips=kept, facts={**corpus.facts, "skipped": skipped})


def _fault(file: Path) -> str:
    try:
        samples, rate = decode(file.read_bytes())
    except OSError as error:
        return "is missing" if isinstance(error, FileNotFoundError) else str(error.strerror)
    except Unheard as fault:
        return str(fault)
    length = 1000 * len(samples) / rate
    return f"is {length:.1f} ms long, less than {SHORTEST:g} ms" if length < SHORTEST else ""
