"""CNN14 of PANNs (Kong et al. 2020)."""

from harness.learning.encoders._panns import PANN


class CNN14(PANN):
    """Six blocks, the last without pooling."""

    channels, pools = (64, 128, 256, 512, 1024, 2048), (2, 2, 2, 2, 2, 1)
