"""How networks learn: on streams where they are causal, else on windows. Imports nothing but torch and numpy.

Streams: the rows are cut into parallel stretches that are read side by side; the state is carried from chunk to chunk
and every step has a loss, so a target costs one step instead of the window that leads to it. Truncated
backpropagation through time: Williams and Peng (1990).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from models.learners.networks import Net, Recurrent, State

# Outputs (..., k), what came (..., t), weights (...) to one number.
Loss = Callable[[Tensor, Tensor, Tensor], Tensor]
_SCORED_AT_ONCE = 1024
# Of the weights, in an epoch on streams.
_UPDATES = 32


@dataclass(frozen=True)
class Rows:
    """A sample resident on the device: `x` (n, f), `y` (n, t), `weights` (n,), float32. Windows of it are views."""

    x: Tensor
    y: Tensor
    weights: Tensor

    def __len__(self) -> int:
        return len(self.x)

    def windows(self, length: int, step: int = 1) -> tuple[Tensor, Tensor, Tensor]:
        """Every `length` rows, `step` apart: (m, length, f), (m, length, t), (m, length), nothing copied."""
        x, y = (table.unfold(0, length, step).transpose(1, 2) for table in (self.x, self.y))
        return x, y, self.weights.unfold(0, length, step)


@dataclass(frozen=True)
class Pace:
    """How one epoch goes through the rows: `streams` of `steps` a chunk, or batches of windows where `streams` is 0."""

    window: int
    batch: int = 256
    streams: int = 64
    steps: int = 48
    clip: float = 1.0
    bf16: bool = False

    def fitting(self, rows: int, causal: bool) -> Pace:
        """Fewer streams where rows are few, so that an epoch still corrects the weights often enough; 4 are the least.

        Measured on 25,000 rows: 32 streams come to a given error in two thirds of the time that 64 take.
        """
        if not causal or not self.streams:
            return replace(self, streams=0)
        often = max(rows // (_UPDATES * self.steps), 4)
        return replace(self, streams=max(1, min(self.streams, often, rows // (4 * self.steps))))


@contextmanager
def repeatable(seed: int, device: torch.device) -> Iterator[None]:
    """What is drawn inside follows from the seed, and what is drawn outside does not notice."""
    cards = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=cards), torch.backends.cudnn.flags(deterministic=True, benchmark=False):
        torch.manual_seed(seed)
        yield


def optimizer_of(net: Net, *, rate: float, weight_decay: float, device: torch.device) -> torch.optim.Optimizer:
    """AdamW. Loshchilov and Hutter, *Decoupled Weight Decay Regularization* (2019)."""
    fused = device.type in ("cpu", "cuda")
    return torch.optim.AdamW(net.parameters(), lr=rate, weight_decay=weight_decay, fused=fused)


def epoch(net: Net, rows: Rows, optimizer: torch.optim.Optimizer, loss: Loss, pace: Pace) -> float:
    """Goes through the rows once and returns the mean loss. `pace` is the one that fits them (`Pace.fitting`)."""
    net.train()
    batches = _streams(net, rows, pace) if pace.streams else _windows(net, rows, pace)
    total, count = torch.zeros((), device=rows.x.device), 0
    for outputs, y, weights in batches:
        optimizer.zero_grad(set_to_none=True)
        found = loss(outputs, y, weights)
        torch.autograd.backward(found)
        nn.utils.clip_grad_norm_(net.parameters(), pace.clip)
        optimizer.step()
        total, count = total + found.detach(), count + 1
    return float(total) / count


def loss_of(net: Net, rows: Rows, loss: Loss, pace: Pace) -> float:
    """The mean loss on rows that are not learnt from, each read after at least a window, as in forecasts.

    A causal net on streams reads stretches of two windows and is scored on the second, which costs 2 steps a row.
    """
    net.eval()
    window, weighed, total = pace.window, 0.0, 0.0
    stretch = isinstance(net, Recurrent) and pace.streams and len(rows) >= 2 * window
    x, y, weights = rows.windows(2 * window - 1, window) if stretch else rows.windows(window)
    with torch.inference_mode():
        for part in torch.split(torch.arange(len(x), device=x.device), _SCORED_AT_ONCE):
            with _precision(x.device, pace.bf16):
                outputs = net(x[part])[0][:, window - 1 :] if stretch else net.last(x[part])[:, None]
            there = weights[part, window - 1 :]
            weight = float(there.sum())
            if weight > 0:
                total += weight * float(loss(outputs.float(), y[part, window - 1 :], there))
                weighed += weight
    return total / weighed if weighed else float("nan")


def outputs_at(net: Net, x: Tensor, window: int) -> Tensor:
    """Of every row the output of the window that ends there, (n, outputs); the first `window - 1` rows are NaN.

    Every window starts from a state of zeros: what is said of a row does not depend on where the history before begins.
    """
    net.eval()
    outputs = net.head.out_features
    found = torch.full((len(x), outputs), float("nan"), device=x.device)
    if len(x) < window:
        return found
    views = x.unfold(0, window, 1).transpose(1, 2)
    with torch.inference_mode():
        for part in torch.split(torch.arange(len(views), device=x.device), _SCORED_AT_ONCE):
            found[part + window - 1] = net.last(views[part])
    return found


def _streams(net: Net, rows: Rows, pace: Pace) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Outputs and what came at every step; each epoch cuts elsewhere, so that no chunk is learnt by heart."""
    assert isinstance(net, Recurrent)
    skipped = int(torch.randint(0, min(pace.steps, len(rows) // pace.streams), ()))
    length = (len(rows) - skipped) // pace.streams
    used = slice(skipped, skipped + length * pace.streams)
    shape = (pace.streams, length, -1)
    x, y, weights = (table[used].view(shape) for table in (rows.x, rows.y, rows.weights))
    state: State | None = None
    for at in range(0, length, pace.steps):
        chunk = slice(at, at + pace.steps)
        with _precision(x.device, pace.bf16):
            outputs, after = net(x[:, chunk], state)
        yield outputs.float(), y[:, chunk], weights[:, chunk, 0]
        state = [_detached(held) for held in after]


def _windows(net: Net, rows: Rows, pace: Pace) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Outputs and what came at the end of each window, in batches drawn without replacement."""
    x, y, weights = rows.windows(pace.window)
    for part in torch.split(torch.randperm(len(x)).to(x.device), pace.batch):
        with _precision(x.device, pace.bf16):
            outputs = net.last(x[part])
        yield outputs.float(), y[part, -1], weights[part, -1]


def _precision(device: torch.device, bf16: bool) -> AbstractContextManager[Any]:
    return torch.autocast(device.type, torch.bfloat16, enabled=bf16)


def _detached(held: Any) -> Any:
    return tuple(map(_detached, held)) if isinstance(held, tuple) else held.detach().float()
