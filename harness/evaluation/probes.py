"""What can be read from kept embeddings: probes of speaker and country (Alain & Bengio 2016)."""

from __future__ import annotations

import warnings
from collections.abc import Callable
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
from harness.evaluation.headline import headline
from harness.evaluation.measures.sums import counted, mean, mean_score

Array = NDArray[Any]
PROBES: dict[str, Callable[[int], Pipeline]] = {
    "linear": lambda seed: make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)),
    "mlp": lambda seed: make_pipeline(
        StandardScaler(), MLPClassifier((64,), alpha=0.01, max_iter=200, random_state=seed)
    ),
}
SHARE = 0.7  # of each speaker's clips, to learn from
SPLITS = 4  # of the same clips, at random: one alone asks about few clips of a speaker
SPEAKER, COUNTRY = "speaker", "country"
COLUMNS = ["row", "seed", "question", "probe", "accuracy", "shuffled", "chance"]

Numbers = dict[str, Any]


class Embedded(NamedTuple):
    """Clips of a split, in one order: embeddings [clips, size], speakers and countries [clips]."""

    embeddings: Array
    speakers: Array
    countries: Array


class Exam(NamedTuple):
    """Clips to learn a class from, others to be asked about it, and the speakers of these."""

    seen: Array
    classes: Array
    asked: Array
    answers: Array
    speakers: Array


class Read(NamedTuple):
    """What a probe reads from one cell: clips asked about and right answers of each dev speaker
    [speakers, 1, 2], the same after learning from shuffled labels, and the share of the answer that
    is right most often."""

    right: Array
    shuffled: Array
    chance: float


def read_clips(folder: Path, features: Path, split: str) -> Embedded:
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
    return Embedded(embeddings, index["speaker"].to_numpy(str), index["country"].to_numpy(str))


def questions(train: Embedded, dev: Embedded, seed: int) -> dict[str, list[Exam]]:
    """By name, those that the corpus can answer, each with one question a split.

    A speaker is learned from 70 % of their dev clips and asked of the rest. A country is learned
    on train and asked of dev, where nobody can be told by having been heard before.
    """
    found: dict[str, list[Exam]] = {}
    if len(np.unique(dev.speakers)) > 1:
        found[SPEAKER] = [_within(dev, [seed, nth]) for nth in range(SPLITS)]
    if len(np.unique(train.countries)) > 1:
        learned = train.embeddings, train.countries
        found[COUNTRY] = [Exam(*learned, dev.embeddings, dev.countries, dev.speakers)]
    return found


def _within(dev: Embedded, seed: list[int]) -> Exam:
    seen = within_speakers(dev.speakers, seed)
    kept = np.isin(dev.speakers, dev.speakers[~seen])  # a speaker with one clip has no other half
    a, b = seen & kept, ~seen
    learned, asked = ((dev.embeddings[each], dev.speakers[each]) for each in (a, b))
    return Exam(*learned, *asked, dev.speakers[b])


def within_speakers(speakers: Array, seed: int | list[int]) -> Array:
    """Which clips are learned from: of every speaker 70 %, but one less than all at most."""
    rng, seen = np.random.default_rng(seed), np.zeros(len(speakers), bool)
    for speaker in np.unique(speakers):
        own = rng.permutation(np.flatnonzero(speakers == speaker))
        seen[own[: min(round(SHARE * len(own)), len(own) - 1) or len(own) == 1]] = True
    return seen


def right(question: Exam, probe: str, seed: int, shuffled: bool = False) -> Array:
    """Whether the probe answers right [clips asked]; `shuffled`: it learned from labels in a random
    order, a control.

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
    return np.asarray(model.predict(question.asked) == question.answers)


def read(train: Embedded, dev: Embedded, seed: int) -> dict[tuple[str, str], Read]:
    """What every probe reads on every question of one cell, by question and probe."""
    found = {}
    for name, each in questions(train, dev, seed).items():
        answers = np.concatenate([one.answers for one in each])
        chance = float(np.unique(answers, return_counts=True)[1].max()) / len(answers)
        for probe in PROBES:
            hits, control = (_sums(each, probe, seed, shuffled) for shuffled in (False, True))
            found[name, probe] = Read(hits, control, chance)
    return found


def _sums(each: list[Exam], probe: str, seed: int, shuffled: bool) -> Array:
    hits = np.concatenate([right(one, probe, seed, shuffled) for one in each])
    speakers = np.concatenate([one.speakers for one in each])
    return counted(hits[:, np.newaxis], speakers)


Reads = dict[str, list[dict[tuple[str, str], Read]]]  # row → of each seed what was read


def table(reads: Reads, seeds: list[int]) -> pd.DataFrame:
    """Every accuracy, a line for each row, seed, question and probe."""
    lines = [
        (row, seed, *key, _accuracy(one.right), _accuracy(one.shuffled), one.chance)
        for row, each in reads.items()
        for seed, cell in zip(seeds, each, strict=True)
        for key, one in cell.items()
    ]
    return pd.DataFrame(lines, columns=COLUMNS)


def _accuracy(sums: Array) -> float:
    return float(mean_score(sums, mean))


def summary(reads: Reads, against: dict[str, dict[str, str]], level: float) -> list[Numbers]:
    """Of every question, probe and row: the accuracy and its standard deviation over seeds, that of
    the control and the test of their difference (`above`), and the test of the difference from each
    row that `against` names. All tests take seeds as readers and speakers as cases."""
    found = []
    for question, probe in next(iter(reads.values()))[0]:
        right, shuffled = (
            {
                row: np.stack([getattr(cell[question, probe], kind) for cell in each])
                for row, each in reads.items()
            }
            for kind in ("right", "shuffled")
        )
        for row, each in reads.items():
            by_seed = mean_score(right[row], mean)
            compared = {
                kind: {"baseline": other, **_test(right[row], right[other], level)}
                for kind, other in against[row].items()
                if other in right
            }
            found.append(
                {
                    "question": question,
                    "probe": probe,
                    "row": row,
                    "accuracy": float(by_seed.mean()),
                    "sd": float(by_seed.std(ddof=1)) if len(by_seed) > 1 else None,
                    "shuffled": float(mean_score(shuffled[row], mean).mean()),
                    "chance": float(np.mean([cell[question, probe].chance for cell in each])),
                    "above": _test(right[row], shuffled[row], level),
                    "comparisons": compared,
                }
            )
    return found


def _test(row: Array, baseline: Array, level: float) -> Numbers:
    found = headline(row, baseline, level, finish=mean)._asdict()
    found.pop("squares")
    return found
