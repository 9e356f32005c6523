"""A few steps of the encoders and terms of the families transfer and quaternion.

Prints a name and a sha256 a line.

`python tests/golden/encoders.py` from the repository's root; as rows.py.
"""

# ruff: noqa: E402  # the order of imports is what is tried

import sys
import tempfile
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))
warnings.filterwarnings("ignore")

import harness  # noqa: F401  # chooses portable arithmetic before numpy and torch load

# isort: split
from harness.config.readings import Readings
from harness.config.rows import Row
from harness.learning.outputs import finish
from tests.golden.rows import METHODS, PAPER, cell_of, hear, trained

ENCODERS = {
    "vgg16": "vgg16",
    **{f"{kind}_{name}": f"{kind}_{name}"
       for kind in ("half", "quaternion") for name in ("cnn10", "cnn14", "vgg16")},
    "quaternion_cnn10+input=deltas": {"quaternion_cnn10": {"input": "deltas"}},
}  # fmt: skip
ONE = {"views": ["clean"], "weighting": {"fixed": {"weights": [1]}}, "keep": ["weights"]}
TWO = {"views": ["clean"], "weighting": {"fixed": {"weights": [1, 1]}}}
KINDS = [{"kind": "gram"}, {"kind": "centred"}, {"frozen": "random"}]


def main():
    readings = Readings(**PAPER)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        hear(folder)
        for name, encoder in ENCODERS.items():
            row = Row(encoder=encoder, **METHODS[""])
            print(name, trained(cell_of(row, readings, folder)), flush=True)
        for by in ("speaker", "country"):
            row = Row(encoder="cnn10", terms=[{"classify": {"by": by}}], **ONE)
            before = cell_of(row, readings, folder, f"pretext-{by}")
            print(f"cnn10+classify={by}", trained(before), flush=True)
        finish(before)
        for params in KINDS:
            term = {"anti_transfer": {"block": 2, **params}}
            row = Row(encoder="cnn10", terms=["ccc", term], **TWO)
            told = ",".join(f"{key}={value}" for key, value in params.items())
            cell = cell_of(row, readings, folder, after=(before,))
            print(f"cnn10+anti_transfer+{told}", trained(cell), flush=True)


if __name__ == "__main__":
    main()
