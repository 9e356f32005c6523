"""An array file has the same bytes whatever Python writes it."""

import hashlib
import struct

import numpy as np

from harness.arrays import write_arrays

ARRAYS = {
    "clips": np.array(["a", "bc"]),
    "values": np.arange(6, dtype=np.float32).reshape(2, 3),
    "rows": ["x", "y"],
    "width": [0.5, 1.0],
}


def test_what_is_written_is_read_again(tmp_path):
    write_arrays(tmp_path / "a.npz", ARRAYS)
    with np.load(tmp_path / "a.npz", allow_pickle=False) as found:
        assert found.files == list(ARRAYS)
        for name, array in ARRAYS.items():
            np.testing.assert_array_equal(found[name], array)
            assert found[name].dtype == np.asarray(array).dtype


def test_headers_have_their_sizes_and_need_no_zip64(tmp_path):
    """PKWARE's APPNOTE 4.3.7; zipfile of every Python can write this much alike."""
    write_arrays(tmp_path / "a.npz", ARRAYS)
    content = (tmp_path / "a.npz").read_bytes()
    signature, needed, flags, method = struct.unpack("<4sHHH", content[:10])
    packed, size, _, extra = struct.unpack("<IIHH", content[18:30])
    assert (signature, needed, flags, method, extra) == (b"PK\x03\x04", 20, 0, 0, 0)
    assert packed == size < len(content)


def test_the_bytes_are_those_that_another_python_wrote(tmp_path):
    """Written by Python 3.11.2 and by 3.11.7."""
    write_arrays(tmp_path / "a.npz", ARRAYS)
    found = hashlib.sha256((tmp_path / "a.npz").read_bytes()).hexdigest()
    assert found == "aba1a6220dae66b375258f08755bc4c44f193c0f90595746a9db83ea09f97fd1"
