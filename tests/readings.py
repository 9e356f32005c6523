"""Readings for tests: the preset `paper`, with some keys changed."""

from pathlib import Path

from harness.config.readings import PRESETS, Readings
from harness.config.strict import block

REPOSITORY = Path(__file__).parents[1]


def readings(**changes) -> Readings:
    preset = block(Readings, "", REPOSITORY / PRESETS / "paper.yaml")
    return Readings.model_validate(preset.model_dump() | changes)
