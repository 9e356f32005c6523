"""The `readings` block: every detail that the paper leaves open, and how it is read here.

A preset (profiles/readings/<name>.yaml) has a value for every key; params.yaml names the preset
and the keys that differ from it. A row of rows.yaml may read some of them otherwise.
"""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator
from ruamel.yaml.comments import CommentedMap

from harness.config.strict import PARAMS, Strict, parse, read_yaml, section
from harness.errors import ParamsError

PRESETS = Path("profiles/readings")
SILENCE = -100.0  # dB: log-mel of digital silence, 10·lg(1e-10)

Share = Annotated[float, Field(ge=0, lt=1)]
Losses = Annotated[list[float], Field(min_length=3, max_length=3)]


class Readings(Strict):
    """One value for every open detail; each field says what it decides."""

    epochs: int = Field(gt=0, le=100_000, description="length of the training")
    ccc_loss: Literal["per_target", "pooled"] = Field(
        description="CCC of the loss: mean over the targets, or one over the flattened batch"
    )
    mask_axes: Literal["described", "released"] = Field(
        description="axes of the masks: time and mel, or time alone (ResNet-18: mel alone)"
    )
    mask_place: Literal["before_bn0", "after_bn0"] = Field(
        description="masking the log-mel, or its normalised bands (no difference on ResNet-18)"
    )
    mask_fill: Literal["zero", "mean", "silence"] = Field(description="what stands in a mask")
    masked_view: Literal["second", "both"] = Field(description="which of the two views is masked")
    barlow_twins: Literal["standardised", "affine", "uncentred"] = Field(
        description="normalisation of the embeddings before their correlation"
    )
    ruwl_lambda: Literal["multiplies", "divides"] = Field(description="λ in the weights of RUWL")
    ruwl_start: Losses = Field(description="the first c of RUWL")
    ruwl_decay: Literal["as_network", "none"] = Field(description="weight decay on c")
    fixed_weights: Losses = Field(description="weights of the three losses without RUWL")
    block_dropout: Share = Field(description="dropout after each block of CNN10 and CNN14")
    head_dropout: Share = Field(description="dropout before the hidden layer of CNN10 and CNN14")
    padding: Literal["zero_db", "silence"] = Field(description="what follows a short clip")
    dev_crop: Literal["first", "random", "whole"] = Field(
        description="which part of a dev clip counts that is longer than train.frames"
    )
    selection: Literal["late", "last", "best", "held_out"] = Field(
        description="epochs that are reported: the mean of the late ones, the last, the best on "
        "dev, the best on held-out train speakers"
    )
    late: Share = Field(description="which share of the epochs, at the end, is late")
    twin_forward: Literal["two_passes", "joint"] = Field(
        description="batch statistics of each view alone, or of both together"
    )

    @model_validator(mode="after")
    def _silence_is_a_level(self) -> "Readings":
        if (self.mask_place, self.mask_fill) == ("after_bn0", "silence"):
            raise ValueError("mask_fill: silence is a level in dB and needs mask_place: before_bn0")
        return self

    @property
    def late_epochs(self) -> int:
        """How many epochs are late, one at least."""
        return max(1, round(self.late * self.epochs))

    @property
    def padding_level(self) -> float:
        """dB after short clips."""
        return 0.0 if self.padding == "zero_db" else SILENCE

    def trained(self) -> dict[str, Any]:
        """What a training depends on: choosing between its last and best epoch comes after it."""
        return {**self.model_dump(), "selection": self.selection == "held_out"}


def read_readings(changed: dict[str, Any] | None = None, path: Path = PARAMS) -> Readings:
    """The readings of params.yaml, with those that a row changes.

    Raises ParamsError for an unknown preset, key or value, naming the nearest one.
    """
    node = section("readings", path)
    if not isinstance(node, CommentedMap) or not isinstance(node.get("preset"), str):
        raise ParamsError(f"{path}: 'readings.preset' is missing; name one of {_presets()}")
    node.update(changed or {})
    for key, value in _preset(node.pop("preset"), path).model_dump().items():
        node.setdefault(key, value)
    return parse(Readings, node, "readings", path)


def _preset(name: str, path: Path) -> Readings:
    file = PRESETS / f"{name}.yaml"
    if name not in _presets():
        raise ParamsError(f"{path}: readings.preset = '{name}' is not one of {_presets()}")
    return parse(Readings, read_yaml(file), "", file)


def _presets() -> list[str]:
    return sorted(file.stem for file in PRESETS.glob("*.yaml"))
