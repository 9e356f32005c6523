"""corpus block → data/<profile>/: the clip table, its facts and, for a made corpus, the audio."""

from pathlib import Path

from harness.config.strict import profile, section
from harness.corpora import acquire
from harness.corpora.clips import read, written
from harness.stage import replacing, run


def main() -> None:
    """Acquire and check the corpus, then replace data/<profile>/ with it in one step."""
    folder = Path("data") / profile()
    with replacing(folder, written(folder)) as fresh:
        acquire(section("corpus"), fresh).write(fresh)
    _, about = read(folder)
    parts = [
        f"{split} {clips:,} clips of {about['speakers'].get(split, 0):,} speakers"
        for split, clips in about["clips"].items()
    ]
    if about.get("skipped"):
        parts.append(f"{len(about['skipped']):,} clips left out")
    print(f"{about['name']}: {', '.join(parts)}; written to {folder}")


if __name__ == "__main__":
    run(main)
