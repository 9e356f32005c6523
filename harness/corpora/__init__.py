"""One file per corpus, found by its name; each turns what its owner serves into a clip table."""

import importlib
import importlib.util
import pkgutil
from pathlib import Path
from typing import Any

from harness.config.strict import parse
from harness.corpora.clips import Corpus
from harness.errors import ParamsError


def acquire(block: Any, folder: Path) -> Corpus:
    """The corpus that the `corpus` block of params.yaml names, ready to `write` to `folder`.

    The module `harness/corpora/<name>.py` ("-" read as "_") holds `Params`, the block's strict
    model, and `acquire(params, folder) -> Corpus`, which may put audio below `folder`.
    """
    name = str(block.get("name", "")) if isinstance(block, dict) else ""
    module = name.replace("-", "_")
    if not module.isidentifier() or not importlib.util.find_spec(f"{__name__}.{module}"):
        known = [m.name.replace("_", "-") for m in pkgutil.iter_modules(__path__)]
        raise ParamsError(f"params.yaml: corpus.name = '{name}' is no corpus; known: {known}")
    corpus = importlib.import_module(f"{__name__}.{module}")
    acquired: Corpus = corpus.acquire(parse(corpus.Params, block, "corpus"), folder)
    return acquired
