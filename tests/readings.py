"""Readings for tests: a preset, with some keys changed."""

from pathlib import Path

from harness.config.readings import PRESETS, Readings
from harness.config.strict import block

REPOSITORY = Path(__file__).parents[1]


def readings(preset="paper", **changes) -> Readings:
    whole = block(Readings, "", REPOSITORY / PRESETS / f"{preset}.yaml")
    return Readings.model_validate(whole.model_dump() | changes)
