"""Where a corpus may lie: in a place that no output of the pipeline touches."""

from pathlib import Path

from harness.corpora import RAW
from harness.errors import CorpusError

OUTPUTS = ("data", "features", "runs", "results")
EXPERIMENTS = Path(".dvc/tmp/exps")  # where `dvc exp run --temp` copies what git has


def bring(place: Path) -> None:
    """In a copy of the repository that `dvc exp run --temp` works in, link to the original's files.

    The copy lacks what git ignores. Elsewhere, and where the place is there already, do nothing.
    """
    here = Path.cwd()
    home = next((home for home in here.parents if here.is_relative_to(home / EXPERIMENTS)), None)
    if home and not place.is_absolute() and not place.exists() and (home / place).exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(home / place)


def check_no_links(profile: str) -> None:
    """Raise CorpusError for an output that is a link: DVC refuses to record what lies behind it."""
    for output in OUTPUTS:
        for folder in (Path(output), Path(output, profile)):
            if folder.is_symlink():
                raise CorpusError(
                    f"{folder} is a link, and DVC records no outputs outside of the repository; "
                    f"make it a folder. On a larger disk, put DVC's cache there (`dvc cache dir "
                    f"PLACE`) and let {RAW} be a link"
                )


def check_apart(place: Path, profile: str) -> None:
    """Raise CorpusError where a corpus lies inside an output, or an output inside the corpus.

    DVC removes outputs before it runs a stage. Links are followed on both sides.
    """
    real = place.resolve()
    raw = RAW.resolve()
    for output in (Path("data", profile), *map(Path, (*OUTPUTS, "scratch", ".dvc"))):
        out = output.resolve()
        if output == Path("data") and real != raw and real.is_relative_to(raw):
            continue
        if real.is_relative_to(out):
            raise CorpusError(
                f"corpus.path {place} lies in {output}/, where the pipeline writes and removes; "
                f"move the corpus to {RAW}/<name> or out of the repository"
            )
        if out.is_relative_to(real):
            raise CorpusError(
                f"corpus.path {place} holds {output}/, where the pipeline writes and removes; "
                "name a folder that holds the corpus alone"
            )
