"""A student's loss on what the row before it says of the train clips (Deng et al. 2021).

1 − Ĉ between the student's means and the teacher's, plus the divergence of the student's
distribution from the teacher's. Deng's release has the first part alone for regression; it leaves
the shape of the distribution free, so that no uncertainty is distilled.
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from harness.config.strict import Strict, profile
from harness.errors import ParamsError, RunError
from harness.learning.losses import ccc_loss
from harness.learning.parts import Setting
from harness.learning.terms import Step, Term
from harness.packed import read_split

FILE = "distribution.npz"  # of the cell before
SPLIT = "train_"


class Params(Strict):
    """`divergence`: its factor; `beta`: as of the term likelihood, where the head has a
    variance."""

    divergence: float = Field(default=0.1, ge=0)
    beta: float = Field(default=0.5, ge=0, le=1)


class SoftLabels(Term):
    """Of the first view. The teacher is no parameter and in no checkpoint."""

    def __init__(self, params: Params, setting: Setting, size: int) -> None:
        super().__init__(params, setting, size)
        self.params, self.reading = params, setting.readings.ccc_loss
        self.taught = _read(setting.before) if setting.before else {}

    def forward(self, step: Step) -> Tensor:
        head: Any = step.network.head
        raw, means = step.raw[0], step.predictions[0]
        if not hasattr(head, "divergence"):
            raise ParamsError(
                f"term soft_labels needs a head with a distribution, and {type(head).__name__} has "
                "none; give the row `head: gauss` or `head: bins`"
            )
        if step.clips is None or not self.taught:  # where rows are checked before any is trained
            return ccc_loss(means, means.detach(), self.reading)
        self.taught = {name: each.to(raw.device) for name, each in self.taught.items()}
        found = {name: each[step.clips] for name, each in self.taught.items()}
        loss = ccc_loss(means, found["mean"], self.reading)
        if self.params.divergence:
            each = head.divergence(raw, found)
            if self.params.beta and hasattr(head, "variance"):
                each = head.variance(raw).detach() ** self.params.beta * each
            loss = loss + self.params.divergence * each.mean()
        return loss


def _read(before: Path) -> dict[str, Tensor]:
    """Name → float32 [clips, ...] of the train clips in the order of their features.

    They are joined by clip id; RunError where the teacher tells of other clips or labels, or of
    none.
    """
    file = before / FILE
    if not file.is_file():
        raise RunError(f"{file} is missing; give the row of that cell `keep: [distribution]`")
    with np.load(file, allow_pickle=False) as content:
        wanted = [name for name in content.files if name.startswith(SPLIT)]
        arrays = {name.removeprefix(SPLIT): content[name] for name in wanted}
    if not {"clips", "mean", "variance", "labels"} <= arrays.keys():
        raise RunError(
            f"{file} has no clips, labels, mean and variance of the train split; give the row of "
            "that cell `keep: [distribution]`"
        )
    own, clips = read_split(Path("features", profile()), "train"), arrays.pop("clips").tolist()
    place = {clip: number for number, clip in enumerate(clips)}
    if len(place) < len(clips) or place.keys() != set(own.clips):
        raise RunError(
            f"{file} tells of {len(clips)} train clips, which are not the {len(own.clips)} of the "
            "features; let the student come after a row that learns from all train speakers"
        )
    rows = [place[clip] for clip in own.clips]
    found = {name: each[rows].astype(np.float32) for name, each in arrays.items()}
    if not np.array_equal(found.pop("labels"), own.labels.astype(np.float32)):
        raise RunError(f"{file} has other labels than the features; train its row anew")
    return {name: torch.from_numpy(each) for name, each in found.items()}
