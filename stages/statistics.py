"""moments.npz → statistics.json: Ĉ, and every test of every comparison; metrics.json: Ĉ alone."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from harness.config.readings import read_readings
from harness.config.statistics import Statistics
from harness.config.strict import block
from harness.config.table import BASELINES, Row, read_table
from harness.errors import RunError
from harness.evaluation.moments import read_moments
from harness.evaluation.significance import comparisons, gather, scores
from harness.stage import run

FACTS = ("params", "params_trained", "width", "epochs")
SMALL = ("p", "p_holm", "smallest_p")  # may be tiny
DECIMALS = 8  # below this, a sum's last bits depend on the machine's BLAS


def main() -> None:
    """Every row of the table against each of its baselines, on the same resamples."""
    profile, rows, seeds = read_table()
    settings = block(Statistics, "statistics")
    source = Path("results", profile, "moments.npz")
    if not source.is_file():
        raise RunError(f"{source} is missing; run `dvc repro collect`")
    collected = read_moments(source)
    names = [row.name for row in rows]
    if (collected["rows"].tolist(), collected["seeds"].tolist()) != (names, seeds):
        raise RunError(
            f"{source} has other rows or seeds than params.yaml; run `dvc repro collect`"
        )
    indices = {
        kind: [_place(find(row, rows), rows) for row in rows] for kind, find in BASELINES.items()
    }
    selection = read_readings().selection
    if selection not in collected:
        raise RunError(f"{source} has no selection '{selection}'; run `dvc repro collect`")
    rng = np.random.default_rng(settings.seed)
    evidence = gather(collected[selection], settings.resamples, settings.level, rng)
    compared = comparisons(evidence, indices)
    numbers = {}
    for place, (name, score) in enumerate(zip(names, scores(evidence), strict=True)):
        facts = {fact: collected[fact][place].item() for fact in FACTS}
        facts["arithmetic"] = sorted(set(collected["arithmetic"][place].tolist()))
        named = {
            kind: found and {"baseline": names[found.pop("baseline")], **found}
            for kind, found in compared[place].items()
        }
        numbers[name] = rounded({**score, **facts, "comparisons": named})
    write(source.with_name("statistics.json"), numbers)
    write(source.with_name("metrics.json"), {name: row["ccc"] for name, row in numbers.items()})


def _place(baseline: Row | None, rows: list[Row]) -> int | None:
    return None if baseline is None else rows.index(baseline)


def rounded(value: Any, key: str = "") -> Any:
    """Floats with `DECIMALS` decimals, but those of `SMALL` with six significant digits."""
    if isinstance(value, dict):
        return {name: rounded(each, name) for name, each in value.items()}
    if not isinstance(value, float):
        return value
    return float(f"{value:.6g}") if key in SMALL else round(value, DECIMALS)


def write(path: Path, content: object) -> None:
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    run(main)
