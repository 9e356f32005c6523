"""PANNs' CNN10 and CNN14 (Kong et al. 2020) as functions of a list of weights, without dropout.

A block is (weight, gain, shift, weight, gain, shift): two 3×3 convolutions, each followed by batch
normalisation with the statistics of the batch.
"""

import torch
from torch.nn.functional import conv2d


def normalised(x, gain, shift):
    """Batch norm in training: over all axes but channels, [batch, channels, time, bands]."""
    mean = x.mean(dim=(0, 2, 3), keepdim=True)
    variance = ((x - mean) ** 2).mean(dim=(0, 2, 3), keepdim=True)
    standard = (x - mean) / (variance + 1e-5).sqrt()
    return standard * gain.view(1, -1, 1, 1) + shift.view(1, -1, 1, 1)


def halved(x):
    """Mean of each 2×2 square; an odd last row or column is left out."""
    time, bands = x.shape[2] // 2 * 2, x.shape[3] // 2 * 2
    x = x[:, :, :time, :bands]
    corners = [x[:, :, i::2, j::2] for i in (0, 1) for j in (0, 1)]
    return sum(corners) / 4


def embedding(x, band_gain, band_shift, blocks, last_is_halved, weight, bias):
    """Log-mel [batch, 1, time, bands] → [batch, size]."""
    by_band = x.permute(0, 3, 2, 1)  # one statistic a mel band
    x = normalised(by_band, band_gain, band_shift).permute(0, 3, 2, 1)
    for number, (w1, gain1, shift1, w2, gain2, shift2) in enumerate(blocks):
        x = normalised(conv2d(x, w1, padding=1), gain1, shift1).clamp(min=0)
        x = normalised(conv2d(x, w2, padding=1), gain2, shift2).clamp(min=0)
        if number < len(blocks) - 1 or last_is_halved:
            x = halved(x)
    over_time = x.mean(dim=3)
    pooled = torch.stack([clip.max(dim=1).values + clip.mean(dim=1) for clip in over_time])
    return (pooled @ weight.T + bias).clamp(min=0)
