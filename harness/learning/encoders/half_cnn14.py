"""CNN14 of half the width: what a quaternion network of the full width has to be better than."""

from harness.learning.encoders._panns import PANN


class HalfCNN14(PANN):
    """A quarter of the parameters and of the multiplications."""

    channels, pools = (32, 64, 128, 256, 512, 1024), (2, 2, 2, 2, 2, 1)
