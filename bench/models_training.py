"""Training causal networks on streams, beside a FreqAI-like loop over windows: the same network, data and optimiser.

They take turns of a second, so that whatever else the machine does meets all. A validation error is judged
outside the clock, on windows from a state of zeros, as a forecast is made. Needs torch and numpy alone.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from statistics import median
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset

from bench.timing import row
from models.learners.networks import Cell, Recurrent
from models.learners.networks_losses import squared
from models.learners.networks_training import Pace, Rows, epoch, optimizer_of, outputs_at, repeatable

FEATURES, VALID, WINDOW = 40, 2_500, 24
NOISE = 0.3
# Mean squared error, of which NOISE^2 = 0.09 cannot be learnt: part of the way, and most of it.
TARGETS = (0.130, 0.125)
RATE, DROPOUT, LAYERS = 2e-3, 0.2, 3
CELLS: tuple[Cell, ...] = ("lstm", "gru")


def planted(rows: int, device: torch.device) -> tuple[Rows, Rows]:
    """`rows` to learn from, of a target that remembers eight rows of three features, and what is judged after them."""
    n = rows + VALID
    with repeatable(1, torch.device("cpu")):
        kernel, x, noise = torch.randn(8, 3), torch.randn(n, FEATURES), torch.randn(n)
    kernel *= (0.5 / kernel.square().sum()).sqrt()
    told = torch.stack([(x.roll(lag, 0)[:, :3] * kernel[lag]).sum(1) for lag in range(8)]).sum(0)
    y = (torch.tanh(told) + NOISE * noise)[:, None]
    whole = Rows(x.to(device), y.to(device), torch.ones(n, device=device))
    parts = (slice(None, rows), slice(rows, None))
    train, valid = (Rows(whole.x[part], whole.y[part], whole.weights[part]) for part in parts)
    return train, valid


class WindowDataset(Dataset[Any]):
    """Cuts a window for every item asked for, as FreqAI's class of this name does; the rows stay where they were."""

    def __init__(self, rows: Rows) -> None:
        self.x, self.y = rows.x.cpu(), rows.y.cpu()

    def __len__(self) -> int:
        return len(self.x) - WINDOW + 1

    def __getitem__(self, at: int) -> tuple[torch.Tensor, torch.Tensor]:
        return self.x[at : at + WINDOW], self.y[at + WINDOW - 1]


def windows_loop(net: Recurrent, train: Rows, optimizer: torch.optim.Optimizer, batch: int = 64) -> Iterator[int]:
    """FreqAI's training loop: a loader of shuffled windows, each batch sent to the device, its loss read back."""
    device = train.x.device
    loader = DataLoader(WindowDataset(train), batch_size=batch, shuffle=True, drop_last=True)
    while True:
        for x, y in loader:
            net.train()
            optimizer.zero_grad(set_to_none=True)
            loss = torch.nn.functional.mse_loss(net.last(x.to(device)), y.to(device))
            loss.backward()
            optimizer.step()
            loss.item()
            yield len(x)


def streams_loop(net: Recurrent, train: Rows, optimizer: torch.optim.Optimizer, pace: Pace) -> Iterator[int]:
    while True:
        epoch(net, train, optimizer, squared, pace)
        yield len(train)


@dataclass(frozen=True)
class Setting:
    """Where and on how much: rows to learn from, units a layer, seconds of training each and of one turn, and seeds."""

    device: str = "cpu"
    rows: int = 25_000
    hidden: int = 64
    seconds: float = 30.0
    turn: float = 1.0
    rounds: int = 1


@dataclass
class Contender:
    """One way to train, and how far it has come: seconds of training and the validation error then."""

    name: str
    net: Recurrent
    steps: Iterator[int]
    targets: int = 0
    seconds: float = 0.0
    errors: list[tuple[float, float]] = field(default_factory=list)

    def turn(self, seconds: float, valid: Rows) -> None:
        # Of the processor's own time, so that what else it does does not count; a card is waited for.
        now = time.perf_counter if valid.x.is_cuda else time.process_time
        began = now()
        while now() - began < seconds:
            self.targets += next(self.steps)
        if valid.x.is_cuda:
            torch.cuda.synchronize()
        self.seconds += now() - began
        told = outputs_at(self.net, valid.x, WINDOW)[WINDOW - 1 :]
        self.errors.append((self.seconds, float(((told - valid.y[WINDOW - 1 :]) ** 2).mean())))

    def reached(self, error: float) -> float | None:
        return next((at for at, found in self.errors if found <= error), None)

    @property
    def best(self) -> float:
        return min(error for _, error in self.errors)

    @property
    def rate(self) -> float:
        return self.targets / self.seconds


