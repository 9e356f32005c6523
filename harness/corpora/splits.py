"""Speakers drawn into train and dev, for corpora whose owners made no split."""

from typing import Annotated

import pandas as pd
from pydantic import Field
from sklearn.model_selection import GroupShuffleSplit

from harness.corpora.clips import DEV_SPEAKERS
from harness.errors import CorpusError

Seed = Annotated[int, Field(ge=0, lt=2**32)]  # what NumPy takes
Share = Annotated[float, Field(gt=0, lt=1)]


def drawn(speakers: "pd.Series[str]", dev_share: float, seed: int, corpus: str) -> "pd.Series[str]":
    """train or dev, one a clip; round(`dev_share` · speakers) speakers go to dev with their clips.

    Raises CorpusError where that leaves dev fewer than two speakers or train none.
    """
    count = speakers.nunique()
    dev = round(dev_share * count)
    if not DEV_SPEAKERS <= dev < count:
        raise CorpusError(
            f"{corpus}: dev_share {dev_share:g} of {count} speakers puts {dev} in dev and "
            f"{count - dev} in train; dev needs {DEV_SPEAKERS} and train 1, so change dev_share "
            "or add speakers"
        )
    draw = GroupShuffleSplit(n_splits=1, test_size=dev, random_state=seed)
    _, chosen = next(draw.split(speakers, groups=speakers.to_numpy(str)))
    split = pd.Series("train", index=speakers.index)
    split.iloc[chosen] = "dev"
    return split
