"""LSTM, GRU and Transformer forecasters: their settings, how they are fitted, and what they say."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from core.errors import ConfigError, DataRefused
from models.learners.devices import torch_device
from models.learners.port import (
    LEVELS,
    Parts,
    Predicted,
    Sample,
    check_features,
    check_training,
    in_order,
    logistic,
    mean_of,
    rises,
)
from models.learners.watching import Epoch, Nobody, Watcher

if TYPE_CHECKING:
    import torch

    from models.learners.networks import Net
    from models.learners.networks_training import Pace, Rows
    from models.learners.port import Float32Array

KIND: Final = "network"
_OUTPUTS: Final = 1 + len(LEVELS)


@dataclass(frozen=True, slots=True)
class Architecture:
    """What a network is. `hidden` is the width of a layer (of each direction), `window` how many rows a forecast reads.

    A recurrent one that is neither `bidirectional` nor attentive is causal and learns on streams. `heads` is the
    Transformer's alone.
    """

    cell: Literal["lstm", "gru", "transformer"] = "lstm"
    layers: int = 2
    hidden: int = 64
    window: int = 24
    dropout: float = 0.2
    bidirectional: bool = False
    attention: bool = False
    residual: bool = False
    heads: int = 4

    def __post_init__(self) -> None:
        _within("cell", self.cell in ("lstm", "gru", "transformer"), self.cell, "lstm, gru or transformer")
        for name in ("layers", "hidden", "heads"):
            _within(name, getattr(self, name) >= 1, getattr(self, name), "1 or more")
        _within("window", self.window >= 2, self.window, "2 or more")
        _within("dropout", 0 <= self.dropout < 1, self.dropout, "at least 0 and below 1")
        if self.cell == "transformer":
            _within("hidden", self.hidden % (2 * self.heads) == 0, self.hidden, "a multiple of twice the heads")
            _within("bidirectional", not self.bidirectional, True, "for lstm and gru: a Transformer sees both ways")
            _within("residual", not self.residual, True, "for lstm and gru: a Transformer always has it")

    def build(self, features: int) -> Net:
        """With weights drawn from torch's generator."""
        from models.learners.networks import Encoder, Recurrent

        shared = {"hidden": self.hidden, "layers": self.layers, "dropout": self.dropout, "attention": self.attention}
        if self.cell == "transformer":
            return Encoder(features, _OUTPUTS, window=self.window, heads=self.heads, **shared)  # type: ignore[arg-type]
        both = {"bidirectional": self.bidirectional, "residual": self.residual}
        return Recurrent(features, _OUTPUTS, cell=self.cell, **shared, **both)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Training:
    """How a network is fitted.

    `epochs` is the most; `patience` how many epochs without a better validation loss end it, None for never; after
    `plateau` such epochs the rate is halved. `batch` counts windows, `streams` at most how many stretches a causal
    network reads side by side (0 teaches it on windows). Gradients are clipped at norm `clip`. `precision` is fp32,
    bf16, or auto: bf16 on CUDA, else fp32.
    """

    epochs: int = 100
    batch: int = 256
    rate: float = 2e-3
    weight_decay: float = 0.01
    patience: int | None = 10
    plateau: int = 4
    clip: float = 1.0
    streams: int = 64
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    device: str = "auto"

    def __post_init__(self) -> None:
        for name in ("epochs", "batch", "plateau"):
            _within(name, getattr(self, name) >= 1, getattr(self, name), "1 or more")
        _within("patience", self.patience is None or self.patience >= 1, self.patience, "1 or more, or None")
        _within("rate", 0 < self.rate < math.inf, self.rate, "above 0")
        _within("clip", 0 < self.clip < math.inf, self.clip, "above 0")
        _within("weight_decay", 0 <= self.weight_decay < math.inf, self.weight_decay, "0 or more")
        _within("streams", self.streams >= 0, self.streams, "0 or more")
        _within("precision", self.precision in ("auto", "fp32", "bf16"), self.precision, "auto, fp32 or bf16")

    def pace(self, architecture: Architecture, device: torch.device) -> Pace:
        from models.learners.networks_training import Pace

        bf16 = self.precision == "bf16" or (self.precision == "auto" and device.type == "cuda")
        window = architecture.window
        return Pace(window, self.batch, self.streams, steps=window, clip=self.clip, bf16=bf16)


