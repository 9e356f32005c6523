"""harness listen: a local page with the clips that a row predicts worst, to be heard and seen.

It holds sounds of the corpus, so it never goes where git would take it.
"""

import argparse
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import jinja2
import numpy as np

from harness.config.features import Features
from harness.config.rows import TABLE2, Row, family_of, read_family, read_rows
from harness.config.strict import ROWS, block, nearest, profile
from harness.config.training import Train
from harness.errors import ParamsError, RunError
from harness.evaluation.ccc import Array
from harness.evaluation.cells import Labels, read_labels, read_predictions
from harness.packed import log_mels, read_split
from harness.report.clipwise import added, apart, highest
from harness.report.sounds import Sounds, picture

SCRATCH = Path("scratch")  # git ignores it
MEGABYTE = 1_000_000


@dataclass(frozen=True)
class Predicted:
    """A row's predictions: `values` [runs, clips, targets], a run for each seed and late epoch;
    `added` [clips] sums to 1 − Ĉ; `frames`: how many of a clip's first ones it hears, 0 for all."""

    name: str
    seeds: list[int]
    selection: str
    frames: int
    values: Array
    added: Array

    @property
    def mean(self) -> Array:
        """[clips, targets]."""
        found: Array = self.values.mean(axis=0)
        return found

    @property
    def ccc(self) -> float:
        """Ĉ, as the table has it."""
        return 1 - float(self.added.sum())


class Reason(NamedTuple):
    """Why a clip, by its place in the labels, is on the page, in a sentence."""

    clip: int
    text: str


class Bar(NamedTuple):
    """A target of a clip: its label and what each row predicts, nominally in [0, 1]."""

    target: str
    label: float
    predictions: list[float]


@dataclass(frozen=True)
class Card:
    """A clip as the page shows it; `sound` and `picture` are data URIs, `silent` says why there is
    no sound, `heard` which share of the clip the first row hears."""

    clip: str
    speaker: str
    seconds: float
    heard: float
    picture: str
    sound: str | None
    silent: str
    text: str
    bars: list[Bar]


def listen(options: argparse.Namespace) -> None:
    """Write the page, and say where it is and what it lacks."""
    names = [_full(name) for name in (options.row, options.against) if name]
    out = Path(options.out) if options.out else _place(names)
    check_ignored(out)
    folder, features = Path("features", profile()), block(Features, "features")
    labels = read_labels(folder / "dev.csv", read_split(folder, "dev").targets)
    rows = [predicted(name, labels) for name in names]
    lists = chosen(rows, labels, options.clips)
    sounds = Sounds(Path("data", profile()), features.sample_rate, options.limit * MEGABYTE)
    text = page(rows, labels, cards(lists, rows, labels, sounds, folder, features), features)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(text, encoding="utf-8")
    if sounds.lacking:
        print(sounds.lacking)
    print(f"{out}: {len(text) / MEGABYTE:.1f} MB; open it in a browser, and give it to nobody")


def check_ignored(out: Path) -> None:
    """RunError for a place that git would take: nobody may publish the sounds of a corpus."""
    if out.is_dir():
        raise RunError(f"{out} is a folder; name a file, e.g. {out / 'listen.html'}")
    whole = out.absolute()
    there = next(folder for folder in whole.parents if folder.is_dir())
    command = ["git", "-C", str(there), "check-ignore", "--quiet", str(whole)]
    try:
        status = subprocess.run(command, capture_output=True, check=False).returncode
    except OSError:  # no git here
        return
    if status == 1:
        raise RunError(
            f"{out}: git would take this file, and the sounds of a corpus stay out of git; choose "
            f"a place in {SCRATCH}/ or outside of the repository"
        )


def predicted(name: str, labels: Labels) -> Predicted:
    """The dev predictions of all cells of a row, by its full name; RunError where one lacks."""
    row = read_rows()[name]
    seeds = [cell for seed in read_family(family_of(name)).seeds for cell in row.cells(seed)]
    readings = row.read()
    values = np.concatenate([_run(name, seed, readings.selection, labels) for seed in seeds])
    first = isinstance(row, Row) and readings.dev_crop == "first"
    frames = block(Train, "train").frames if first else 0
    short = name.removeprefix(f"{TABLE2}/")
    return Predicted(short, seeds, readings.selection, frames, values, added(labels.values, values))


