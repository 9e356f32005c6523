"""What can be read from kept embeddings: probes of speaker and country (Alain & Bengio 2016)."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from harness.errors import RunError
from harness.evaluation.seeds import t_over_seeds

Array = NDArray[Any]
PROBES: dict[str, Callable[[int], Pipeline]] = {
    "linear": lambda seed: make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)),
    "mlp": lambda seed: make_pipeline(
        StandardScaler(), MLPClassifier((64,), alpha=0.01, max_iter=200, random_state=seed)
    ),
}
SHARE = 0.7  # of each speaker's clips, to learn from
COLUMNS = ["row", "seed", "probe", "question", "accuracy", "shuffled", "chance"]


class Clips(NamedTuple):
    """Of a split, in one order: embeddings [clips, size], speakers and countries [clips]."""

    embeddings: Array
    speakers: Array
    countries: Array


class Question(NamedTuple):
    """Clips to learn a class from, and others to be asked about it."""

    seen: Array
    classes: Array
    asked: Array
    answers: Array


def read_clips(folder: Path, features: Path, split: str) -> Clips:
    """A finished cell's embeddings of a split; RunError where it kept none, or of other clips."""
    file = folder / "embeddings.npz"
    if not file.is_file():
        raise RunError(f"{file} is missing; give its row keep: [embeddings] and train it again")
    text = dict.fromkeys(("clip", "speaker", "country"), str)
    index = pd.read_csv(features / f"{split}.csv", dtype=text, keep_default_na=False)
    with np.load(file) as found:
        clips, embeddings = found[f"{split}_clips"], found[split]
    if clips.tolist() != index["clip"].tolist():
        raise RunError(f"{file} has other clips than {features / split}.csv; train its row again")
    return Clips(embeddings, index["speaker"].to_numpy(str), index["country"].to_numpy(str))


def questions(train: Clips, dev: Clips, seed: int) -> dict[str, Question]:
    """By name, those that the corpus can answer.

    "speaker" and "country" on dev, 70 % of each speaker's clips against the rest. So a country can
    be told by the speaker; "country of a new speaker" is learned on train and asked of dev.
    """
    seen = within_speakers(dev.speakers, seed)
    kept = np.isin(dev.speakers, dev.speakers[~seen])  # a speaker with one clip has no other half
    found = {}
    for name, classes in (("speaker", dev.speakers), ("country", dev.countries)):
        if len(np.unique(classes)) > 1:
            a, b = seen & kept, ~seen
            found[name] = Question(dev.embeddings[a], classes[a], dev.embeddings[b], classes[b])
    if len(np.unique(train.countries)) > 1:
        found["country of a new speaker"] = Question(
            train.embeddings, train.countries, dev.embeddings, dev.countries
        )
    return found


def within_speakers(speakers: Array, seed: int) -> Array:
    """Which clips are learned from: of every speaker 70 %, but one less than all at most."""
    rng, seen = np.random.default_rng(seed), np.zeros(len(speakers), bool)
    for speaker in np.unique(speakers):
        own = rng.permutation(np.flatnonzero(speakers == speaker))
        seen[own[: min(round(SHARE * len(own)), len(own) - 1) or len(own) == 1]] = True
    return seen


def accuracy(question: Question, probe: str, seed: int, shuffled: bool = False) -> float:
    """Share of right answers; `shuffled`: learned from labels in a random order, a control.

    Raises RunError where all clips to learn from are of one class.
    """
    classes = question.classes
    if len(np.unique(classes)) < 2:
        raise RunError("a probe needs clips of two classes to learn from; ask something else")
    if shuffled:
        classes = np.random.default_rng([seed, 1]).permutation(classes)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # it stops where all probes stop
        model = PROBES[probe](seed).fit(question.seen, classes)
    return float(np.mean(model.predict(question.asked) == question.answers))


def probed(train: Clips, dev: Clips, row: str, seed: int) -> list[dict[str, Any]]:
    """Every probe on every question of one cell; `chance`: the answer that is right most often."""
    return [
        {
            "row": row,
            "seed": seed,
            "probe": probe,
            "question": name,
            "accuracy": accuracy(question, probe, seed),
            "shuffled": accuracy(question, probe, seed, shuffled=True),
            "chance": float(np.unique(question.answers, return_counts=True)[1].max())
            / len(question.answers),
        }
        for name, question in questions(train, dev, seed).items()
        for probe in PROBES
    ]


def summary(table: pd.DataFrame, against: dict[str, list[str]], level: float) -> pd.DataFrame:
    """Of each row, probe and question: mean over seeds with its interval, and the difference from
    each row that `against` names, paired by seed, with its interval and p (Student's t)."""
    cases = table.groupby(["question", "probe"], sort=False)
    rows: list[dict[str, Any]] = []
    for (question, probe), found in cases:
        wide = found.pivot(index="seed", columns="row", values="accuracy")
        for row in found["row"].unique():
            own = found[found["row"] == row]
            one = {"question": question, "probe": probe, "row": row, "seeds": len(own)}
            one |= _spread(wide[row].to_numpy(), level)
            one |= {key: own[key].mean() for key in ("shuffled", "chance")}
            rows += [
                {**one, **_difference(wide, row, other, level)} for other in against[row] or [""]
            ]
    return pd.DataFrame(rows)


def _spread(values: Array, level: float) -> dict[str, float]:
    low = high = float("nan")
    if len(values) > 1:
        _, low, high = t_over_seeds(values, level)
    return {"accuracy": float(values.mean()), "low": low, "high": high}


def _difference(wide: pd.DataFrame, row: str, other: str, level: float) -> dict[str, Any]:
    if other not in wide:
        return {"against": ""}
    differences = (wide[row] - wide[other]).to_numpy()
    found: dict[str, Any] = {"against": other, "difference": differences.mean()}
    if len(differences) > 1:
        p, low, high = t_over_seeds(differences, level)
        found |= {"difference_low": low, "difference_high": high, "p": p}
    return found


def markdown(found: pd.DataFrame, family: str, level: float) -> str:
    """The summary as a page."""
    seeds = int(found["seeds"].max())
    lines = [
        f"# What probes read from the embeddings of {family}",
        "",
        f"Accuracy over {seeds} seeds with its {level:.0%} interval (Student's t over seeds, for "
        "these clips). *Shuffled*: the same probe, taught labels in a random order. *Chance*: the "
        "most frequent answer, always. The rules are in docs/protocol.md#anti-transfer.",
    ]
    for (question, probe), part in found.groupby(["question", "probe"], sort=False):
        lines += ["", f"## {question}, {probe}", "", _HEAD, _RULE, *_lines(part)]
    return "\n".join(lines) + "\n"


_HEAD = "| row | accuracy | interval | shuffled | chance | against | difference | interval | p |"
_RULE = f"|{'---|' * 9}"


def _lines(part: pd.DataFrame) -> Iterable[str]:
    for row in part.to_dict("records"):
        own = f"{row['accuracy']:.3f} | {_interval(row['low'], row['high'])}"
        base = f"{row['shuffled']:.3f} | {row['chance']:.3f}"
        told = "– | – | – | –"
        if row["against"]:
            between = _interval(row.get("difference_low"), row.get("difference_high"))
            p = row.get("p", float("nan"))
            told = (
                f"{row['against']} | {row['difference']:+.3f} | {between} | "
                f"{'–' if np.isnan(p) else f'{p:.3f}'}"
            )
        yield f"| {row['row']} | {own} | {base} | {told} |"


def _interval(low: float | None, high: float | None) -> str:
    return "–" if low is None or high is None or np.isnan(low) else f"[{low:.3f}, {high:.3f}]"
