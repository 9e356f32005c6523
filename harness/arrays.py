"""Array files between stages: .npz, as numpy reads it, and the same bytes from every Python."""

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np


def write_arrays(path: Path, arrays: dict[str, Any]) -> None:
    """An .npz file, not compressed, whose bytes depend on the arrays alone.

    numpy.savez leaves the sizes in its headers to zipfile, which writes them otherwise from one
    Python to the next (3.11.2, 3.11.7); and what a compressor writes depends on its version.
    """
    with zipfile.ZipFile(path, "w") as file:
        for name, array in arrays.items():
            content = io.BytesIO()
            np.lib.format.write_array(content, np.asanyarray(array), allow_pickle=False)
            file.writestr(zipfile.ZipInfo(f"{name}.npy"), content.getvalue())
