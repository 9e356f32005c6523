"""Two-way ANOVA without replication, written out, and the jackknife clip by clip."""

from tests.references.bootstrap import resampled_mean_ccc


def mean_squares(values):
    """MS of rows, of columns and of the rest of a table given as a list of rows."""
    r, c = len(values), len(values[0])
    grand = sum(map(sum, values)) / (r * c)
    rows = [sum(row) / c for row in values]
    columns = [sum(values[i][j] for i in range(r)) / r for j in range(c)]
    between_rows = sum(c * (m - grand) ** 2 for m in rows)
    between_columns = sum(r * (m - grand) ** 2 for m in columns)
    total = sum((values[i][j] - grand) ** 2 for i in range(r) for j in range(c))
    rest = total - between_rows - between_columns
    return between_rows / (r - 1), between_columns / (c - 1), rest / ((r - 1) * (c - 1))


def pseudo_values(labels, ours, theirs, speakers):
    """S·d − (S − 1)·d(−j) of one seed, with every Ĉ from the clips that are left."""
    number = max(speakers) + 1

    def difference(counts):
        return resampled_mean_ccc(labels, ours, speakers, counts) - resampled_mean_ccc(
            labels, theirs, speakers, counts
        )

    everyone = difference([1] * number)
    values = []
    for left_out in range(number):
        without = difference([int(j != left_out) for j in range(number)])
        values.append(number * everyone - (number - 1) * without)
    return values
