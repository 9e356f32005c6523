"""Statistics, power and the paper → <family>.md, .csv, .json, .tex, and significance.md."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from harness.config.readings import read_readings
from harness.config.rows import Family, Row, read_family, read_rows
from harness.config.statistics import Statistics
from harness.config.strict import block, profile
from harness.config.training import Train
from harness.evaluation.rendering import comma_separated, latex, markdown, show
from harness.evaluation.significance_table import significance_table
from harness.evaluation.table import build
from harness.evaluation.weighed import weighed
from harness.options import family_named
from harness.paper import read_paper
from harness.stage import read_facts, read_json, run

TRAINED = ("seconds", "gpu", "processor", "cores", "finished")  # what is told of a cell


def main(arguments: list[str] | None = None) -> None:
    tabulate(read_family(family_named(__doc__, arguments)))


def tabulate(family: Family, missing: Sequence[str] = ()) -> None:
    """Write the family's table in four forms and all its tests, and print the table.

    `missing`: names of rows that stand in it without numbers.
    """
    name = profile()
    settings = block(Statistics, "statistics")
    folder = Path("results", name)
    remedy = f"run `dvc repro {family.stage('statistics')}`"
    statistics = read_json(folder / family.name / "statistics.json", remedy)
    corpus = read_facts(Path("data", name), ("name", "targets"))
    training = block(Train, "train").model_dump() | read_readings().model_dump()
    blocks, paper = read_rows(), read_paper()
    table = build(name, family, blocks, settings, statistics, corpus, training, paper)
    if any(isinstance(row, Row) and row.emotions for row in family.rows.values()):
        selections = {row.row: row.selection for row in table.rows}
        found = weighed(folder / family.name, selections, corpus["targets"])
        rows = [row.model_copy(update={"weighed": found[row.row]}) for row in table.rows]
        table = table.model_copy(update={"rows": rows})
    table = table.model_copy(update={"missing": list(missing)})
    texts = {
        "json": json.dumps(table.model_dump(), indent=2, ensure_ascii=False) + "\n",
        "md": markdown(table),
        "csv": comma_separated(table),
        "tex": latex(table),
    }
    for kind, text in texts.items():
        (folder / f"{family.name}.{kind}").write_text(text, encoding="utf-8")
    power = read_json(folder / family.name / "power.json", remedy)
    evidence = significance_table(statistics, table, power)
    (folder / family.name / "significance.md").write_text(evidence, encoding="utf-8")
    show(table)
    places = [Path("scratch", name, full) for full in family.rows]
    made = [place / f"{seed}.json" for place in places for seed in family.seeds]
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
