"""PANNs (Kong et al. 2020) as their authors publish them, in the package panns-inference.

Importing that package makes a folder in the home directory and fetches AudioSet's class names with
wget. Its module of networks needs neither, so it is imported without running the package itself.
"""

import importlib
import importlib.util
import sys

import torch
from torch import nn

PACKAGE = "panns_inference"


def _published():
    spec = importlib.util.find_spec(PACKAGE)  # finds, does not run
    sys.modules[PACKAGE] = importlib.util.module_from_spec(spec)
    try:
        return importlib.import_module(f"{PACKAGE}.models")
    finally:
        del sys.modules[PACKAGE]  # a later plain import is a real one


models = _published()
models.Spectrogram = models.LogmelFilterBank = models.SpecAugmentation = nn.Identity


class _Hidden(nn.Module):
    """In place of the last layer: keeps what comes in, the hidden layer before its dropout."""

    def forward(self, x):
        self.seen = x
        return x


class _Absent(nn.Module):
    """A block that is not there."""

    def forward(self, x, pool_size, pool_type):
        return x


class CNN14(nn.Module):
    """The published Cnn14 from log-mel [batch, 1, frames, bands] to its hidden layer [batch, 2048].

    Front end, SpecAugment and the classes of AudioSet are taken off; nothing else is changed. Its
    weights are to be loaded, with `assign`.
    """

    def __init__(self):
        super().__init__()
        with torch.device("meta"):  # the weights come from elsewhere
            self.network = models.Cnn14(16000, 512, 160, 64, 50, 8000, classes_num=1)
        self.network.fc_audioset = _Hidden()

    def forward(self, x):
        self.network(x)
        return self.network.fc_audioset.seen

    def without_dropout(self):
        """Training without dropout: the flag that Cnn14 hands to it is off, batch norms' are on."""
        self.train()
        self.network.training = False
        return self


class CNN10(CNN14):
    """Cnn14 without its last two blocks, [batch, 512]: the paper's Table 1; it is not published in
    this package."""

    def __init__(self):
        super().__init__()
        self.network.conv_block5 = self.network.conv_block6 = _Absent()
        self.network.fc1 = nn.Linear(512, 512, device="meta")
