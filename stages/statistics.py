"""moments.npz and history.csv → statistics.json: Ĉ, its slope, and every test of every comparison;
power.json: what more seeds or speakers would show; metrics.json: Ĉ alone.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np

from harness.config.rows import Family, read_family, read_rows
from harness.config.statistics import Statistics
from harness.config.strict import block, profile
from harness.errors import RunError
from harness.evaluation.ccc import Array
from harness.evaluation.moments import FACTS, epochs_of, read_moments, selected
from harness.evaluation.plateau import read_curves, trend
from harness.evaluation.power import LARGEST, POWER, plan
from harness.evaluation.significance import comparisons, gather, scores
from harness.options import family_named
from harness.stage import run

SMALL = ("p", "p_holm", "smallest_p", "error", "seeds", "speakers", "both")  # may be tiny
DECIMALS = 8  # below this, a sum's last bits depend on the machine's BLAS


def main(arguments: list[str] | None = None) -> None:
    compare(read_family(family_named(__doc__, arguments)))


def compare(family: Family) -> None:
    """Every row of the family against each row that it names, on the same resamples."""
    settings = block(Statistics, "statistics")
    source = Path("results", profile(), family.name, "moments.npz")
    collected, moments, selections = _collected(family, source)
    averaged = epochs_of(collected, selections)
    names, curves = collected["rows"].tolist(), read_curves(source.with_name("history.csv"))
    rng = np.random.default_rng(settings.seed)
    evidence = gather(moments, settings.resamples, settings.level, rng)
    compared = comparisons(evidence, _baselines(family))
    numbers = {}
    for place, (name, score) in enumerate(zip(names, scores(evidence), strict=True)):
        numbers[name] = rounded(
            {
                **score,
                "selection": selections[place],
                "averaged": averaged[place],
                "trend": trend([curves[name][seed] for seed in family.seeds], settings.level),
                **_facts(collected, place),
                "comparisons": {
                    kind: found and found | {"baseline": names[found["baseline"]]}
                    for kind, found in compared[place].items()
                },
            }
        )
    speakers = evidence.moments[0].shape[1]
    plans = {
        kind: plan(
            [f[kind] for f in compared if f[kind]], len(family.seeds), speakers, settings.level
        )
        for kind in family.kinds
    }
    about = {"level": settings.level, "power": POWER, "speakers": speakers, "most": LARGEST}
    write(source.with_name("statistics.json"), numbers)
    write(source.with_name("power.json"), about | {"kinds": rounded(plans)})
    write(source.with_name("metrics.json"), {name: row["ccc"] for name, row in numbers.items()})


def _collected(family: Family, source: Path) -> tuple[dict[str, Any], list[Array], list[str]]:
    """What `collect` left; of each row the moments of its selection, and that selection."""
    again = f"run `dvc repro {family.stage('collect')}`"
    for file in (source, source.with_name("history.csv")):
        if not file.is_file():
            raise RunError(f"{file} is missing; {again}")
    collected, names = read_moments(source), [family.label(full) for full in family.listed]
    if (collected["rows"].tolist(), collected["seeds"].tolist()) != (names, family.seeds):
        raise RunError(f"{source} has other rows or seeds than params.yaml and rows.yaml; {again}")
    blocks = read_rows()
    selections: list[str] = [blocks[full].read().selection for full in family.listed]
    try:
        return collected, selected(collected, selections), selections
    except RunError as error:
        raise RunError(f"{source}: {error}; {again}") from None


def _facts(collected: dict[str, Any], place: int) -> dict[str, Any]:
    facts = {fact: collected[fact][place].item() for fact in FACTS}
    return {**facts, "arithmetic": sorted(set(collected["arithmetic"][place].tolist()))}


def _baselines(family: Family) -> dict[str, list[int | None]]:
    """Kind → of each row listed the place of its baseline; only own rows are compared."""
    places = {full: place for place, full in enumerate(family.listed)}
    own = [family.rows.get(full) for full in family.listed]
    return {
        kind: [places[row.against[kind]] if row and kind in row.against else None for row in own]
        for kind in family.kinds
    }


def rounded(value: Any, key: str = "") -> Any:
    """Floats with `DECIMALS` decimals, but those of `SMALL` with six significant digits."""
    if isinstance(value, list):
        return [rounded(each) for each in value]
    if isinstance(value, dict):
        return {name: rounded(each, name) for name, each in value.items()}
    if not isinstance(value, float):
        return value
    return float(f"{value:.6g}") if key in SMALL else round(value, DECIMALS)


def write(path: Path, content: object) -> None:
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    run(main)
