"""Cells with one reading changed, and those without → readings.json, readings.md."""

import json
from pathlib import Path

import numpy as np

from harness.config.readings import base, changes, read_readings
from harness.config.statistics import Statistics
from harness.config.strict import block, section
from harness.config.table import read_sensitivity, read_table
from harness.evaluation.cells import Labels, read_cell, read_labels
from harness.evaluation.sensitivity import (
    caption,
    compared,
    control_pairs,
    markdown,
    sensitivity,
)
from harness.stage import read_facts, run


def main() -> None:
    """Compare each row of `sensitivity` with the row of the table that it changes."""
    profile, rows, _ = read_table()
    asked, level = read_sensitivity(), block(Statistics, "statistics").level
    about = read_facts(Path("data", profile), ("name", "targets"))
    labels = read_labels(Path("features", profile, "dev.csv"), about["targets"])
    pairs = control_pairs(asked.rows, rows)
    names = {*asked.rows, *map(base, asked.rows), *(name for pair in pairs for name in pair)}
    moments = {row: moments_of(row, profile, asked.seeds, labels) for row in names}

    preset = section("readings")["preset"]
    values = read_readings().model_dump() | {"preset": preset}
    lines = sensitivity(asked.rows, values, moments, level)
    found = {
        "profile": profile,
        "corpus": about["name"],
        "preset": preset,
        "seeds": asked.seeds,
        "level": level,
        "speakers": len(np.unique(labels.speakers)),
        "covers": lines[0]["covers"],
        "readings": lines,
        "controls": [compared(name, ruwl, moments, level) for name, ruwl in pairs],
    }
    found["caption"] = caption(found)
    folder = Path("results", profile)
    text = json.dumps(found, indent=2) + "\n"
    (folder / "readings.json").write_text(text, encoding="utf-8")
    (folder / "readings.md").write_text(markdown(found), encoding="utf-8")
    print(markdown(found))


def moments_of(row: str, profile: str, seeds: list[int], labels: Labels) -> np.ndarray:
    """[seeds, speakers, targets, 6] of a row, of the epoch that its readings select."""
    folder = Path("variations" if changes(row) else "runs", profile)
    selection = read_readings(row).selection
    return np.array([read_cell(folder, row, seed, labels).moments[selection] for seed in seeds])


if __name__ == "__main__":
    run(main)
