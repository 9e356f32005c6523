"""What the checkpoints of a cell tell, read as the format is defined and without the harness."""

import json
import struct


def told(checkpoint):
    """What a checkpoint tells, or the one before it where a kill left that alone."""
    for file in (checkpoint, checkpoint.with_suffix(".before")):
        try:
            content = file.read_bytes()
        except FileNotFoundError:
            continue
        return told_in(content)
    raise FileNotFoundError(checkpoint)


def told_in(content):
    """A safetensors file begins with the length of its header, 8 bytes, and the header in JSON."""
    (length,) = struct.unpack("<Q", content[:8])
    return json.loads(json.loads(content[8 : 8 + length])["__metadata__"]["state"])
