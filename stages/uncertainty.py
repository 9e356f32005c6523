"""Cells of the family uncertainty → measures.json and .md: what they know of their errors."""

import json
from pathlib import Path
from typing import Any

from harness.config.rows import read_family
from harness.config.statistics import Statistics
from harness.config.strict import block, profile
from harness.errors import RunError
from harness.evaluation.cells import read_labels
from harness.evaluation.distributions import read
from harness.evaluation.measures import detection
from harness.evaluation.uncertainty import all_sums, compared, judged, score_table, shifts_of
from harness.evaluation.uncertainty_table import by_shift, markdown
from harness.paper import read_paper
from harness.stage import read_facts, run
from stages.statistics import rounded

FAMILY = "uncertainty"


def main() -> None:
    """Read every row × seed, test all comparisons and claims, write both forms."""
    family, settings, name = read_family(FAMILY), block(Statistics, "statistics"), profile()
    facts = read_facts(Path("data", name), ("name", "targets"))
    labels = read_labels(Path("features", name, "dev.csv"), facts["targets"])
    places = {full.partition("/")[2]: Path("runs", name, full) for full in family.rows}
    shown = {
        row: full for row, full in zip(places, family.rows, strict=True) if full in family.listed
    }
    said = {row: [read(places[row] / str(seed)) for seed in family.seeds] for row in shown}
    found = all_sums(said, labels)
    if "auroc" not in found:
        raise RunError(f"no row of {FAMILY} keeps shifted clips; give one `keep: [distribution]`")
    against = {row: _against(family.rows[full].against) for row, full in shown.items()}
    level = settings.level
    kinds = {"auroc": detection.auroc, "fpr95": detection.fpr95}
    content: dict[str, Any] = {
        "seeds": family.seeds,
        "level": level,
        "resamples": settings.resamples,
        "shifts": shifts_of(said),
        "scores": score_table(found, settings.resamples, level, settings.seed),
        "detection": {
            row: {kind: by_shift(sums, finish) for kind, finish in kinds.items()}
            for row, sums in found["auroc"].items()
        },
        "comparisons": compared(found, against, level),
        "claims": judged(found, level),
    }
    folder = Path("results", name, FAMILY)
    folder.mkdir(parents=True, exist_ok=True)
    content = rounded(content)
    text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
    (folder / "measures.json").write_text(text, encoding="utf-8")
    paper = read_paper().corpus
    first = None
    if facts["name"] != paper:
        first = f"Not the paper's data: corpus {facts['name']}, not {paper}."
    (folder / "measures.md").write_text(markdown(content, facts["name"], first), encoding="utf-8")
    for claim in content["claims"]:
        print(f"{claim['verdict']}: {claim['claim']} ({claim['students']})")


def _against(named: dict[str, str]) -> dict[str, str]:
    """Kind → the other row's short name."""
    return {kind: full.partition("/")[2] for kind, full in named.items()}


if __name__ == "__main__":
    run(main)
