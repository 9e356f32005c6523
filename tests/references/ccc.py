"""CCC written out clip by clip, from the formula in Lin (1989)."""


def concordance(x: list[float], y: list[float]) -> float:
    n = len(x)
    x_mean = sum(x) / n
    y_mean = sum(y) / n
    x_variance = y_variance = covariance = 0.0
    for a, b in zip(x, y, strict=True):
        x_variance += (a - x_mean) ** 2 / n
        y_variance += (b - y_mean) ** 2 / n
        covariance += (a - x_mean) * (b - y_mean) / n
    return 2 * covariance / (x_variance + y_variance + (x_mean - y_mean) ** 2)
