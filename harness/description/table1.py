"""Table 1: what a corpus holds and what is odd in it, measured from its sounds."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich.console import Console
from rich.progress import track
from tabulate import tabulate

from harness.corpora.clips import SPLITS
from harness.corpora.sound import Samples, decode
from harness.description.duplicates import BANDS, pairs, signature

CLIPPED = 0.99  # of full scale, three samples in a row
SILENT = -60.0  # dBFS rms
BINS = 20  # of a target's histogram
COUNTRIES = {  # as clip tables call them: as paper.yaml's rows do
    "United States": "speakers_usa",
    "China": "speakers_china",
    "South Africa": "speakers_south_africa",
    "Venezuela": "speakers_venezuela",
}
NAMED = 10  # clips that a list in the Markdown names


def measured(clips: pd.DataFrame, root: Path) -> tuple[pd.DataFrame, np.ndarray]:
    """Per clip: seconds, rate (Hz), level (dBFS rms), clipped, silent; and signatures [clips, 32].

    `clips`: the clip table, whose sounds lie below `root`; rows stay in its order.
    """

    def one(path: str) -> tuple[dict[str, Any], np.ndarray]:
        samples, rate = decode((root / path).read_bytes())
        level = _level(samples)
        facts = {
            "seconds": len(samples) / rate,
            "rate": rate,
            "level": level,
            "clipped": _clipped(samples),
            "silent": level < SILENT,
        }
        return facts, signature(samples, rate)

    screen = Console(stderr=True)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        found = list(
            track(
                pool.map(one, clips["path"]),
                "measuring clips",
                total=len(clips),
                console=screen,
                transient=True,
                disable=not screen.is_terminal,
            )
        )
    signatures = np.array([own for _, own in found], np.float32).reshape(-1, BANDS)
    return pd.DataFrame([facts for facts, _ in found], index=clips.index), signatures


def described(
    clips: pd.DataFrame, about: dict[str, Any], paper: dict[str, dict[str, str | None]] | None
) -> dict[str, Any]:
    """Table 1 as numbers: rows beside `paper`'s (None: another corpus), and what is odd.

    `clips`: the clip table; `about`: its facts, `root` usable as it is.
    """
    root = Path(about["root"])
    sounds, signatures = measured(clips, root)
    audible = ~sounds["silent"].to_numpy(bool)
    same = pairs(clips[audible], signatures[audible], root)
    return {
        "corpus": about["name"],
        "rows": _rows(clips, sounds, paper),
        "seconds": {s: _quantiles(sounds["seconds"][clips["split"] == s]) for s in _splits(clips)},
        "rates": {str(r): int(n) for r, n in sounds["rate"].value_counts().sort_index().items()},
        "level": _quantiles(sounds["level"].clip(lower=-120)),
        "clipped": clips["clip"][sounds["clipped"]].tolist(),
        "silent": clips["clip"][sounds["silent"]].tolist(),
        "same_bytes": _same_bytes(clips),
        "same_sound": [pair._asdict() for pair in same],
        "skipped": about.get("skipped", []),
        "targets": {target: _target(clips, target) for target in about["targets"]},
    }


def markdown(table: dict[str, Any]) -> str:
    """Table 1 and its notes."""
    counted = table["rows"]
    printed = any(row["paper"] for row in counted)
    splits = list(counted[0]["counts"])
    header = ["", *splits, *(["paper train", "paper dev", "paper total"] if printed else [])]
    rows = [[row["label"], *(f"{value:,}" for value in row["counts"].values())] for row in counted]
    if printed:
        for cells, row in zip(rows, counted, strict=True):
            cells += [row["paper"].get(key) or "–" for key in ("train", "validation", "total")]
    spread = [
        [split, *(f"{value:.2f}" for value in quantiles.values())]
        for split, quantiles in table["seconds"].items()
    ]
    targets = [
        [name, *(f"{of[key]:.3f}" for key in ("mean", "sd", "zero", "one"))]
        for name, of in table["targets"].items()
    ]
    parts = [
        f"Table 1 for the corpus {table['corpus']}, counted from its clips.",
        _grid(rows, header),
        "Seconds a clip:",
        _grid(spread, ["", "shortest", "5 %", "median", "95 %", "longest"]),
        *_notes(table),
        "Targets of the labelled clips (shares at exactly 0 and 1), drawn in "
        "[table1.svg](table1.svg):",
        _grid(targets, ["", "mean", "sd", "at 0", "at 1"]),
    ]
    return "\n\n".join(parts) + "\n"


def _notes(table: dict[str, Any]) -> list[str]:
    rates = ", ".join(f"{n:,} at {int(rate):,} Hz" for rate, n in table["rates"].items())
    level = table["level"]
    same = [f"{pair['one']} = {pair['other']}" for pair in table["same_sound"]]
    bytes_ = table["same_bytes"]
    why = [f"{skipped['clip']} ({skipped['why']})" for skipped in table["skipped"]]
    notes = [
        f"Rates: {rates}. Level: median {level['median']:.1f} dBFS, 5 to 95 % "
        f"{level['q05']:.1f} to {level['q95']:.1f}.",
        f"Clipped (three samples in a row at {CLIPPED} of full scale): "
        f"{_some(table['clipped'], name=False)}.",
        f"Silent (below {SILENT:g} dBFS): {_some(table['silent'])}.",
        f"Files with the bytes of another: {bytes_['clips']:,}, of another speaker's "
        f"{bytes_['across_speakers']:,}, of another split's {bytes_['across_splits']:,}.",
        f"Same waveform under two speakers or in two splits, a leak: {_some(same)}.",
        f"Left out as unusable: {_some(why)}.",
    ]
    return ["\n".join(f"- {note}" for note in notes)]


def _some(names: list[str], name: bool = True) -> str:
    if not names:
        return "none"
    shown = ", ".join(names[:NAMED]) + (", …" if len(names) > NAMED else "")
    return f"{len(names):,}" + (f" ({shown})" if name else "")


def _rows(
    clips: pd.DataFrame, sounds: pd.DataFrame, paper: dict[str, dict[str, str | None]] | None
) -> list[dict[str, Any]]:
    splits = _splits(clips)
    known = clips[clips["speaker"] != ""]
    minutes = {s: float(sounds["seconds"][clips["split"] == s].sum()) / 60 for s in splits}
    counts: list[tuple[str, str, dict[str, float]]] = [
        ("minutes", "minutes", {**minutes, "total": sum(minutes.values())}),
        ("clips", "clips", _with_total(clips["split"].value_counts(), splits, len(clips))),
        ("speakers", "speakers", _speakers(known, splits)),
    ]
    for country in sorted(set(known["country"]) - {""}):
        own = _speakers(known[known["country"] == country], splits)
        counts.append((f"speakers, {country}", COUNTRIES.get(country, country), own))
    return [
        {
            "label": label,
            "counts": {split: round(value, 1) for split, value in values.items()},
            "paper": (paper or {}).get(key, {}),
        }
        for label, key, values in counts
    ]


def _speakers(clips: pd.DataFrame, splits: list[str]) -> dict[str, float]:
    counts = clips.groupby("split")["speaker"].nunique()
    return _with_total(counts, splits, clips["speaker"].nunique())


def _with_total(counts: "pd.Series[Any]", splits: list[str], total: int) -> dict[str, float]:
    return {**{split: int(counts.get(split, 0)) for split in splits}, "total": int(total)}


def _splits(clips: pd.DataFrame) -> list[str]:
    return [split for split in SPLITS if (clips["split"] == split).any()]


def _quantiles(values: "pd.Series[Any]") -> dict[str, float]:
    names = {"min": 0.0, "q05": 0.05, "median": 0.5, "q95": 0.95, "max": 1.0}
    return {name: round(float(values.quantile(q)), 3) for name, q in names.items()}


def _same_bytes(clips: pd.DataFrame) -> dict[str, int]:
    """Clips that repeat an earlier file, and the groups of them that cross speakers or splits."""
    groups = clips.groupby("sha256")
    return {
        "clips": int(clips["sha256"].duplicated().sum()),
        "across_speakers": int((groups["speaker"].nunique() > 1).sum()),
        "across_splits": int((groups["split"].nunique() > 1).sum()),
    }


def _target(clips: pd.DataFrame, target: str) -> dict[str, Any]:
    labelled = clips[clips[target].notna()]
    values = labelled[target]
    return {
        "mean": round(float(values.mean()), 4),
        "sd": round(float(values.std(ddof=0)), 4),
        "zero": round(float((values == 0).mean()), 4),
        "one": round(float((values == 1).mean()), 4),
        "histogram": {
            split: np.histogram(values[labelled["split"] == split], bins=BINS, range=(0, 1))[
                0
            ].tolist()
            for split in _splits(labelled)
        },
    }


def _level(samples: Samples) -> float:
    power = float(np.mean(samples.astype(float) ** 2))
    return round(10 * float(np.log10(max(power, 1e-30))), 2)


def _clipped(samples: Samples) -> bool:
    full = np.abs(samples) >= CLIPPED
    return bool((full[:-2] & full[1:-1] & full[2:]).any())


def _grid(rows: list[list[str]], header: list[str]) -> str:
    align = ["left", *["right"] * (len(header) - 1)]
    return tabulate(rows, header, tablefmt="github", colalign=align, disable_numparse=True)
