"""What a run of one family found, in results/<profile>/, read for comparison with another run."""

import io
import json
import math
import statistics
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd

from harness.config.rows import TABLE2
from harness.errors import RunError

AGREE = 1e-5  # scores.csv has six decimals
GAIN = "_gain"

Read = Callable[[str], str | None]


@dataclass(frozen=True)
class Sample:
    """A number, the standard deviation of its seeds (None: unknown) and how many seeds it has.

    `rounding`: half a unit of its last printed decimal, 0 for a number that was not printed.
    """

    value: float | None
    sd: float | None = None
    runs: int = 1
    rounding: float = 0.0


def files(family: str) -> tuple[str, str, str]:
    """What is read of a family, in a profile's folder: Ĉ, every score, the table."""
    return f"{family}/metrics.json", f"{family}/scores.csv", f"{family}.json"


def remedy(family: str) -> str:
    """The command that makes a family's results anew."""
    return "dvc repro table" if family == TABLE2 else f"make family F={family}"


@dataclass(frozen=True)
class Results:
    """The family's table; metrics.json, row → Ĉ; scores.csv, row → seed → Ĉ of the row's selection.

    The family's own rows have short names, rows of another family that they are compared with full
    ones; those have no line in the table.
    """

    table: dict[str, Any]
    metrics: dict[str, float]
    scores: dict[str, dict[int, float]]

    @cached_property
    def rows(self) -> dict[str, dict[str, Any]]:
        return {row["row"]: row for row in self.table["rows"]}

    @cached_property
    def measured(self) -> list[str]:
        """The metrics of this table: "ccc", a gain for each kind of comparison, "params"."""
        return ["ccc", *(f"{kind}{GAIN}" for kind in self.table["kinds"]), "params"]

    def behind(self, row: str, metric: str) -> list[str]:
        """The rows whose cells a metric comes from: a gain has its baseline's too."""
        compared = self._compared(row, metric)
        return [row, compared["baseline"]] if compared else [row]

    def _compared(self, row: str, metric: str) -> dict[str, Any]:
        against = self.rows.get(row, {}).get("against", {})
        return against.get(metric.removesuffix(GAIN), {}) if metric.endswith(GAIN) else {}

    def sample(self, row: str, metric: str) -> Sample:
        """The metric with its seeds' spread; its value is None when the row or number is not there.

        A gain of means has the spread of 100·(c − (C/B)·b)/B over seeds, with c and b of row and
        baseline, C and B their means: the linearised ratio of paired samples (Cochran 1977, §6.4).
        """
        found = self.metrics.get(row) if metric == "ccc" else self.rows.get(row, {}).get(metric)
        if metric.endswith(GAIN):
            found = self._compared(row, metric).get("gain")
        if not isinstance(found, int | float) or not math.isfinite(found):
            return Sample(None)
        if metric == "params":
            return Sample(found)
        each = list(self.scores.get(row, {}).values())
        if metric != "ccc":
            each = self._gains(*self.behind(row, metric))
        return Sample(found, statistics.stdev(each) if len(each) > 1 else None, max(1, len(each)))

    def _gains(self, row: str, baseline: str = "") -> list[float]:
        own, base = self.scores.get(row, {}), self.scores.get(baseline, {})
        seeds = [seed for seed in own if seed in base]
        middle = statistics.fmean(base[seed] for seed in seeds) if seeds else 0.0
        if middle == 0:
            return []
        ratio = statistics.fmean(own[seed] for seed in seeds) / middle
        return [100 * (own[seed] - ratio * base[seed]) / middle for seed in seeds]

    def contradiction(self, row: str) -> str | None:
        """Why the files cannot be of one run: Ĉ differs between them. None when it does not."""
        ours, seeds = self.metrics.get(row), list(self.scores.get(row, {}).values())
        others = {
            "the table": self.rows.get(row, {}).get("ccc"),
            "scores.csv": statistics.fmean(seeds) if seeds else None,
        }
        for file, other in others.items():
            if ours is None:
                continue
            if other is None:
                return f"metrics.json has a Ĉ and {file} has none"
            if not abs(ours - other) <= AGREE:
                return f"Ĉ is {ours:.5f} in metrics.json and {other:.5f} in {file}"
        return None


