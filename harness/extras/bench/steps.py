"""The step that is measured: ours, and the bare limit that no step of this network can pass."""

from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from harness.config.rows import TABLE2, read_family
from harness.config.strict import PARAMS, ROWS, block
from harness.config.training import Train
from harness.errors import ParamsError, RunError
from harness.extras.bench.apart import Apart
from harness.extras.bench.textbook import Textbook, projector_of
from harness.extras.bench.timing import Round, timed
from harness.learning import loop, parts
from harness.learning.arithmetic import fast_bf16
from harness.learning.cell import Cell
from harness.learning.data import Packed
from harness.learning.encoders import Encoder
from harness.learning.network import Objective
from harness.learning.state import State

ROW = f"{TABLE2}/{{encoder}}-rrtn-ruwl"
PAPER = {  # what the textbook loop computes, and so what is measured
    "ccc_loss": "per_target",
    "mask_axes": "described",
    "mask_place": "before_bn0",
    "mask_fill": "zero",
    "masked_view": "second",
    "barlow_twins": "standardised",
    "twin_forward": "two_passes",
}


TRIED = 2.0  # seconds at least of each candidate for the bare limit
PATIENCE = 60.0  # seconds for one step of it; a candidate that takes longer is not the fastest


class Workload(NamedTuple):
    """One cell of the comparison; plain values, so that a process of its own can be told."""

    encoder: str
    width: float
    batch: int
    frames: int
    threads: int
    folder: str  # as harness.extras.bench.clips leaves it


def cell_of(setting: Workload, path: Path = PARAMS) -> Cell:
    """The row <encoder>-rrtn-ruwl of Table 2 at this width, batch, length and thread count."""
    rows, name = read_family(TABLE2, path).rows, ROW.format(encoder=setting.encoder)
    if name not in rows:
        raise ParamsError(f"{ROWS}: no row is called '{name}', which the bench measures; add it")
    train = block(Train, "train", path)
    changed = {**setting._asdict(), "arithmetic": "fast"}
    return Cell(
        name=name,
        seed=1,
        row=rows[name],
        train=train.model_copy(update={k: changed[k] for k in changed if k in Train.model_fields}),
        readings=rows[name].read(path).model_copy(update=PAPER),
        features=Path(setting.folder),
        scratch=Path(setting.folder),
        runs=Path(setting.folder),
        origin={},
    )


def objective_of(cell: Cell, data: Packed) -> Objective:
    """With the same first weights for every variant."""
    torch.manual_seed(cell.seed)
    bands, targets = data.levels.shape[1], len(data.targets)
    return Objective(cell.row, parts.Setting(cell.train, cell.readings, bands, targets))


class Ours:
    """One epoch of `steps` batches a call: the very function that trains a cell.

    But for the terms' shares of the gradient, which are taken once an epoch: they cost about as
    much as two steps, and a round is shorter than an epoch.
    """

    def __init__(self, cell: Cell, steps: int) -> None:
        self.fabric, self.cell = loop.fabric_for(cell.train), cell
        self.data = Packed(cell.features, "train", self.fabric.device)
        objective, self.model, self.optimizer = loop.set_up(self.fabric, cell, self.data)
        objective._shares = lambda losses: {}  # type: ignore[method-assign]
        self.learned = np.arange(steps * cell.train.batch)
        self.state = State()

    def epoch(self) -> None:
        torch.use_deterministic_algorithms(True, warn_only=True)  # as in a cell
        arguments = (self.data, self.learned, self.model, self.optimizer)
        loop.train_epoch(self.fabric, self.cell, self.state, *arguments)
        self.state.epoch += 1


class _Nothing(Encoder):
    """An encoder that costs nothing: a representation [batch, size] of its own for any log-mel."""

    def __init__(self, setting: parts.Setting, size: int) -> None:
        super().__init__(parts.NoParams(), setting)
        self.size = size
        self.representation = torch.nn.Parameter(torch.randn(setting.train.batch, size))

    def maps(self, x: torch.Tensor) -> list[torch.Tensor]:
        return [x]

    def pool(self, last: torch.Tensor) -> torch.Tensor:
        return self.representation


