"""CNN10 of PANNs (Kong et al. 2020)."""

from harness.learning.encoders._panns import PANN


class CNN10(PANN):
    """Four blocks."""

    channels, pools = (64, 128, 256, 512), (2, 2, 2, 2)
