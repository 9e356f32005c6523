"""VGG16 in quaternions."""

from harness.learning.encoders._quaternion import Params, Quaternion
from harness.learning.encoders.vgg16 import VGG16

__all__ = ["Params", "QuaternionVGG16"]


class QuaternionVGG16(Quaternion, VGG16):
    """As many channels, a quarter of the parameters."""