@dataclass(frozen=True, slots=True)
class Network:
    """A learner: one seed gives the same bits on one processor, with one number of threads.

    Without validation rows it goes through all its epochs; with them, the weights of the best epoch are kept.
    """

    name: str = "lstm"
    architecture: Architecture = field(default_factory=Architecture)
    training: Training = field(default_factory=Training)
    watcher: Watcher = field(default_factory=Nobody, compare=False)

    def fit(self, train: Sample, valid: Sample | None, *, seed: int) -> FittedNetwork:
        check_training(train, least=4 * self.architecture.window)
        if valid is not None:
            check_features(valid.x, train.x.shape[1])
        if valid is not None and len(valid) < self.architecture.window:
            raise DataRefused(f"validation needs a window of {self.architecture.window} rows, found {len(valid)}")
        from models.learners.networks_training import repeatable

        device = torch_device(self.training.device)
        # A return is a small number: the network is taught how many deviations it is.
        scale = float(train.y.std())
        with repeatable(seed, device):
            net = self.architecture.build(train.x.shape[1]).to(device)
            held = None if valid is None else _resident(valid, scale, device)
            curve = self._learn(net, _resident(train, scale, device), held)
        return FittedNetwork(self.architecture, net, train.x.shape[1], scale, curve)

    def _learn(self, net: Net, train: Rows, valid: Rows | None) -> tuple[Epoch, ...]:
        """The learning curve; `net` holds the weights of its best epoch."""
        import torch

        from models.learners.networks_losses import odds_and_quantiles
        from models.learners.networks_training import epoch, loss_of, optimizer_of

        how, device = self.training, train.x.device
        loss, pace = odds_and_quantiles(LEVELS), how.pace(self.architecture, device).fitting(len(train), net.causal)
        optimizer = optimizer_of(net, rate=how.rate, weight_decay=how.weight_decay, device=device)
        slower = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=how.plateau)
        curve: list[Epoch] = []
        best, best_at, kept = math.inf, 0, _copied(net)
        self.watcher.began(self.name, how.epochs)
        try:
            for number in range(1, how.epochs + 1):
                rate = optimizer.param_groups[0]["lr"]
                found = epoch(net, train, optimizer, loss, pace)
                if not math.isfinite(found):
                    raise ConfigError(f"{self.name} diverged in epoch {number}: a rate of {how.rate:g} is too high")
                judged = None if valid is None else loss_of(net, valid, loss, pace)
                curve.append(Epoch(number, found, judged, rate))
                self.watcher.passed(curve[-1])
                if judged is None:
                    continue
                slower.step(judged)
                if judged < best:
                    best, best_at, kept = judged, number, _copied(net)
                elif how.patience is not None and number - best_at >= how.patience:
                    break
        finally:
            self.watcher.ended()
        if valid is not None:
            net.load_state_dict(kept)
        return tuple(curve)


@dataclass(frozen=True, slots=True)
class FittedNetwork:
    """`scale` is the deviation of y in training, in log return; `curve` how it learnt."""

    architecture: Architecture
    net: Net
    features: int
    scale: float
    curve: tuple[Epoch, ...] = ()

    @property
    def context(self) -> int:
        return self.architecture.window - 1

    def predict(self, x: Float32Array) -> Predicted:
        import torch

        from models.learners.networks_training import outputs_at

        check_features(x, self.features)
        device = self.net.head.weight.device
        # from_numpy shares memory and warns of arrays that may not be written to.
        told = outputs_at(self.net, torch.tensor(x, device=device), self.architecture.window)
        outputs = told.cpu().numpy().astype(np.float64)
        quantiles = in_order(outputs[:, 1:] * self.scale)
        return Predicted(logistic(outputs[:, 0]), mean_of(quantiles), quantiles)

    def parts(self) -> Parts:
        arrays = {name: weight.detach().cpu().numpy() for name, weight in self.net.state_dict().items()}
        settings = {
            "architecture": asdict(self.architecture),
            "features": self.features,
            "scale": self.scale,
            "curve": [asdict(one) for one in self.curve],
        }
        return Parts(KIND, settings, arrays)


def read(parts: Parts) -> FittedNetwork:
    """On the processor: a forecast of one row is not worth a card."""
    import torch

    settings = parts.settings
    architecture = Architecture(**settings["architecture"])
    net = architecture.build(settings["features"])
    net.load_state_dict({name: torch.tensor(array) for name, array in parts.arrays.items()})
    curve = tuple(Epoch(**one) for one in settings["curve"])
    return FittedNetwork(architecture, net, settings["features"], settings["scale"], curve)


def _resident(sample: Sample, scale: float, device: torch.device) -> Rows:
    import torch

    from models.learners.networks_training import Rows

    y = np.column_stack([rises(sample.y), sample.y / scale]).astype(np.float32)
    weights = np.ones(len(sample), np.float32) if sample.weights is None else sample.weights.astype(np.float32)
    return Rows(*(torch.tensor(table, device=device) for table in (sample.x, y, weights)))


def _copied(net: Net) -> dict[str, torch.Tensor]:
    return {name: weight.detach().clone() for name, weight in net.state_dict().items()}


def _within(name: str, right: bool, found: object, allowed: str) -> None:
    if not right:
        raise ConfigError(f"{name} must be {allowed}, found {found}")
