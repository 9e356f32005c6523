"""Two or more systems on the same clips, as moments, for the tests of significance."""

import numpy as np

from harness.evaluation.ccc import moments


def cells(rows=2, seeds=2, speakers=8, each=6, targets=3, seed=0, effect=0.0, spread=0.3):
    """Labels, predictions [rows, seeds, clips, targets], speaker of each clip, and moments."""
    rng = np.random.default_rng(seed)
    speaker = np.arange(speakers * each) % speakers
    labels = rng.random((len(speaker), targets))
    noise = spread * rng.normal(size=(rows, seeds, *labels.shape))
    noise[1:] *= 1 - effect
    bias = 0.1 * rng.normal(size=(rows, seeds, speakers, targets))[:, :, speaker]
    predictions = labels + noise + bias
    sums = [[moments(labels, cell, speaker) for cell in row] for row in predictions]
    return labels, predictions, speaker, np.array(sums)
