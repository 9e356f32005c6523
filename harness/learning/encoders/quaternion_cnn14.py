"""CNN14 in quaternions."""

from harness.learning.encoders._quaternion import Params, Quaternion
from harness.learning.encoders.cnn14 import CNN14

__all__ = ["Params", "QuaternionCNN14"]


class QuaternionCNN14(Quaternion, CNN14):
    """As many channels, a quarter of the parameters."""
