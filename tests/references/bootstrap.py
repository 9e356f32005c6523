"""A resample of speakers written out: all clips of a speaker, as often as it was drawn."""

from tests.references.ccc import concordance


def resampled_mean_ccc(labels, predictions, speakers, counts):
    """Mean CCC over targets of one resample; `counts`: speaker → how often it was drawn."""
    clips = []
    for clip, speaker in enumerate(speakers):
        clips += [clip] * counts[speaker]
    total = 0.0
    targets = len(labels[0])
    for target in range(targets):
        x = [labels[clip][target] for clip in clips]
        y = [predictions[clip][target] for clip in clips]
        total += concordance(x, y)
    return total / targets
