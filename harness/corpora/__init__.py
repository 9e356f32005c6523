"""One file per corpus, found by its name; each turns what its owner serves into a clip table."""

import importlib
from pathlib import Path
from typing import Any, Literal

from pydantic import ConfigDict, create_model

from harness.config.strict import PARAMS, parse
from harness.corpora.clips import Corpus


def acquire(block: Any, folder: Path, params: Path = PARAMS) -> Corpus:
    """The corpus that the `corpus` block of `params` names, ready to `write` to `folder`.

    The module `harness/corpora/<name>.py` ("-" read as "_") holds `Params`, the block's strict
    model, and `acquire(params, folder) -> Corpus`, which may put audio below `folder`.
    """
    known: Any = Literal[tuple(names())]
    named = create_model("Named", __config__=ConfigDict(strict=True), name=(known, ...))
    name = parse(named, block, "corpus", params).model_dump()["name"]
    corpus = importlib.import_module(f"{__name__}.{name.replace('-', '_')}")
    acquired: Corpus = corpus.acquire(parse(corpus.Params, block, "corpus", params), folder)
    return acquired


def names() -> list[str]:
    """The corpora that can be named: the modules beside this one that define `Params`."""
    files = sorted(Path(__file__).parent.glob("*.py"))
    return [f.stem.replace("_", "-") for f in files if "\nclass Params(" in f.read_text("utf-8")]
