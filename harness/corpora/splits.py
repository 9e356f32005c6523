"""Speakers drawn into train and dev for corpora whose owners made no split."""

import hashlib


def split_of(speaker: str, seed: int, dev_share: float) -> str:
    """train or dev, from a hash of seed and speaker: who comes later leaves the others in place."""
    draw = int.from_bytes(hashlib.sha256(f"{seed}:{speaker}".encode()).digest()[:8], "big") / 2**64
    return "dev" if draw < dev_share else "train"
