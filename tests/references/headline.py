"""What a table claims, from moments.npz alone, in loops: Ĉ, the headline, its power, Holm."""

from math import sqrt

import numpy as np
import scipy.optimize
import scipy.stats

from tests.references import anova


def read(path):
    """Row → selection → epochs of [seeds][speakers][targets] of the six sums, as lists."""
    with np.load(path) as file:
        arrays = {name: file[name].tolist() for name in file.files}
    found = {row: {} for row in arrays["rows"]}
    for selection in ("last", "best", "held_out", "late"):
        entries = arrays.get(selection, [])
        rows = arrays.get(f"{selection} rows", arrays["rows"])
        for row, seeds in zip(rows, entries, strict=bool(entries)):
            whole = [
                [
                    [
                        (n, x, y, xx, yy, xy)
                        for (n, x, xx), (y, yy, xy) in zip(labels, sums, strict=True)
                    ]
                    for labels, sums in zip(arrays["labels"], seed, strict=True)
                ]
                for seed in seeds
            ]
            found[row].setdefault(selection, []).append(whole)
    return found


def concordance(n, x, y, xx, yy, xy):
    """CCC from sums over clips."""
    over, spread = xy / n - x / n * (y / n), xx / n - (x / n) ** 2 + yy / n - (y / n) ** 2
    return 2 * over / (spread + (x / n - y / n) ** 2)


def score(speakers):
    """Mean CCC over targets of one epoch of a seed, of all speakers and without each in turn."""
    every, without = [], [[] for _ in speakers]
    for target in range(len(speakers[0])):
        each = [speaker[target] for speaker in speakers]
        total = [sum(one[k] for one in each) for k in range(6)]
        every.append(concordance(*total))
        for scores, one in zip(without, each, strict=True):
            scores.append(concordance(*(a - b for a, b in zip(total, one, strict=True))))
    return mean(every), [mean(scores) for scores in without]


def mean(values):
    return sum(values) / len(values)


def jackknife(epochs):
    """Ĉ, a mean over epochs, of each seed, and without each speaker: [seeds], [speakers][seeds]."""
    every, without = [], []
    for s in range(len(epochs[0])):
        found = [score(epoch[s]) for epoch in epochs]
        every.append(mean([whole for whole, _ in found]))
        without.append([mean(column) for column in zip(*(rest for _, rest in found), strict=True)])
    return every, [list(column) for column in zip(*without, strict=True)]


def headline(row, baseline, level):
    """Difference, p before any bound, standard error, df, and what is found four times of five.

    `row`, `baseline`: as `jackknife` gives.
    """
    (ours, ours_without), (theirs, theirs_without) = row, baseline
    seeds, speakers = len(ours), len(ours_without)
    values = []
    for s in range(seeds):
        without = [ours_without[j][s] - theirs_without[j][s] for j in range(speakers)]
        middle = sum(without) / speakers
        values.append([ours[s] - theirs[s] + (speakers - 1) * (middle - each) for each in without])
    by_seed, by_speaker, both = anova.mean_squares(values)
    total = by_seed + max(by_speaker - both, 0)
    share = by_seed / total
    df = (seeds - 1) / share**2 / (1 + 4 * (1 - share) / (seeds - 1))
    df = min(df, speakers - 1)
    difference, error = sum(map(sum, values)) / (seeds * speakers), sqrt(total / seeds / speakers)
    p = 2 * scipy.stats.t.sf(abs(difference) / error, df)
    critical = scipy.stats.t.isf((1 - level) / 2, df)

    def missing(centre):
        return scipy.stats.nct.sf(critical, df, centre) - 0.8

    centre = scipy.optimize.brentq(missing, 1, 30)  # the other tail is below .00001
    return {
        "difference": difference,
        "p": p,
        "error": error,
        "df": df,
        "detects_difference": centre * error,
    }


def holm(p):
    """Name → adjusted p, from name → p."""
    adjusted, largest = {}, 0.0
    for step, name in enumerate(sorted(p, key=p.get)):
        largest = max(largest, min(1.0, (len(p) - step) * p[name]))
        adjusted[name] = largest
    return adjusted
