"""The network of a row, its views of a clip, and its losses weighted into one (Fig. 1, §2.1)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor, nn

from harness.errors import ParamsError
from harness.learning.losses import batch_ccc
from harness.learning.parts import Setting, build
from harness.learning.specaugment import masked
from harness.learning.terms import Draws, Step

if TYPE_CHECKING:  # a cell does not depend on the code of what is only named here
    from harness.config.readings import Readings
    from harness.config.rows import Part, Row
    from harness.config.training import Train


class About(NamedTuple):
    """What a batch is beside its sounds and labels: see harness.learning.terms.Step.

    A tuple, because Fabric converts what is inside the arguments and refuses frozen dataclasses.
    """

    draws: Draws
    clips: Tensor | None = None
    speakers: Tensor | None = None
    countries: Tensor | None = None
    progress: float = 0.0
    share: bool = False  # whether the objective finds its `shares`


class Network(nn.Module):
    """Encoder and head; the views of a clip pass through the same weights."""

    def __init__(self, row: Row, setting: Setting) -> None:
        super().__init__()
        self.views, self.readings = row.views, setting.readings
        self.spec_augment = setting.train.spec_augment
        self.encoder = build("encoders", row.encoder, setting)
        self.head = build("heads", row.head, setting, self.encoder.size)
        self.head.apply(self.encoder.initialise)

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
    """Network, terms and weighting, so that one optimiser and one wrapper see all of them.

    `shares`: of each term the norm of its weighted gradient in the encoder, as a share of their
    sum, in the last batch that asked for it; empty where a row has one term.
    """

    def __init__(self, row: Row, setting: Setting) -> None:
        super().__init__()
        readings = setting.readings
        self.network = Network(row, setting)
        self.shares: dict[str, float] = {}
        self.terms = nn.ModuleList(_term(term, row, setting, self.network) for term in row.terms)
        self.names = [term.name.rpartition(".")[2] for term in row.terms]
        if len(set(self.names)) < len(self.names):
            raise ParamsError(f"two terms have one name in the history ({self.names}); rename one")
        named = replace(setting, terms=tuple(self.names))
        self.weighting = build("weightings", row.weighting, named, len(self.terms))
        self.emotions = None
        if row.emotions is not None:
            if readings.ccc_loss == "pooled":
                raise ParamsError("emotions weighs a CCC of each target; set ccc_loss: per_target")
            self.emotions = build("weightings", row.emotions, setting, setting.targets)
            if self.emotions.looks_back and len(row.views) > 1:
                raise ParamsError(
                    f"emotions: {row.emotions.name} compares a step with the one before, not with "
                    "its other view; give the row one view"
                )
        self.ccc_loss = readings.ccc_loss

    def forward(
        self, x: Tensor, labels: Tensor, generator: torch.Generator, about: About | None = None
    ) -> tuple[Tensor, Tensor]:
        """The loss of a batch; and detached, the terms' losses and, where a rule weighs them, the
        emotions' own in the first view: [terms] or [terms + targets].

        `x`: log-mel [batch, 1, frames, bands]; `generator` draws the masks.
        """
        about = about or About(lambda name: generator)
        maps, z = self.network(x, generator)
        raw = self.network.head(z)
        predictions = self.network.head.mean(raw)
        each = batch_ccc(predictions, labels, self.ccc_loss)
        ccc = self._ccc(each, about.draws)
        step = Step(x, labels, maps, z, raw, predictions, ccc, self.network, *about[:-1])
        losses = torch.stack([term(step) for term in self.terms])
        total = self.weighting(losses, about.draws)
        if about.share:  # here, since Fabric lets no gradient be taken of what it has wrapped
            self.shares = self._shares(losses)
        if self.emotions is not None:
            losses = torch.cat([losses, 1 - each[0]])
        return total, losses.detach()

    def _shares(self, losses: Tensor) -> dict[str, float]:
        if len(losses) == 1:
            return {}
        encoder = [p for p in self.network.encoder.parameters() if p.requires_grad]
        norms = []
        for loss in (self.weighting.weights() * losses).unbind():
            found = torch.autograd.grad(loss, encoder, retain_graph=True, allow_unused=True)
            squares = [float(each.square().sum()) for each in found if each is not None]
            norms.append(sum(squares) ** 0.5)
        total = sum(norms) or 1.0
        return {f"share_{name}": norm / total for name, norm in zip(self.names, norms, strict=True)}

    def _ccc(self, each: Tensor, draws: Draws) -> Tensor:
        """CCC [views, targets] → the loss of each view: 1 - Ĉ, or the emotions' own losses as
        their rule weighs them, over their number, so that weights of 1 change nothing."""
        if self.emotions is None:
            return 1 - each.mean(dim=-1)
        return torch.stack([self.emotions(1 - view, draws) / len(view) for view in each])

    def weights(self, targets: list[str]) -> dict[str, Tensor]:
        """The factors of the terms' losses, and of the emotions' where a rule weighs them."""
        rules, names = [self.weighting], self.names
        if self.emotions is not None:
            rules, names = [*rules, self.emotions], [*names, *targets]
        each = torch.cat([rule.weights() for rule in rules])
        return {f"weight_{name}": value for name, value in zip(names, each, strict=True)}

    def end_epoch(self, losses: Tensor, targets: list[str]) -> dict[str, float]:
        """The epoch's mean losses, as `forward` gives them → its losses and last weights by name.

        Then the rules may look at the losses.
        """
        weights = {name: value.item() for name, value in self.weights(targets).items()}
        means = zip(weights, losses.tolist(), strict=True)
        found = {name.replace("weight_", "loss_", 1): value for name, value in means}
        terms = len(self.names)
        self.weighting.after_epoch(losses[:terms])
        if self.emotions is not None:
            self.emotions.after_epoch(losses[terms:])
        return found | weights

    def undecayed(self) -> list[nn.Parameter]:
        """The parameters of rules that weight decay is not for."""
        rules = [rule for rule in (self.weighting, self.emotions) if rule is not None]
        return [p for rule in rules if not rule.decays for p in rule.parameters()]


def _term(term: Part, row: Row, setting: Setting, network: Network) -> Any:
    """All terms start from the state in which encoder and head leave the generator, so that one
    more term leaves the first weights of the others, and thereby rows in pairs, as they are."""
    with torch.random.fork_rng(devices=[]):
        found = build("terms", term, setting, network.encoder.size)
    if found.views > len(row.views):
        raise ParamsError(
            f"term {term.name} needs {found.views} views, the row has {len(row.views)}"
        )
    return found


def parameters(row: Row, train: Train, readings: Readings, bands: int, targets: int) -> int:
    """Trainable parameters of network and terms, counted without allocating them."""
    with torch.device("meta"):
        objective = Objective(row, Setting(train, readings, bands, targets))
    modules = [objective.network, objective.terms]
    return sum(p.numel() for module in modules for p in module.parameters() if p.requires_grad)
