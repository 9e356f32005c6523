"""Statistics, probes and costs of a family → claims.json and claims.md: its claims and verdicts."""

from pathlib import Path

import pandas as pd

from harness.config.rows import read_family
from harness.config.statistics import Statistics
from harness.config.strict import block, profile
from harness.errors import RunError
from harness.evaluation.claims import QUESTIONS, Evidenced, judged, statements
from harness.evaluation.claims_table import markdown
from harness.options import family_named
from harness.paper import read_paper
from harness.stage import read_facts, read_json, run
from stages.statistics import rounded, write

COUNTS = ("parameters", "forward", "work", "memory")


def main(arguments: list[str] | None = None) -> None:
    """Judge every claim about the family, write both forms, and print the verdicts."""
    family, name = read_family(family_named(__doc__, arguments)), profile()
    claims, folder = statements(family.name), Path("results", name, family.name)
    statistics = read_json(folder / "statistics.json", _again(family.stage("statistics")))
    probes = read_json(folder / "probes.json", _again(family.stage("probe")), ("probes",))
    counts = folder / "cost.csv"
    if not counts.is_file():
        raise RunError(f"{counts} is missing; {_again(family.stage('cost'))}")
    lines = pd.read_csv(counts, dtype={"row": str}).to_dict("records")
    costs = {line["row"]: {key: line[key] for key in COUNTS} for line in lines}
    question, level = QUESTIONS[family.name], block(Statistics, "statistics").level
    found = Evidenced(statistics, probes["probes"], costs, question, level)
    content = judged(found, claims)
    corpus, paper = read_facts(Path("data", name), ("name",))["name"], read_paper().corpus
    first = None if corpus == paper else f"Not the paper's data: corpus {corpus}, not {paper}."
    write(folder / "claims.json", rounded({"level": level, "claims": content}))
    text = markdown(content, found, family.name, first)
    (folder / "claims.md").write_text(text, encoding="utf-8")
    for claim in content:
        print(f"{claim['verdict']}: {claim['claim']} ({claim['about']})")


def _again(stage: str) -> str:
    return f"run `dvc repro {stage}`"


if __name__ == "__main__":
    run(main)
