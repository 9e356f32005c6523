"""history.csv of a search → choice.json and choice.md: its best row on held-out train speakers."""

from pathlib import Path

import pandas as pd

from harness.config.rows import read_family
from harness.config.strict import profile
from harness.errors import RunError
from harness.evaluation.choice import choice, markdown
from harness.options import family_named
from harness.stage import run
from stages.statistics import rounded, write


def main(arguments: list[str] | None = None) -> None:
    """Write the choice in both forms and print it."""
    family = read_family(family_named(__doc__, arguments))
    folder = Path("results", profile(), family.name)
    source = folder / "history.csv"
    if not source.is_file():
        raise RunError(f"{source} is missing; run `dvc repro {family.stage('collect')}`")
    found = choice(pd.read_csv(source, dtype={"row": str}), [*map(family.label, family.rows)])
    write(folder / "choice.json", rounded(found))
    text = markdown(found, family.name, len(family.seeds))
    (folder / "choice.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    run(main)
