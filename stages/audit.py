"""paper.yaml → audit.json and audit.md: which of the paper's numbers can be true together."""

import json
from pathlib import Path

from harness.extras.audit.report import build, markdown, summary
from harness.paper import read_paper
from harness.stage import run

FOLDER = Path("results/paper")  # of no profile: it depends on what is printed and on nothing else


def main() -> None:
    """Write the audit in both forms and print its summary."""
    audit = build(read_paper())
    FOLDER.mkdir(parents=True, exist_ok=True)
    text = json.dumps(audit, indent=2, ensure_ascii=False) + "\n"
    (FOLDER / "audit.json").write_text(text, encoding="utf-8")
    (FOLDER / "audit.md").write_text(markdown(audit), encoding="utf-8")
    print(summary(audit))


if __name__ == "__main__":
    run(main)
