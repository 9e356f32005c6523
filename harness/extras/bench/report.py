"""bench.json and bench.md: the sections as they were measured, and the goals beside them."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tabulate import tabulate

from harness.extras.bench.goals import GOALS, verdicts
from harness.stage import read_json

ORDER = ("train", "train-gpu", "features", "statistics", "pipeline", "plan", "rows")
Rows = Sequence[Sequence[Any]]


def merge(folder: Path, name: str, section: dict[str, Any]) -> dict[str, Any]:
    """Put one section in place of its former self and write both files; → all sections."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "bench.json"
    sections = read_json(file, "restore it from git, or delete it") if file.is_file() else {}
    sections[name] = section
    ordered = {name: sections[name] for name in ORDER if name in sections}
    file.write_text(json.dumps(_rounded(ordered), indent=1) + "\n", encoding="utf-8")
    (folder / "bench.md").write_text(markdown(ordered), encoding="utf-8")
    return ordered


def markdown(sections: dict[str, Any]) -> str:
    """The whole report: goals first, then each section that was measured."""
    parts = ["# How fast", _goals(sections)]
    for name in ORDER:
        if name in sections:
            parts += [
                f"## {name}",
                _machine(sections[name]["hardware"]),
                *RENDERED[name](sections[name]),
            ]
    return "\n\n".join(parts) + "\n"


def _goals(sections: dict[str, Any]) -> str:
    rows = []
    for goal, verdict in zip(GOALS, verdicts(sections), strict=True):
        sign = "≥" if goal.at_least else "≤"
        shown = "–" if verdict.value is None else f"{verdict.value:.3g}"
        rows.append([goal.text, f"{sign} {goal.bound:g}", shown, verdict.verdict, verdict.limit])
    return _table(rows, ["goal (on two cores)", "", "measured", "", "limit"])


def _machine(facts: dict[str, Any]) -> str:
    gpu = f", {facts['gpu']}" if facts.get("gpu") else ""
    instructions = ", ".join(facts["instructions"]) or "none of AVX2, AVX-512, AMX"
    return (
        f"{facts['processor']}{gpu}: {facts['cores']} cores, {facts['memory_gib']:g} GiB, "
        f"{instructions}; torch {facts['packages']['torch']}, Python {facts['python']}; "
        f"{facts['date']}, load before {facts['load_before']:g}."
    )


def _train(section: dict[str, Any]) -> Iterator[str]:
    rows = []
    for cell in section["cells"]:
        best = f"{'bf16' if cell['bare']['bf16'] else 'float32'}, {cell['bare']['layout']}"
        for name, speed in cell["clips_per_second"].items():
            over = cell["ours_over"].get(name)
            peak = cell["peak_mib"].get(name)
            rows.append(
                [
                    f"{cell['encoder']} × {cell['width']:g}, batch {cell['batch']}",
                    f"{name} ({best})" if name == "bare" else name,
                    f"{speed['median']:.1f}",
                    f"{speed['low']:.1f}–{speed['high']:.1f}",
                    "" if over is None else f"{over:.2f}",
                    "" if peak is None else f"{peak.get('device', 0) or peak['resident']:.0f}",
                ]
            )
    yield _table(rows, ["cell", "variant", "clips/s", "range", "ours over it", "peak MiB"])
    yield (
        "A clip is two views, in autrainer one. Medians over turns; a ratio is the median of each "
        "turn's. Peak memory is that of a process of its own, above what it had before its work: "
        "with those parts of the libraries that the work is the first to touch."
    )
    for cell in section["cells"]:
        name = f"{cell['encoder']} × {cell['width']:g}"
        yield from (f"Bare {name} does not run in {form}." for form in cell["bare"]["failed"])
    yield from _missing(section)


def _features(section: dict[str, Any]) -> Iterator[str]:
    rows = []
    for name, speed in section["clips_per_second"].items():
        over = section["ours_over"].get(name)
        far = section["largest_difference_db"].get(name.split(",")[0])
        rows.append(
            [
                name,
                f"{speed['median']:.0f}",
                f"{speed['low']:.0f}–{speed['high']:.0f}",
                "" if over is None else f"{over:.2f}",
                "" if far is None else f"{far:.2g}",
            ]
        )
    yield _table(rows, ["variant", "clips/s", "range", "ours over it", "differs by at most (dB)"])
    peaks = (
        f"{peak['resident']:.0f} MiB for {count} clips"
        for count, peak in section["peak_mib"].items()
        if peak
    )
    yield f"{section['workers']} workers each. Peak memory of ours: {', '.join(peaks)}."
    yield from _missing(section)


