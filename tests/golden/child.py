"""A small run from corpus to predictions; prints a name and a sha256 a line.

It is run on whatever processor there is, and emulated: `python tests/golden/child.py` from the
repository's root.
"""

# ruff: noqa: E402  # the order of imports is what is tried

import hashlib
import sys
import tempfile
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))
warnings.filterwarnings("ignore")  # an emulator that lacks a clock

import harness  # noqa: F401  # chooses portable arithmetic before numpy and torch load

# isort: split
import numpy as np

from harness.config.features import Features
from harness.config.readings import read_readings
from harness.config.rows import Row
from harness.config.training import SpecAugment, Train
from harness.corpora import synthetic
from harness.corpora.clips import read
from harness.evaluation.bootstrap import resampled_scores, speaker_weights
from harness.evaluation.ccc import moments
from harness.features import FILES, extract
from harness.learning.cell import Cell
from harness.learning.data import Packed
from harness.learning.loop import fabric_for, set_up, train_epoch
from harness.learning.scoring import predict
from harness.learning.state import State, resume, save

SMALL = {"train": 8, "dev": 4, "test": 0}
CORPUS = {"name": "synthetic", "seed": 1, "clips": SMALL, "speakers": {**SMALL, "train": 4}}
FEATURES = Features(sample_rate=16000, window=512, hop=320, bands=64, low=50, high=8000)
TRAIN = Train(
    batch=4,
    learning_rate=0.001,
    epsilon=1e-8,
    weight_decay=0.01,
    frames=32,
    width=0.0625,
    embedding=16,
    redundancy=0.001,
    spec_augment=SpecAugment(frames=8, frame_stripes=2, bands=8, band_stripes=2),
    arithmetic="portable",
    precision="auto",
    threads=1,
)
TWINS = {"views": ["clean", "masked"], "terms": ["ccc", "ccc_masked", "barlow_twins"]}
RUWL = {"ruwl": {"scale": [1, 1, 1e-8]}}


def digest(*arrays):
    return hashlib.sha256(b"".join(np.ascontiguousarray(a).tobytes() for a in arrays)).hexdigest()


def main():
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        params = synthetic.Params(**CORPUS, raters=5, emotion=1.0)
        synthetic.acquire(params, folder / "data").write(folder / "data")
        clips, about = read(folder / "data")
        print("corpus", digest(*(np.frombuffer(h.encode(), np.uint8) for h in clips["sha256"])))
        extract(clips, folder / "data", about["targets"], FEATURES, folder / "features", workers=1)
        for name in sorted(FILES):
            content = (folder / "features" / name).read_bytes()
            print(name, hashlib.sha256(content).hexdigest())
        for encoder in ("resnet18", "cnn10", "cnn14"):
            for what, found in trained(encoder, folder).items():
                print(f"{encoder}-{what}", found, flush=True)


def trained(encoder, folder):
    """Digests after two epochs, the second gone on with from a checkpoint."""
    row = Row(encoder=encoder, weighting=RUWL, **TWINS)
    readings = read_readings().model_copy(update={"epochs": 2})
    places = {"features": folder / "features", "scratch": folder, "runs": folder}
    cell = Cell(encoder, 1, row, TRAIN, readings, origin={}, **places)
    fabric = fabric_for(TRAIN)
    train, dev = (Packed(cell.features, split, fabric.device) for split in ("train", "dev"))
    every = np.arange(len(train))
    objective, model, optimizer = set_up(fabric, cell, dev)
    state = State()
    row = train_epoch(fabric, cell, state, train, every, model, optimizer)
    state.finish_epoch({**row, "dev_ccc": 0.0}, predict(objective.network, dev, cell, 0), 1)
    save(cell, objective, optimizer, state)
    objective, model, optimizer = set_up(fabric, cell, dev)
    state = resume(cell, objective, optimizer)
    assert state.epoch == 1
    train_epoch(fabric, cell, state, train, every, model, optimizer)
    predictions = predict(objective.network, dev, cell, 1)
    sums = moments(dev.labels.numpy(), predictions, dev.speakers, dev.targets)
    weights = speaker_weights(sums.shape[0], 100, np.random.default_rng(0))
    return {
        "weights": digest(*(p.detach().numpy() for p in objective.parameters())),
        "predictions": digest(predictions),
        "bootstrap": digest(resampled_scores(sums[np.newaxis, np.newaxis], weights).round(8)),
    }


if __name__ == "__main__":
    main()