def _run(name: str, seed: int, selection: str, labels: Labels) -> Array:
    file = Path("runs", profile(), name, str(seed), "predictions.npz")
    family = family_of(name)
    command = "make repro" if family == TABLE2 else f"make family F={family}"
    if not file.is_file():
        raise RunError(f"{file} is missing; run `{command}`")
    found = read_predictions(file, labels)
    if selection not in found:
        raise RunError(f"{file} has no '{selection}'; run `{command}`")
    return found[selection]


def chosen(rows: list[Predicted], labels: Labels, count: int) -> dict[str, list[Reason]]:
    """Heading → the clips below it."""
    first = rows[0]

    def distances(clip: int) -> str:
        far = [np.abs(row.mean[clip] - labels.values[clip]).mean() for row in rows]
        each = [f"{row.name} is {d:.2f}" for row, d in zip(rows, far, strict=True)]
        return f"{', '.join(each)} from the labels on average."

    def lost(clip: int) -> Reason:
        share = first.added[clip] / first.added.sum() if first.added.any() else 0
        text = f"{100 * share:.1f} % of what the Ĉ of {first.name} lacks to 1 is lost here."
        return Reason(clip, f"{text} {distances(clip)}")

    found = {f"Predicted worst by {first.name}": [*map(lost, highest(first.added, count))]}
    if len(rows) > 1:
        between = apart(rows[0].values, rows[1].values)
        found[f"Where {rows[0].name} and {rows[1].name} are furthest apart"] = [
            Reason(clip, f"They are {between[clip]:.2f} apart on average. {distances(clip)}")
            for clip in highest(between, count)
        ]
    return found


def cards(
    lists: dict[str, list[Reason]],
    rows: list[Predicted],
    labels: Labels,
    sounds: Sounds,
    folder: Path,
    features: Features,
) -> dict[str, list[Card]]:
    """Heading → the cards below it."""
    wanted = {reason.clip for reasons in lists.values() for reason in reasons}
    each = enumerate(log_mels(folder, "dev"))
    levels = {clip: found for clip, found in each if clip in wanted}
    frames = rows[0].frames

    def card(clip: int, text: str) -> Card:
        name, count = str(labels.clips[clip]), len(levels[clip])
        sound, silent = sounds.of(name)
        said = [row.mean[clip] for row in rows]
        return Card(
            clip=name,
            speaker=str(labels.speakers[clip]),
            seconds=(count - 1) * features.hop / features.sample_rate,
            heard=min(1.0, frames / count) if frames else 1.0,
            picture=picture(levels[clip]),
            sound=sound,
            silent=silent,
            text=text,
            bars=[
                Bar(target, float(labels.values[clip, at]), [float(mean[at]) for mean in said])
                for at, target in enumerate(labels.targets)
            ],
        )

    return {heading: [card(*reason) for reason in reasons] for heading, reasons in lists.items()}


def page(
    rows: list[Predicted], labels: Labels, lists: dict[str, list[Card]], features: Features
) -> str:
    """The whole page, which needs no other file; names that come from outside are escaped."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("harness.report", ""),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    template = environment.get_template("listen.html.jinja")
    return template.render(
        rows=rows, labels=labels, lists=lists, features=features, profile=profile()
    )


def _full(name: str) -> str:
    """A row's full name; without a family it is one of Table 2."""
    whole, rows = name if "/" in name else f"{TABLE2}/{name}", read_rows()
    if whole not in rows:
        raise ParamsError(f"{ROWS}: no row is called '{whole}'{nearest(whole, rows)}")
    return whole


def _place(names: list[str]) -> Path:
    each = [name.removeprefix(f"{TABLE2}/").replace("/", "-") for name in names]
    return SCRATCH / profile() / "listen" / f"{'-against-'.join(each)}.html"
