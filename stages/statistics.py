"""moments.npz → statistics.json: Ĉ, gains, intervals and p of every row; metrics.json: Ĉ alone."""

import json
from pathlib import Path

import numpy as np

from harness.config.readings import read_readings
from harness.config.statistics import Statistics
from harness.config.strict import block
from harness.config.table import Row, global_baseline, local_baseline, read_table
from harness.errors import RunError
from harness.evaluation.significance import row_numbers, speaker_weights
from harness.stage import run

FACTS = ("params", "params_trained", "width", "epochs")
DECIMALS = 8  # below this, a sum's last bits depend on the machine's BLAS


def main() -> None:
    """Every row of the table against its local and its global baseline, on the same resamples."""
    profile, rows, seeds = read_table()
    settings = block(Statistics, "statistics")
    source = Path("results", profile, "moments.npz")
    if not source.is_file():
        raise RunError(f"{source} is missing; run `dvc repro collect`")
    with np.load(source, allow_pickle=False) as file:
        collected = {name: file[name] for name in file.files}
    names = [row.name for row in rows]
    if (collected["rows"].tolist(), collected["seeds"].tolist()) != (names, seeds):
        raise RunError(
            f"{source} has other rows or seeds than params.yaml; run `dvc repro collect`"
        )

    def index(baseline: Row | None) -> int | None:
        return None if baseline is None else rows.index(baseline)

    baselines = {
        "local": [index(local_baseline(row, rows)) for row in rows],
        "global": [index(global_baseline(row, rows)) for row in rows],
    }
    selection = read_readings().selection
    if selection not in collected:
        raise RunError(f"{source} has no selection '{selection}'; run `dvc repro collect`")
    moments = collected[selection]
    rng = np.random.default_rng(settings.seed)
    weights = speaker_weights(moments.shape[2], settings.resamples, rng)
    numbers = row_numbers(moments, weights, baselines, settings.level)
    for place, row in enumerate(numbers):
        row.update({fact: collected[fact][place].item() for fact in FACTS})
    rounded = {
        name: {key: v if v is None else round(v, DECIMALS) for key, v in row.items()}
        for name, row in zip(names, numbers, strict=True)
    }
    write(source.with_name("statistics.json"), rounded)
    write(source.with_name("metrics.json"), {name: row["ccc"] for name, row in rounded.items()})


def write(path: Path, content: object) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    run(main)
