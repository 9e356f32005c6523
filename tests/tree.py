"""A working directory with features and rows of its own, in which a cell trains in a second."""

import copy
import shutil
from pathlib import Path

from ruamel.yaml import YAML

from harness.config.readings import PRESETS
from tests.learning.packed import write_features

REPOSITORY = Path(__file__).parents[1]
PARAMS = {
    "profile": "toy",
    "corpus": {"name": "made-up"},
    "features": {"bands": 64},
    "readings": {"preset": "paper", "epochs": 2, "padding": "silence", "head_dropout": 0},
    "train": {
        "batch": 8,
        "learning_rate": 0.001,
        "epsilon": 1e-8,
        "weight_decay": 0.01,
        "frames": 32,
        "width": 0.03125,
        "embedding": 16,
        "redundancy": 0.001,
        "spec_augment": {"frames": 8, "frame_stripes": 2, "bands": 8, "band_stripes": 2},
        "precision": "32-true",
        "arithmetic": "portable",
        "threads": 1,
    },
    "seeds": [1, 2],
    "families": {"mine": {"seeds": [1]}},
    "statistics": {"resamples": 200, "level": 0.95, "seed": 0},
}
VANILLA = {
    "encoder": "cnn10",
    "views": ["clean"],
    "terms": ["ccc"],
    "weighting": {"fixed": {"weights": [1]}},
}
RUWL = {
    "encoder": "cnn10",
    "views": ["clean", "masked"],
    "terms": ["ccc", "ccc_masked", "barlow_twins"],
    "weighting": {"ruwl": {"scale": [1, 1, 1e-8]}},
}
ROWS = {
    "table2": {"cnn10": VANILLA, "cnn10-rrtn-ruwl": RUWL | {"against": {"local": "cnn10"}}},
    "rows": {
        "mine/resnet18": VANILLA | {"encoder": "resnet18", "against": {"encoder": "table2/cnn10"}}
    },
    "after": {},
}


def small():
    """Copies of PARAMS and ROWS, which a test may edit."""
    return copy.deepcopy((PARAMS, ROWS))


def write(folder, params=PARAMS, rows=ROWS):
    """Both files of the directory."""
    yaml = YAML()
    yaml.representer.ignore_aliases = lambda *_: True
    for name, content in (("params.yaml", params), ("rows.yaml", rows)):
        yaml.dump(content, folder / name)


def write_tree(folder, params=PARAMS, rows=ROWS):
    """All that the train stage reads: features, presets, params.yaml and rows.yaml."""
    write_features(folder / "features" / "toy")
    shutil.copytree(REPOSITORY / PRESETS, folder / PRESETS)
    write(folder, params, rows)
    return folder


def write_cells(folder, epochs, seeds=(1, 2)):
    """A tree of one row, RUWL's, with cells as long as a test wants them; → params as written."""
    params, rows = small()
    params |= {"seeds": list(seeds), "families": {}}
    params["readings"]["epochs"] = epochs
    rows = {"table2": {"cnn10-rrtn-ruwl": RUWL}, "rows": {}, "after": {}}
    write_tree(folder, params, rows)
    return params
