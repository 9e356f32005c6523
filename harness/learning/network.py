"""The network of a row, its views of a clip, and its losses weighted into one (Fig. 1, §2.1)."""

from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from harness.config.readings import Readings
from harness.config.rows import Row
from harness.config.training import Train
from harness.errors import ParamsError
from harness.learning.losses import batch_ccc
from harness.learning.parts import Setting, build
from harness.learning.specaugment import masked
from harness.learning.terms import Draws, Step, Term


class About(NamedTuple):  # which Fabric can convert to a precision, unlike a frozen dataclass
    """What a batch is beside its sounds and labels: see harness.learning.terms.Step."""

    draws: Draws
    clips: Tensor | None = None
    speakers: Tensor | None = None
    countries: Tensor | None = None
    progress: float = 0.0


class Network(nn.Module):
    """Encoder and head; the views of a clip pass through the same weights."""

    def __init__(self, row: Row, setting: Setting) -> None:
        super().__init__()
        self.views, self.readings = row.views, setting.readings
        self.spec_augment = setting.train.spec_augment
        self.encoder = build("encoders", row.encoder, setting)
        self.head = build("heads", row.head, setting, self.encoder.size)

    def forward(self, x: Tensor, generator: torch.Generator) -> tuple[list[list[Tensor]], Tensor]:
        """Feature maps of each view, and representations [views, batch, size]."""
        views = [x] * len(self.views)
        if self.readings.mask_place == "before_bn0":
            views = self._masked(views, generator)
        views = self._normalised(views)
        if self.readings.mask_place == "after_bn0":
            views = self._masked(views, generator)
        maps, representations = [], []
        for view in self._together(views):
            found = self.encoder.maps(view)
            maps.append(found)
            representations.append(self.encoder.pool(found[-1]))
        if len(maps) < len(views):
            pairs = [each.chunk(2) for each in maps[0]]
            maps = [[pair[view] for pair in pairs] for view in (0, 1)]
            representations = list(representations[0].chunk(2))
        return maps, torch.stack(representations)

    def _together(self, views: list[Tensor]) -> list[Tensor]:
        """What passes through a layer at once: each view, or both as one batch."""
        joint = self.readings.twin_forward == "joint" and len(views) == 2
        return [torch.cat(views)] if joint else views

    def _normalised(self, views: list[Tensor]) -> list[Tensor]:
        found = [self.encoder.normalise(view) for view in self._together(views)]
        return found if len(found) == len(views) else list(found[0].chunk(2))

    def _masked(self, views: list[Tensor], generator: torch.Generator) -> list[Tensor]:
        axes: str = self.readings.mask_axes
        if axes == "released":
            axes = "mel" if self.encoder.mel_first else "time"
        fill = self.readings.mask_fill
        both = self.readings.masked_view == "both" and "masked" in self.views
        return [
            masked(view, self.spec_augment, generator, axes, fill)
            if kind == "masked" or both
            else view
            for view, kind in zip(views, self.views, strict=True)
        ]

    def predict(self, x: Tensor) -> Tensor:
        """Targets [batch, targets] from clean log-mel; linear, not clipped to [0, 1]."""
        predictions: Tensor = self.head.mean(self.head(self.encoder(x)))
        return predictions


class Objective(nn.Module):
    """Network, terms and weighting, so that one optimiser and one wrapper see all of them."""

    def __init__(
        self,
        row: Row,
        train: Train,
        readings: Readings,
        bands: int,
        targets: int,
        before: Path | None = None,
    ) -> None:
        super().__init__()
        setting = Setting(train, readings, bands, targets, before)
        self.network = Network(row, setting)
        size = self.network.encoder.size
        terms: list[Term] = [build("terms", term, setting, size) for term in row.terms]
        self.names = [term.name.rpartition(".")[2] for term in row.terms]
        for name, term in zip(self.names, terms, strict=True):
            if term.views > len(row.views):
                raise ParamsError(f"term {name} needs {term.views} views, the row has {row.views}")
        self.terms = nn.ModuleList(terms)
        self.weighting = build("weightings", row.weighting, setting, len(self.terms))
        self.emotions = None
        if row.emotions is not None:
            if readings.ccc_loss == "pooled":
                raise ParamsError(
                    "emotions weighs each emotion's CCC; it needs the reading ccc_loss: per_target"
                )
            self.emotions = build("weightings", row.emotions, setting, targets)
        self.ccc_loss = readings.ccc_loss

    def forward(
        self, x: Tensor, labels: Tensor, generator: torch.Generator, about: About | None = None
    ) -> tuple[Tensor, Tensor]:
        """The loss of a batch and its terms [terms], detached.

        `x`: log-mel [batch, 1, frames, bands]; `generator` draws the masks.
        """
        about = about or About(lambda name: generator)
        maps, z = self.network(x, generator)
        raw = self.network.head(z)
        ccc = self._ccc(self.network.head.mean(raw), labels, about.draws)
        step = Step(
            x,
            labels,
            maps,
            z,
            raw,
            ccc,
            self.network,
            about.draws,
            about.clips,
            about.speakers,
            about.countries,
            about.progress,
        )
        losses = torch.stack([term(step) for term in self.terms])
        return self.weighting(losses, about.draws), losses.detach()

    def _ccc(self, predictions: Tensor, labels: Tensor, draws: Draws) -> Tensor:
        """1 - Ĉ of each view [views], or the emotions' own losses as their rule weighs them."""
        each = batch_ccc(predictions, labels, self.ccc_loss)
        if self.emotions is None:
            return 1 - each.mean(dim=-1)
        return torch.stack([self.emotions(1 - view, draws) for view in each])

    def undecayed(self) -> list[nn.Parameter]:
        """The parameters of rules that weight decay is not for."""
        rules = [rule for rule in (self.weighting, self.emotions) if rule is not None]
        return [p for rule in rules if not rule.decays for p in rule.parameters()]


def parameters(row: Row, train: Train, readings: Readings, bands: int, targets: int) -> int:
    """Trainable parameters of network and terms, counted without allocating them."""
    with torch.device("meta"):
        objective = Objective(row, train, readings, bands, targets)
    modules = [objective.network, objective.terms]
    return sum(p.numel() for module in modules for p in module.parameters() if p.requires_grad)