class BrokenError(RunError):
    """A file is there, and what it holds cannot be a result."""


def read_results(read: Read, folder: str, family: str = TABLE2) -> Results | None:
    """A family's results in a folder like results/synthetic; None when it has none of the files.

    `read`: path → text or None. Raises RunError for one that is missing beside others, BrokenError
    for one that cannot be read.
    """
    texts = {file: read(f"{folder}/{file}") for file in files(family)}
    if not any(texts.values()):
        return None
    for file, text in texts.items():
        if not text:
            raise RunError(f"{folder}/{file} is missing; run `{remedy(family)}`")
    measured, each, table_file = files(family)
    metrics = scores_in(texts[measured] or "", f"{folder}/{measured}", family)
    with _reading(f"{folder}/{table_file}", family):
        table = _json(texts[table_file] or "")
        _check_table(table)
    with _reading(f"{folder}/{each}", family):
        selections = {row["row"]: row["selection"] for row in table["rows"]}
        return Results(table, metrics, _scores(texts[each] or "", selections, metrics))


def scores_in(text: str, name: str, family: str = TABLE2) -> dict[str, Any]:
    """metrics.json: row → Ĉ, which may be no number; BrokenError, with the file's name, if not."""
    with _reading(name, family):
        found = _json(text)
        if not isinstance(found, dict):
            raise ValueError("no mapping of rows to numbers")
        _numbers(found)
        return found


def _check_table(table: Any) -> None:
    names = [(row["row"], row["selection"])[0] for row in table["rows"]]
    if len(set(names)) < len(names):
        raise ValueError("it has a row twice")
    _ = table["corpus"], list(table["kinds"]), [int(seed) for seed in table["seeds"]]
    for row in table["rows"]:
        _numbers({metric: row.get(metric) for metric in ("ccc", "params")}, f"{row['row']} ")
        for kind, compared in row["against"].items():
            _numbers({f"{kind}{GAIN}": compared["gain"]}, f"{row['row']} ")
            str(compared["baseline"])


def _numbers(values: dict[str, Any], of: str = "") -> None:
    for name, value in values.items():
        if not isinstance(value, int | float | None):
            raise ValueError(f"{of}{name} is {value!r}, no number")


def _scores(
    text: str, selections: dict[str, str], metrics: dict[str, float]
) -> dict[str, dict[int, float]]:
    """Row → seed → Ĉ. A row of another family counts with the selection that has its Ĉ."""
    frame = pd.read_csv(io.StringIO(text), dtype=str, keep_default_na=False)  # a row may be "nan"
    keys = ["row", "seed", "selection", "target"]
    cut, twice = (frame.fillna("") == "").any(axis=1), frame.duplicated(keys)
    for fault, lines in (("is no score", cut), ("is there twice", twice)):
        if lines.any():
            raise ValueError(f"line {lines.to_numpy().argmax() + 2} {fault}")
    frame["ccc"] = pd.to_numeric(frame["ccc"])
    means = frame[frame["target"] == "mean"].dropna(subset=["ccc"])
    found: dict[str, dict[int, float]] = {}
    for names, of in means.groupby(["row", "selection"], sort=False):
        row, selection = map(str, names)
        each = {int(seed): float(c) for seed, c in zip(of["seed"], of["ccc"], strict=True)}
        near = abs(statistics.fmean(each.values()) - (metrics.get(row) or math.nan)) <= AGREE
        if selection == selections.get(row) or (row not in selections and near):
            found.setdefault(row, each)
    return found


def _json(text: str) -> Any:
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        keys = [key for key, _ in pairs]
        if len(set(keys)) < len(keys):
            raise ValueError(f"it has a key twice: {max(keys, key=keys.count)}")
        return dict(pairs)

    return json.loads(text, object_pairs_hook=once)


@contextmanager
def _reading(name: str, family: str) -> Iterator[None]:
    end = f"run `{remedy(family)}`, or take it from another revision"
    try:
        yield
    except KeyError as error:
        raise BrokenError(f"{name} cannot be read: it has no {error}; {end}") from None
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise BrokenError(f"{name} cannot be read: {error}; {end}") from None
