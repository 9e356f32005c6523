"""Should the variance over seeds be pooled over the rows of a table? False positives and power.

Obuchowski and Rockette (1995) estimate the variance of row × reader once for all rows of a study.
With t rows and s seeds that has (t − 1)(s − 1) degrees of freedom instead of s − 1, and is right
only if all rows vary alike. Draws are normal pseudo-values [rows, seeds, speakers] of nine rows,
three an encoder, as in Table 2; the first row is compared with the second.
"""

import json
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy.special import digamma, polygamma, stdtr
from tabulate import tabulate

from harness.evaluation.ccc import Array

ROWS, ENCODER, SPEAKERS = 9, 3, 49  # 49: the dev speakers of EmoGator
SEEDS = (3, 5, 8)
ALPHA = 0.05
CHUNK = 1000  # draws at once: 30 MB
GAIN = 3.0  # the true difference, in standard errors of the design
WORLDS = {  # sd over seeds, over speakers and of both of a row's pseudo-values
    "seeds decide": (0.0168, 0.0091, 0.0378),  # of the EmoGator rows of 3 epochs
    "speakers decide": (0.004, 0.1, 0.0378),
}
SPREADS = {  # how far each row's sd over seeds is that of the world
    "equal": (1,) * 9,
    "another encoder × 3": (1,) * 6 + (3,) * 3,
    "its encoder × 3": (3,) * 3 + (1,) * 6,
    "a row of each × 3": (3, 1, 1) * 3,
}
TESTS = {
    "its pair": "the headline: of the two rows alone",
    "its encoder": "pooled over the three rows of the encoder",
    "the table": "pooled over all nine rows, as Obuchowski and Rockette do",
    "shrunk": "the pair's, drawn to the table's as far as the pairs agree (Smyth 2004)",
    "the larger": "the larger of the pair's and the table's",
}


class Squares(NamedTuple):
    """Interactions of the three-way ANOVA [..., rows, seeds, speakers]: mean squares [...]."""

    seeds: Array  # row × seed
    speakers: Array  # row × speaker
    both: Array  # row × seed × speaker and error


def squares(values: Array) -> Squares:
    """The three interactions with rows; of two rows they are half of those of the difference."""
    rows, seeds, speakers = values.shape[-3:]
    left = values - values.mean(axis=-3, keepdims=True)  # without what all rows share
    left = left - left.mean(axis=(-2, -1), keepdims=True)
    by_seed, by_speaker = left.mean(axis=-1, keepdims=True), left.mean(axis=-2, keepdims=True)
    rest = left - by_seed - by_speaker
    return Squares(
        speakers * _total(by_seed) / ((rows - 1) * (seeds - 1)),
        seeds * _total(by_speaker) / ((rows - 1) * (speakers - 1)),
        _total(rest) / ((rows - 1) * (seeds - 1) * (speakers - 1)),
    )


def _total(values: Array) -> Array:
    return np.asarray((values**2).sum(axis=(-3, -2, -1)))


def p_values(
    difference: Array, ms: Squares, seeds: int, speakers: int, freedom: Array | int, rows: int
) -> Array:
    """Two-tailed p of a difference of two rows with this variance, all [...].

    `freedom`: degrees of freedom of `ms.seeds`. With (rows − 1)(seeds − 1) of two rows it is
    harness.evaluation.mrmc's test.
    """
    total = ms.seeds + np.maximum(ms.speakers - ms.both, 0)
    share = ms.seeds / total
    df = freedom / share**2 / (1 + 4 * (1 - share) / freedom)
    df = np.minimum(df, (rows - 1) * (speakers - 1))
    error = np.sqrt(2 * total / (seeds * speakers))
    return np.asarray(2 * stdtr(df, -np.abs(difference) / error))


def each_p(values: Array, gain: float) -> dict[str, Array]:
    """Test → p [draws] of the first row against the second, which is `gain` better.

    A true gain moves no mean square, so it is added to the difference.
    """
    seeds, speakers = values.shape[-2:]
    means = values.mean(axis=(-2, -1))
    difference = means[:, 0] - means[:, 1] + gain
    pair, encoder, table = (squares(values[:, :rows]) for rows in (2, ENCODER, ROWS))
    own, many = seeds - 1, (ROWS - 1) * (seeds - 1)
    prior, typical = _prior(values, own)
    shrunk = (prior * typical + own * pair.seeds) / (prior + own)
    about: dict[str, tuple[Squares, Array | int, int]] = {
        "its pair": (pair, own, 2),
        "its encoder": (encoder, (ENCODER - 1) * own, ENCODER),
        "the table": (table, many, ROWS),
        "shrunk": (table._replace(seeds=shrunk), np.minimum(prior + own, many), ROWS),
        "the larger": (table._replace(seeds=np.maximum(pair.seeds, table.seeds)), many, ROWS),
    }
    return {
        name: p_values(difference, ms, seeds, speakers, freedom, rows)
        for name, (ms, freedom, rows) in about.items()
    }


