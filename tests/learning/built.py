"""Parts and rows as the tests of learning build them."""

from harness.config.rows import Part, Row
from harness.config.training import SpecAugment, Train
from harness.learning.parts import Setting, build
from tests.readings import readings

TRAIN = Train(
    batch=8,
    learning_rate=0.005,
    epsilon=1e-8,
    weight_decay=0.01,
    frames=32,
    width=1 / 32,
    embedding=16,
    redundancy=0.001,
    spec_augment=SpecAugment(frames=8, frame_stripes=2, bands=8, band_stripes=2),
    precision="32-true",
    arithmetic="portable",
    threads=1,
)
TWINS = {"views": ["clean", "masked"], "terms": ["ccc", "ccc_masked", "barlow_twins"]}
RUWL = {"ruwl": {"scale": [1, 1, 1e-8]}}
ROWS = {
    "vanilla": Row(
        encoder="cnn10", views=["clean"], terms=["ccc"], weighting={"fixed": {"weights": [1]}}
    ),
    "rrtn": Row(encoder="resnet18", weighting={"fixed": {"weights": [1, 1, 0.001]}}, **TWINS),
    "rrtn-ruwl": Row(encoder="cnn14", weighting=RUWL, **TWINS),
}


def encoder(name, width, dropout=(0.0, 0.0), bands=64):
    """An encoder with these shares of dropout, after a block and before the hidden layer."""
    train = TRAIN.model_copy(update={"width": width})
    drops = readings(block_dropout=dropout[0], head_dropout=dropout[1])
    return build("encoders", Part(name=name), Setting(train, drops, bands, 10))


def weighting(block, losses, read):
    """The rule of a block as rows.yaml has it."""
    part = Part.model_validate(block)
    return build("weightings", part, Setting(TRAIN, read, 64, 10), losses)
