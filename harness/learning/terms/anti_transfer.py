"""Anti-transfer (Guizzo, Weyde & Tarroni 2021): maps unlike those of a network for another task."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Literal, cast

import torch
from pydantic import Field
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

from harness.config.strict import Strict
from harness.errors import ParamsError
from harness.learning.encoders import Encoder
from harness.learning.parts import Setting, build
from harness.learning.terms import Step, Term

if TYPE_CHECKING:  # a cell does not depend on the code of what is only named here
    from harness.config.rows import Row

WEIGHTS = "network.safetensors"
NEEDS = "term anti_transfer needs the key 'after', a row"


class Params(Strict):
    """`block`: whose maps are compared, from 1; 0 is the input, a control whose loss is constant.

    `kind`: "gram" as published; "centred": each channel less its mean, and without the diagonal.
    `frozen`: the weights of the row in `after`, or random ones in the same encoder, a control.
    """

    block: int = Field(ge=0)
    kind: Literal["gram", "centred"] = "gram"
    frozen: Literal["trained", "random"] = "trained"


class AntiTransfer(Term):
    """Squared mean cosine of the Gram matrices' rows, the row's own against a frozen encoder's.

    Both hear the clip without masks. The frozen encoder is in no parameter group and never in
    training mode, so neither its weights nor its running statistics move.
    """

    def __init__(self, params: Params, setting: Setting, size: int) -> None:
        super().__init__(params, setting, size)
        self.block, self.kind = params.block, params.kind
        self.frozen: Encoder | None = None
        if setting.before:
            self.freeze(frozen_encoder(setting.before, setting, params.frozen == "trained"))
        elif setting.speakers:
            raise ParamsError(f"{NEEDS} with keep: [weights]")

    def freeze(self, encoder: Encoder) -> None:
        """Take an encoder to compare with, as far as it is needed."""
        up_to(encoder, self.block)
        self.frozen = encoder.requires_grad_(False).eval()

    def train(self, mode: bool = True) -> AntiTransfer:
        """Without the frozen encoder, which stays in evaluation mode."""
        super().train(mode)
        if self.frozen:
            self.frozen.eval()
        return self

    def forward(self, step: Step) -> Tensor:
        if not self.block:
            return similarity(step.x, step.x, self.kind)
        own, views = step.maps[0], cast(list[str], step.network.views)
        if views[0] != "clean":
            raise ParamsError("term anti_transfer needs a first view that is clean")
        if self.block > len(own):
            raise ParamsError(
                f"term anti_transfer: block {self.block}: the encoder has {len(own)}; name one of "
                "them, or 0 for the input"
            )
        return similarity(own[self.block - 1], self._other(step), self.kind)

    def _other(self, step: Step) -> Tensor:
        """The frozen encoder's map; the row's own where rows are checked before any is trained."""
        if self.frozen is None:
            return step.maps[0][self.block - 1].detach()
        with torch.no_grad():
            return self.frozen.maps(self.frozen.normalise(step.x))[self.block - 1]

    def check(self, row: Row, before: Row | None, speakers: int, countries: int) -> None:
        """Raise ParamsError unless the row comes after one of its encoder that keeps weights."""
        if before is None or "weights" not in getattr(before, "keep", []):
            raise ParamsError(f"{NEEDS} with keep: [weights]")
        if before.encoder != row.encoder:
            raise ParamsError(
                f"{NEEDS} on the same encoder, {row.encoder.name}; {row.after} has "
                f"{before.encoder.name}"
            )


def frozen_encoder(folder: Path, setting: Setting, trained: bool) -> Encoder:
    """The encoder of the finished cell in a folder, with its weights or with random ones.

    Raises ParamsError where the weights are missing or are not exactly those of this encoder.
    """
    row = json.loads((folder / "record.json").read_text(encoding="utf-8"))["row"]
    part: Any = SimpleNamespace(**row["encoder"])
    encoder: Encoder = build("encoders", part, setting)
    if trained:
        load(encoder, folder / WEIGHTS)
    return encoder


def load(encoder: Encoder, file: Path) -> None:
    """Put the encoder's weights in it: all of them, and no others."""
    if not file.is_file():
        raise ParamsError(f"{file} is missing; give the row in 'after' keep: [weights]")
    first = "encoder."
    weights = {
        name.removeprefix(first): each
        for name, each in load_file(file).items()
        if name.startswith(first)
    }
    try:
        encoder.load_state_dict(weights, strict=True)
    except RuntimeError as error:
        fault = " ".join(str(error).split())[:200]
        raise ParamsError(
            f"{file} does not fit {type(encoder).__name__}; train the row in 'after' anew, with "
            f"the same width and encoder ({fault})"
        ) from None


def up_to(encoder: Encoder, block: int) -> None:
    """Leave out what comes after a block, where the encoder lists one module a map."""
    blocks = getattr(encoder, "blocks", None)
    if isinstance(blocks, nn.ModuleList) and block:
        encoder.blocks = blocks[:block]


def similarity(own: Tensor, other: Tensor, kind: str) -> Tensor:
    """Maps [batch, channels, …] twice → mean over clips of (mean over rows of |cos|)², 0 to 1.

    A clip by itself: the release multiplies the maps of all clips of a batch with one another,
    which is the same with one clip.
    """
    if own.shape != other.shape:
        raise ParamsError(
            f"term anti_transfer: maps {list(own.shape[1:])} and, frozen, {list(other.shape[1:])}; "
            "name a row in 'after' with the same encoder"
        )
    with torch.autocast(own.device.type, enabled=False):  # which would multiply in bf16
        cosine = F.cosine_similarity(gram(own, kind), gram(other, kind), dim=-1)
        return cosine.abs().mean(dim=1).square().mean()


def gram(maps: Tensor, kind: str) -> Tensor:
    """Maps [batch, channels, …] → products of every two channels [batch, channels, channels].

    Their mean over places, without the release's constants, which no cosine sees.
    """
    flat = maps.float().flatten(2)
    if kind == "centred":
        flat = flat - flat.mean(dim=2, keepdim=True)
    products = torch.bmm(flat, flat.transpose(1, 2)) / flat.shape[2]
    if kind == "centred":
        products = products - torch.diag_embed(products.diagonal(dim1=1, dim2=2))
    return products