def _prior(values: Array, own: int) -> tuple[Array, Array]:
    """Degrees of freedom and value of the prior of a pair's variance (Smyth 2004, §6.2), from the
    local pairs of all encoders: both [draws].
    """
    firsts = range(0, ROWS, ENCODER)
    pairs = [(first, first + k) for first in firsts for k in range(1, ENCODER)]
    logs = np.log([squares(values[:, pair]).seeds for pair in pairs])
    logs = logs - digamma(own / 2) + np.log(own / 2)
    spread = np.maximum(logs.var(axis=0, ddof=1) - polygamma(1, own / 2), 1e-4)
    half = 0.5 + 1 / spread  # of Newton's method for trigamma(half) = spread
    for _ in range(10):
        now = polygamma(1, half)
        half = half + now * (1 - now / spread) / polygamma(2, half)
    return 2 * half, np.exp(logs.mean(axis=0) + digamma(half) - np.log(half))


def drawn(
    world: tuple[float, float, float], spread: Array, seeds: int, rng: np.random.Generator
) -> Array:
    """`CHUNK` draws of pseudo-values [draws, rows, seeds, speakers], no row better."""
    seed, speaker, both = world
    shape = CHUNK, ROWS, seeds, SPEAKERS
    return (
        seed * spread[:, np.newaxis, np.newaxis] * rng.standard_normal((*shape[:3], 1))
        + speaker * rng.standard_normal((CHUNK, ROWS, 1, SPEAKERS))
        + both * rng.standard_normal(shape)
    )


def settings(draws: int, seed: int) -> Iterator[dict[str, Any]]:
    """A line for every world, spread, number of seeds and test: rejections with and without gain.

    `draws` are a multiple of `CHUNK`.
    """
    for number, (world, place, seeds) in enumerate(product(WORLDS, SPREADS, SEEDS)):
        spread, rng = (
            np.array(SPREADS[place], dtype=np.float64),
            np.random.default_rng([seed, number]),
        )
        gain = GAIN * error(WORLDS[world], spread, seeds)
        rejected = {test: np.zeros(2) for test in TESTS}
        for _ in range(draws // CHUNK):
            values = drawn(WORLDS[world], spread, seeds, rng)
            null, real = each_p(values, 0.0), each_p(values, gain)
            for test, counts in rejected.items():
                counts += [np.sum(p[test] <= ALPHA) for p in (null, real)]
        for test, counts in rejected.items():
            false, power = (counts / draws).tolist()
            about = {"world": world, "spread": place, "seeds": seeds, "test": test}
            yield {**about, "false_positives": false, "power": power}


def error(world: tuple[float, float, float], spread: Array, seeds: int) -> float:
    """The true standard error of the difference of the first two rows."""
    seed, speaker, both = world
    over_speakers = 2 * (speaker**2 + both**2 / seeds) / SPEAKERS
    return float(np.sqrt(seed**2 * (spread[:2] ** 2).sum() / seeds + over_speakers))


def markdown(content: dict[str, Any]) -> str:
    """A table of false positives and power, and what it compares."""
    cells: dict[tuple[Any, ...], list[str]] = {}
    for each in content["settings"]:
        key = each["world"], each["spread"], each["seeds"]
        text = f"{100 * each['false_positives']:.1f} / {100 * each['power']:.0f}"
        cells.setdefault(key, []).append(text)
    lines = [[*map(str, key), *texts] for key, texts in cells.items()]
    align = ["left", "left", *["right"] * (1 + len(TESTS))]
    head = ["world", "sd over seeds", "seeds", *TESTS]
    body = tabulate(lines, head, "github", disable_numparse=True, colalign=align)
    ranges = [_range(content["settings"], test) for test in TESTS]
    about = (
        f"{content['draws']:,} draws of each setting, seed {content['seed']}; `harness simulate "
        f"--pooling --draws {content['draws']}` makes this file. {ROWS} rows, {SPEAKERS} speakers; "
        f"the first row against the second of its encoder. Cells are false positives where nothing "
        f"differs / power (both in %) at a true difference of {GAIN:g} standard errors; α is "
        f"{ALPHA:g}."
    )
    tests = [f"- **{name}**: {text}. {ranges[i]}" for i, (name, text) in enumerate(TESTS.items())]
    return "\n\n".join(
        ["# Is the variance over seeds better pooled?", about, body, "\n".join(tests)]
    ) + ("\n")


def _range(found: list[dict[str, Any]], test: str) -> str:
    rates = [100 * each["false_positives"] for each in found if each["test"] == test]
    return f"False positives {min(rates):.1f} to {max(rates):.1f} %."


def write(folder: Path, draws: int, seed: int) -> None:
    """pooling.json and pooling.md into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    whole = -(-draws // CHUNK) * CHUNK
    content = {"draws": whole, "seed": seed, "settings": list(settings(draws, seed))}
    text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
    (folder / "pooling.json").write_text(text, encoding="utf-8")
    (folder / "pooling.md").write_text(markdown(content), encoding="utf-8")
