"""statistics.json and paper.yaml → table2.md, .csv, .json, .tex, significance.md."""

import json
from pathlib import Path
from typing import Any

from harness.config.readings import read_readings
from harness.config.statistics import Statistics
from harness.config.strict import block
from harness.config.table import read_table
from harness.config.training import Train
from harness.evaluation.rendering import comma_separated, latex, markdown, show
from harness.evaluation.significance_table import significance_table
from harness.evaluation.table import build
from harness.paper import read_paper
from harness.stage import read_facts, read_json, run

TRAINED = ("seconds", "gpu", "processor", "cores", "finished")  # what is told of a cell


def main() -> None:
    """Write Table 2 in four forms and all tests to results/<profile>, and print the table."""
    profile, rows, seeds = read_table()
    settings = block(Statistics, "statistics")
    folder = Path("results", profile)
    statistics = read_json(folder / "statistics.json", "run `dvc repro statistics`")
    corpus = read_facts(Path("data", profile), ("name", "targets"))
    training = block(Train, "train").model_dump() | read_readings().model_dump()
    table = build(profile, rows, seeds, settings, statistics, corpus, training, read_paper())
    texts = {
        "json": json.dumps(table, indent=2, ensure_ascii=False) + "\n",
        "md": markdown(table),
        "csv": comma_separated(table),
        "tex": latex(table),
    }
    for kind, text in texts.items():
        (folder / f"table2.{kind}").write_text(text, encoding="utf-8")
    evidence = significance_table(statistics, table)
    (folder / "significance.md").write_text(evidence, encoding="utf-8")
    show(table)
    made = [Path("scratch", profile, f"{row.name}-{seed}.json") for row in rows for seed in seeds]
    there = [read_json(file, f"delete {file}", TRAINED) for file in made if file.is_file()]
    print(circumstances(there))


def circumstances(cells: list[dict[str, Any]]) -> str:
    """Where and in what time the cells of this clone were trained; no result holds it."""
    if not cells:
        return "No cell was trained in this clone."
    seconds = sorted(cell["seconds"] for cell in cells)
    where = sorted({f"{cell['gpu'] or cell['processor']}, {cell['cores']} cores" for cell in cells})
    days = sorted({cell["finished"][:10] for cell in cells})
    when = " to ".join(dict.fromkeys((days[0], days[-1])))
    return (
        f"Trained in this clone: {len(cells)} cells, each in {seconds[0]:.0f} to "
        f"{seconds[-1]:.0f} s, on {' and on '.join(where)}, {when}."
    )


if __name__ == "__main__":
    run(main)
