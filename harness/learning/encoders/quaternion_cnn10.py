"""CNN10 in quaternions."""

from harness.learning.encoders._quaternion import Params, Quaternion
from harness.learning.encoders.cnn10 import CNN10

__all__ = ["Params", "QuaternionCNN10"]


class QuaternionCNN10(Quaternion, CNN10):
    """As many channels, a quarter of the parameters."""
