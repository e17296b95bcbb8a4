"""How a policy is taught: the algorithm and its settings, nothing loaded."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from core.errors import ConfigError


@dataclass(frozen=True, slots=True)
class School:
    """PPO (Schulman et al., 2017) or DQN (Mnih et al., 2015), as stable-baselines3 has them.

    `steps` bars are traded in all, in `markets` copies of the market side by side (PPO alone); `hidden` are the widths
    of the layers; `discount` is a reward's worth one bar later. With validation bars the policy is judged there
    `judged` times, and the best is kept.
    """

    algorithm: Literal["ppo", "dqn"] = "ppo"
    steps: int = 100_000
    markets: int = 8
    hidden: tuple[int, ...] = (32, 32)
    rate: float = 1e-3
    discount: float = 0.9
    judged: int = 5
    device: str = "cpu"

    def __post_init__(self) -> None:
        _within("algorithm", self.algorithm in ("ppo", "dqn"), self.algorithm, "ppo or dqn")
        for name in ("steps", "markets", "judged"):
            _within(name, getattr(self, name) >= 1, getattr(self, name), "1 or more")
        _within("hidden", bool(self.hidden) and min(self.hidden) >= 1, self.hidden, "widths of 1 or more")
        _within("rate", 0 < self.rate < math.inf, self.rate, "above 0")
        _within("discount", 0 <= self.discount < 1, self.discount, "from 0 to below 1")


def _within(name: str, right: bool, found: object, allowed: str) -> None:
    if not right:
        raise ConfigError(f"{name} must be {allowed}, found {found}")
