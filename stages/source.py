"""corpus block → data/source/<profile>/corpus: a link to what the corpus is made from.

DVC hashes what lies behind the link, and so sees an edited label or sound. For a corpus that is
made here it is a file that says so.
"""

from pathlib import Path

from harness.config.strict import profile, section
from harness.corpora import RAW, source
from harness.corpora.places import bring, check_apart, check_no_links
from harness.errors import CorpusError
from harness.stage import replacing, run


def main() -> None:
    """Check that the corpus lies apart from all outputs, and link to it."""
    name, block = profile(), section("corpus")
    check_no_links(name)
    place = source(block)
    if place:
        bring(RAW)
        bring(place)
        check_apart(place, name)
        if not block.get("path"):  # it will be downloaded to this place
            place.mkdir(parents=True, exist_ok=True)
        if not place.exists():
            raise CorpusError(
                f"corpus.path {place} is not here; put the corpus there or correct the path. "
                "Cells that were pulled can be evaluated without it: `dvc repro --downstream "
                "collect`"
            )
    with replacing(Path("data/source", name)) as fresh:
        if place:
            (fresh / "corpus").symlink_to(Path("../../..") / place)  # a path with a root wins
        else:
            (fresh / "corpus").write_text("made from params.yaml\n", encoding="utf-8")


if __name__ == "__main__":
    run(main)