def _statistics(section: dict[str, Any]) -> Iterator[str]:
    rows = []
    for name, size in section["sizes"].items():
        shape = f"{name}: {size['clips']} clips, {size['speakers']} speakers"
        for variant, speed in size["resamples_per_second"].items():
            over = size["ours_over"].get(variant)
            shown = "" if over is None else f"{over:.0f}"
            rows.append([shape, variant, f"{speed['median']:.3g}", shown])
    yield _table(rows, ["dev split", "variant", "resamples/s", "ours over it"])
    one = next(iter(section["sizes"].values()))
    yield f"A resample is of all {one['rows']} rows × {one['seeds']} seeds."


def _pipeline(section: dict[str, Any]) -> Iterator[str]:
    no_op, cell = section["no_op"], section["cell"]
    beside = f" ({cell['seeds']} seeds in a stage)" if "seeds" in cell else ""
    rows = [
        [
            f"no-op dvc repro ({no_op['stages']} stages, {no_op['where']})",
            f"{no_op['seconds']:.2f}",
        ],
        [
            f"a cell of {cell['row']} outside its epochs, with DVC{beside}",
            f"{cell['seconds']:.2f}",
        ],
        ["the same without DVC", f"{cell['without_dvc']:.2f}"],
    ]
    rows += [
        ["`dvc version`", f"{section['alone']['dvc']:.2f}"],
        ["importing torch and building an AdamW", f"{section['alone']['torch']:.2f}"],
    ]
    if "cold" in section:
        cold = section["cold"]
        rows += [
            ["make repro in a fresh clone", f"{cold['seconds']:.0f}"],
            ["of it make setup, without a cache of packages", f"{cold['setup']:.0f}"],
            ["of it epochs of all cells, seconds of a core", f"{cold['epochs']:.0f}"],
        ]
    yield _table(rows, ["what", "seconds"])


def _plan(section: dict[str, Any]) -> Iterator[str]:
    yield (
        f"`{section['profile']}`: {section['clips']['train']} train clips, {section['epochs']} "
        f"epochs, {section['seeds']} seeds, batch {section['batch']}, width {section['width']:g}."
    )
    rows = [
        [
            name,
            f"{row['parameters'] / 1e6:.2f}",
            f"{row['flops_a_step'] / 1e12:.3g}",
            f"{row['flops'] / 1e15:.3g}",
            f"{row['memory_gb']:.1f}",
        ]
        for name, row in section["rows"].items()
    ]
    heads = ["row", "parameters (M)", "TFLOP a step", "PFLOP a cell", "memory (GB, at least)"]
    yield _table(rows, heads)
    rows = [
        [
            name,
            f"{gpu['hours']:.1f}",
            "–" if gpu["cost"] is None else f"{gpu['cost']:.2f}",
            "yes" if gpu["fits"] else "no",
            gpu["from"],
        ]
        for name, gpu in section["gpus"].items()
    ]
    measured = section.get("measured")
    if measured:
        rows.append([measured["gpu"], f"{measured['hours']:.1f}", "–", "yes", measured["from"]])
    yield _table(rows, ["GPU", "hours, all cells", "cost", "fits", "from"])


def _of_rows(section: dict[str, Any]) -> Iterator[str]:
    lines = [
        [
            name,
            *(f"{1000 * one['seconds_a_step'][key]:.1f}" for key in ("median", "low", "high")),
            "" if one["peak_mib"] is None else f"{max(one['peak_mib'].values()):.0f}",
        ]
        for name, one in section["rows"].items()
    ]
    yield _table(lines, ["row", "ms a step", "least", "most", "peak MiB"])
    yield (
        f"Steps of the profile {section['profile']}: batch {section['batch']}, width "
        f"{section['width']:g}, {section['arithmetic']} arithmetic, rows in turn. Peak memory is "
        "that of a process of its own, above what it had before its work."
    )


RENDERED = {
    "train": _train,
    "train-gpu": _train,
    "features": _features,
    "statistics": _statistics,
    "pipeline": _pipeline,
    "plan": _plan,
    "rows": _of_rows,
}


def _missing(section: dict[str, Any]) -> Iterator[str]:
    for name, why in section["missing"].items():
        yield f"{name}: {why}."


def _table(rows: Rows, heads: list[str]) -> str:
    return tabulate(rows, heads, tablefmt="github", disable_numparse=True)


def _rounded(value: Any) -> Any:
    """Six digits are more than a clock gives."""
    if isinstance(value, dict):
        return {key: _rounded(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_rounded(each) for each in value]
    return float(f"{value:.6g}") if isinstance(value, float) else value