def race(setting: Setting, cell: Cell, seed: int) -> list[Contender]:
    """Each loop from the same weights, for as long."""
    device, hidden, seconds = torch.device(setting.device), setting.hidden, setting.seconds
    train, valid = planted(setting.rows, device)
    pace = Pace(WINDOW, streams=64, steps=WINDOW).fitting(setting.rows, causal=True)
    kinds = {"windows, FreqAI-like": None, "streams": False, "streams, bf16": True}
    found = []
    for name, bf16 in kinds.items():
        with repeatable(seed, device):
            net = Recurrent(FEATURES, 1, cell=cell, hidden=hidden, layers=LAYERS, dropout=DROPOUT).to(device)
        optimizer = optimizer_of(net, rate=RATE, weight_decay=0.01, device=device)
        if bf16 is None:
            steps = windows_loop(net, train, optimizer)
        else:
            steps = streams_loop(net, train, optimizer, replace(pace, bf16=bf16))
        # Kernels are chosen and memory is found outside the clock.
        next(steps)
        found.append(Contender(name, net, steps))
    while any(one.seconds < seconds for one in found):
        for one in found:
            if one.seconds < seconds:
                one.turn(setting.turn, valid)
    return found


def print_race(cell: str, rounds: list[list[Contender]]) -> None:
    """Medians over rounds; a ratio is to the loop over windows of the same round."""
    row(
        f"{cell}, {len(rounds)} rounds",
        "targets/s",
        "ratio",
        *(f"s to {t:.3f}" for t in TARGETS),
        "times sooner",
        "best",
    )
    for number, name in enumerate(one.name for one in rounds[0]):
        those = [(contenders[0], contenders[number]) for contenders in rounds]
        times = [_median_time([one.reached(target) for _, one in those]) for target in TARGETS]
        sooner = [_sooner(base, one) for base, one in those]
        row(
            name,
            f"{median(one.rate for _, one in those):,.0f}",
            f"{median(one.rate / base.rate for base, one in those):.1f}",
            *times,
            " / ".join(_least(ratios) for ratios in zip(*sooner, strict=True)),
            f"{median(one.best for _, one in those):.4f}",
        )


def _median_time(times: list[float | None]) -> str:
    known = sorted(float("inf") if at is None else at for at in times)
    middle = known[len(known) // 2]
    return "not reached" if middle == float("inf") else f"{middle:.1f}"


def _sooner(base: Contender, one: Contender) -> list[tuple[float, bool]]:
    """For each target how many times sooner, and whether windows never got there; 0 for never."""
    found = []
    for target in TARGETS:
        mine, theirs = one.reached(target), base.reached(target)
        found.append((0.0 if mine is None else (theirs or base.seconds) / mine, theirs is None and mine is not None))
    return found


def _least(ratios: tuple[tuple[float, bool], ...]) -> str:
    middle, bound = sorted(ratios)[len(ratios) // 2]
    return "-" if middle == 0 else f"{'>' if bound else ''}{middle:.1f}"


def main(*, only: str | None = None) -> None:
    """On the processor and on the CUDA device, or on the one of them that is named: `cpu` or `gpu`."""
    if only != "gpu":
        threads = torch.get_num_threads()
        report(Setting(), f"CPU, {threads} thread{'s' if threads > 1 else ''}")
    if only != "cpu":
        if torch.cuda.is_available():
            report(Setting("cuda", 100_000, 128, 15.0, 0.5, rounds=2), torch.cuda.get_device_name())
        else:
            print(f"Forecast training on a GPU: there is none that torch {torch.__version__} finds, not measured")


def report(setting: Setting, where: str) -> None:
    print(f"Forecast training: {where}, torch {torch.__version__}; {setting.rows:,} rows, {FEATURES} features,")
    print(
        f"window {WINDOW}, {LAYERS} layers of {setting.hidden}, {setting.seconds:g} s each; noise alone {NOISE**2:.3f}"
    )
    for cell in CELLS:
        print_race(cell, [race(setting, cell, seed) for seed in range(setting.rounds)])
