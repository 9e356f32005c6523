"""What a run of one profile found: results/<profile>/, read for comparison with another run."""

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

from harness.config.table import Row, global_baseline, local_baseline
from harness.errors import RunError

METRICS = ("ccc", "local_gain", "global_gain", "params")
AGREE = 1e-5  # scores.csv has six decimals
FILES = ("metrics.json", "scores.csv", "table2.json")

REMEDY = "run `dvc repro table`, or take it from another revision"

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


@dataclass(frozen=True)
class Results:
    """table2.json; metrics.json, row → Ĉ; scores.csv, row → seed → Ĉ of the table's selection."""

    table: dict[str, Any]
    metrics: dict[str, float]
    scores: dict[str, dict[int, float]]

    @cached_property
    def rows(self) -> dict[str, dict[str, Any]]:
        return {row["row"]: row for row in self.table["rows"]}

    @cached_property
    def _order(self) -> list[Row]:
        return [Row(name, row["encoder"], row["method"]) for name, row in self.rows.items()]

    def behind(self, row: str, metric: str) -> list[str]:
        """The rows whose cells a metric comes from: a gain has its baseline's too."""
        baseline = {"local_gain": local_baseline, "global_gain": global_baseline}.get(metric)
        own = next((one for one in self._order if one.name == row), None)
        other = baseline(own, self._order) if baseline and own else None
        return [row, other.name] if other else [row]

    def sample(self, row: str, metric: str) -> Sample:
        """The metric with its seeds' spread; its value is None when the row or number is not there.

        A gain of means has the spread of 100·(c − (C/B)·b)/B over seeds, with c and b of row and
        baseline, C and B their means: the linearised ratio of paired samples (Cochran 1977, §6.4).
        """
        found = self.metrics.get(row) if metric == "ccc" else self.rows.get(row, {}).get(metric)
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
            "table2.json": self.rows.get(row, {}).get("ccc"),
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


def read_results(read: Read, folder: str) -> Results | None:
    """A folder like results/synthetic; None when it has none of the three files.

    `read`: path → text or None. Raises RunError for one that is missing beside others, BrokenError
    for one that cannot be read.
    """
    texts = {file: read(f"{folder}/{file}") for file in FILES}
    if not any(texts.values()):
        return None
    for file, text in texts.items():
        if not text:
            raise RunError(f"{folder}/{file} is missing; run `dvc repro table`")
    metrics = scores_in(texts["metrics.json"] or "", f"{folder}/metrics.json")
    with _reading(f"{folder}/table2.json"):
        table = _json(texts["table2.json"] or "")
        names = [(row["row"], row["encoder"], row["method"])[0] for row in table["rows"]]
        if len(set(names)) < len(names):
            raise ValueError("it has a row twice")
        for row in table["rows"]:
            _numbers({metric: row.get(metric) for metric in METRICS}, f"{row['row']} ")
        selection, _ = table["selection"], (table["corpus"], [int(seed) for seed in table["seeds"]])
    with _reading(f"{folder}/scores.csv"):
        return Results(table, metrics, _scores(texts["scores.csv"] or "", selection))


def scores_in(text: str, name: str) -> dict[str, Any]:
    """metrics.json: row → Ĉ, which may be no number; BrokenError, with the file's name, if not."""
    with _reading(name):
        found = _json(text)
        if not isinstance(found, dict):
            raise ValueError("no mapping of rows to numbers")
        _numbers(found)
        return found


def _numbers(values: dict[str, Any], of: str = "") -> None:
    for name, value in values.items():
        if not isinstance(value, int | float | None):
            raise ValueError(f"{of}{name} is {value!r}, no number")


def _scores(text: str, selection: str) -> dict[str, dict[int, float]]:
    frame = pd.read_csv(io.StringIO(text), dtype=str, keep_default_na=False)  # a row may be "nan"
    keys = ["row", "seed", "selection", "target"]
    cut, twice = (frame.fillna("") == "").any(axis=1), frame.duplicated(keys)
    for fault, lines in (("is no score", cut), ("is there twice", twice)):
        if lines.any():
            raise ValueError(f"line {lines.to_numpy().argmax() + 2} {fault}")
    frame["ccc"] = pd.to_numeric(frame["ccc"])
    means = frame[(frame["target"] == "mean") & (frame["selection"] == selection)]
    return {
        str(row): {int(seed): float(c) for seed, c in zip(of["seed"], of["ccc"], strict=True)}
        for row, of in means.dropna(subset=["ccc"]).groupby("row")
    }


def _json(text: str) -> Any:
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        keys = [key for key, _ in pairs]
        if len(set(keys)) < len(keys):
            raise ValueError(f"it has a key twice: {max(keys, key=keys.count)}")
        return dict(pairs)

    return json.loads(text, object_pairs_hook=once)


@contextmanager
def _reading(name: str) -> Iterator[None]:
    try:
        yield
    except KeyError as error:
        raise BrokenError(f"{name} cannot be read: it has no {error}; {REMEDY}") from None
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise BrokenError(f"{name} cannot be read: {error}; {REMEDY}") from None
