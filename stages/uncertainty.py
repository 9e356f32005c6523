"""Cells of the family uncertainty → measures.json and .md, comparisons.md: what they know of their
errors."""

from pathlib import Path
from typing import Any

from harness.config.rows import read_family
from harness.config.statistics import Statistics
from harness.config.strict import block, profile
from harness.errors import RunError
from harness.evaluation.cells import read_labels
from harness.evaluation.measures import detection
from harness.evaluation.uncertainty import all_sums, assessed, shifts_of
from harness.evaluation.uncertainty_claims import judged
from harness.evaluation.uncertainty_table import by_shift, comparisons_page, markdown
from harness.paper import read_paper
from harness.stage import read_facts, run
from stages.statistics import rounded, write

FAMILY = "uncertainty"
KINDS = {"auroc": detection.auroc, "fpr95": detection.fpr95}


def main() -> None:
    """Read every row × seed, test all comparisons and claims, write all forms."""
    family, settings, name = read_family(FAMILY), block(Statistics, "statistics"), profile()
    facts = read_facts(Path("data", name), ("name", "targets"))
    labels = read_labels(Path("features", name, "dev.csv"), facts["targets"])
    shown = {full.partition("/")[2]: full for full in family.rows if full in family.listed}
    cells = {
        row: [Path("runs", name, full, str(seed)) for seed in family.seeds]
        for row, full in shown.items()
    }
    found = all_sums(cells, labels)
    if "auroc" not in found:
        raise RunError(f"no row of {FAMILY} keeps shifted clips; give one `keep: [distribution]`")
    against = {
        row: {kind: other.partition("/")[2] for kind, other in family.rows[full].against.items()}
        for row, full in shown.items()
    }
    about = settings.resamples, settings.level, settings.seed
    scores, comparisons = assessed(found, against, *about)
    content: dict[str, Any] = {
        "seeds": family.seeds,
        "level": settings.level,
        "resamples": settings.resamples,
        "shifts": shifts_of(cells),
        "scores": scores,
        "detection": {
            row: {kind: by_shift(sums, finish) for kind, finish in KINDS.items()}
            for row, sums in found["auroc"].items()
        },
        "comparisons": comparisons,
        "claims": judged(comparisons, settings.level),
    }
    content, folder, first = rounded(content), Path("results", name, FAMILY), None
    if facts["name"] != (paper := read_paper().corpus):
        first = f"Not the paper's data: corpus {facts['name']}, not {paper}."
    folder.mkdir(parents=True, exist_ok=True)
    write(folder / "measures.json", content)
    measures = markdown(content, facts["name"], first)
    (folder / "measures.md").write_text(measures, encoding="utf-8")
    tests = comparisons_page(content, first)
    (folder / "comparisons.md").write_text(tests, encoding="utf-8")
    for claim in content["claims"]:
        print(f"{claim['verdict']}: {claim['claim']} ({claim['students']})")


if __name__ == "__main__":
    run(main)