class Bare:
    """Forward, backward and optimizer of the network on two constant views already in place.

    No data, masks, crops or losses: the loss is the mean square of the heads' outputs.
    """

    def __init__(self, cell: Cell, data: Packed, steps: int, bf16: bool, layout: str) -> None:
        device = data.labels.device
        form: Any = {"contiguous": torch.contiguous_format, "channels-last": torch.channels_last}
        objective = objective_of(cell, data)
        network, projector = objective.network, projector_of(objective)
        self.encoder, self.layers = network.encoder, [network.head, projector]
        self.network = torch.nn.ModuleList([network, projector])
        self.network.to(device).to(memory_format=form[layout])
        self.optimizer = torch.optim.AdamW(self.network.parameters(), lr=1e-5, fused=True)
        clips = torch.arange(cell.train.batch, device=device)
        x = data.crops(clips, cell.train.frames, cell.readings.padding_level)
        self.views = [x, x.clone()]
        self.steps, self.bf16, self.device = steps, bf16, device

    def epoch(self) -> None:
        self.network.train()
        for _ in range(self.steps):
            with torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16):
                loss = torch.zeros((), device=self.device)
                for x in self.views:
                    z = self.encoder(x)
                    for layer in self.layers:
                        loss = loss + layer(z).float().square().mean()
            loss.backward()
            self.optimizer.step()
            self.optimizer.zero_grad()


def on_device(work: Any, device: torch.device) -> Round:
    """`work` timed with all kernels done, without our demand for determinism unless it sets it."""

    def whole() -> None:
        torch.use_deterministic_algorithms(False)
        work()
        if device.type == "cuda":
            torch.cuda.synchronize()

    return timed(whole)


def fastest_bare(setting: Workload) -> tuple[float, dict[str, Any], list[str]]:
    """Seconds of one bare step at the fastest precision and layout, which, and what failed.

    Raises RunError when all do. With torch 2.14 a narrow ResNet-18 in channels-last corrupts the
    heap on a CPU without AVX-512, and then aborts or never returns.
    """
    found, failed = [], []
    bf16 = [False, True] if fast_bf16() else [False]
    for choice in product(bf16, ("contiguous", "channels-last")):
        best = dict(zip(("bf16", "layout"), choice, strict=True))
        try:
            with Apart(bare, setting, 1, best, patience=PATIENCE) as one:
                one()  # warm-up
                seconds = [one(), one(), one()]
                while sum(seconds) < TRIED and len(seconds) < 10:
                    seconds.append(one())
        except RunError as error:
            failed.append(f"{'bf16' if choice[0] else 'float32'}, {choice[1]}: {error}")
            continue
        found.append((min(seconds), best))
    if not found:
        raise RunError(f"{setting.encoder} × {setting.width:g} trains in no form; {failed[0]}")
    return (*min(found, key=lambda pair: pair[0]), failed)


def ours(setting: Workload, steps: int) -> Round:
    """A round of `steps` steps of the harness's own training."""
    one = Ours(cell_of(setting), steps)
    return on_device(one.epoch, one.fabric.device)


def rest(setting: Workload, steps: int) -> Round:
    """The same without the encoder: data, crops, masks, head, projector, losses, their backward."""
    one = Ours(cell_of(setting), steps)
    network, data = one.model.module.network, one.data
    shape = data.levels.shape[1], len(data.targets)
    sizes = parts.Setting(one.cell.train, one.cell.readings, *shape)
    network.encoder = _Nothing(sizes, network.encoder.size).to(one.fabric.device)
    return on_device(one.epoch, one.fabric.device)


def bare(setting: Workload, steps: int, best: dict[str, Any]) -> Round:
    """A round of `steps` bare steps, with the harness's settings of the process."""
    cell = cell_of(setting)
    device = loop.fabric_for(cell.train).device
    data = Packed(cell.features, "train", device)
    return on_device(Bare(cell, data, steps, **best).epoch, device)


def textbook(setting: Workload, steps: int, workers: int) -> Round:
    """A round of `steps` steps of the textbook loop, in a process as PyTorch leaves it."""
    cell = cell_of(setting)
    torch.set_num_threads(setting.threads)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    objective = objective_of(cell, Packed(cell.features, "train", torch.device("cpu")))
    return on_device(Textbook(cell, objective, steps, workers, device).epoch, device)
