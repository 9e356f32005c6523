"""One file per corpus, found by its name; each turns what its owner serves into a clip table."""

import importlib
from pathlib import Path
from typing import Any, Literal

from pydantic import ConfigDict, create_model

from harness.config.strict import PARAMS, parse
from harness.corpora.clips import Corpus
from harness.corpora.screening import screened

RAW = Path("data/raw")  # below data, but the user's: what was downloaded, or put there by hand


def source(block: Any, params: Path = PARAMS) -> Path | None:
    """Where the corpus comes from: a copy that the block names, else where it is downloaded to.

    None for a corpus that is made here.
    """
    _, parsed = _chosen(block, params)
    if "path" not in type(parsed).model_fields:
        return None
    return Path(parsed.path).expanduser() if parsed.path else RAW / parsed.name


def acquire(block: Any, folder: Path, params: Path = PARAMS) -> Corpus:
    """The corpus that the `corpus` block of `params` names, each clip decoded once to screen it.

    The module `harness/corpora/<name>.py` ("-" read as "_") holds `Params`, the block's strict
    model, and `acquire(params, folder) -> Corpus`, which may put audio below `folder`, and what it
    downloads into `raw` beside it. `on_bad_clip` in the block says whether a bad clip is an error.
    """
    corpus, parsed = _chosen(block, params)
    return screened(corpus.acquire(parsed, folder), parsed.on_bad_clip)


def _chosen(block: Any, params: Path) -> tuple[Any, Any]:
    known: Any = Literal[tuple(names())]
    named = create_model("Named", __config__=ConfigDict(strict=True), name=(known, ...))
    name = parse(named, block, "corpus", params).model_dump()["name"]
    corpus = importlib.import_module(f"{__name__}.{name.replace('-', '_')}")
    return corpus, parse(corpus.Params, block, "corpus", params)


def names() -> list[str]:
    """The corpora that can be named: the modules beside this one that define `Params`."""
    files = sorted(Path(__file__).parent.glob("*.py"))
    return [f.stem.replace("_", "-") for f in files if "\nclass Params(" in f.read_text("utf-8")]
