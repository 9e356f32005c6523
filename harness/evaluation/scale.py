"""How fine a prediction of a label in [0, 1] is; heads and measures share it."""

LEAST_SD = 0.01  # of a prediction: labels are rounded, and a likelihood without a floor has no end
MOST_SD = 10.0  # keeps the first steps of a training finite
BINS = 20  # of a head that gives each of them a probability, all as wide
