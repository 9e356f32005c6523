"""Clip table and sounds → results/<profile>/table1.md, .json and .svg."""

import json
from pathlib import Path

from harness.config.strict import profile
from harness.corpora.clips import read
from harness.description.histograms import svg
from harness.description.table1 import described, markdown
from harness.paper import read_paper
from harness.stage import run


def main() -> None:
    """Describe the corpus, beside what the paper prints where it is the paper's."""
    clips, about = read(Path("data", profile()))
    paper = read_paper()
    printed = {
        row: {split: cell and cell.text for split, cell in counts}
        for row, counts in paper.table1.items()
    }
    table = described(clips, about, printed if about["name"] == paper.corpus else None)
    folder = Path("results", profile())
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(table, indent=2, ensure_ascii=False) + "\n"
    (folder / "table1.json").write_text(text, encoding="utf-8")
    (folder / "table1.md").write_text(markdown(table), encoding="utf-8")
    (folder / "table1.svg").write_bytes(svg(table["targets"]))


if __name__ == "__main__":
    run(main)
