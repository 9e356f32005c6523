"""VGG16 of half the width: what a quaternion network of the full width has to be better than."""

from harness.learning.encoders.vgg16 import VGG16


class HalfVGG16(VGG16):
    """A quarter of the parameters and of the multiplications."""

    channels = (32, 64, 128, 256, 256)
