"""The rules of the game, and what a policy sees of its account beside the features."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np

from core.errors import ConfigError
from models.reinforcement.account import Account
from models.reinforcement.limits import Limits, Supervisor
from models.reinforcement.rewards import check_reward
from models.validation.trading import Costs

if TYPE_CHECKING:
    from core.canonical import JSON
    from models.learners.port import Float32Array

# Position, unrealised profit, balance.
ACCOUNT_COLUMNS: Final = 3
# What is farther from 0 is seen as this: scaled features of a crash would else drown all others.
FARTHEST: Final = 100.0


@dataclass(frozen=True, slots=True)
class Rules:
    """`step` is what is added or taken off at once, a fraction of equity; `reward` one of `REWARDS`.

    An episode has `episode` bars, or all that there are; it ends in ruin once equity is down to the fraction `ruin` of
    what was paid in.
    """

    step: float = 0.05
    costs: Costs = field(default_factory=Costs)
    limits: Limits = field(default_factory=Supervisor)
    reward: str = "return"
    episode: int | None = None
    ruin: float = 0.5

    def __post_init__(self) -> None:
        check_reward(self.reward)
        if not 0 < self.step <= 1:
            raise ConfigError(f"step must be a fraction of equity above 0, at most 1, found {self.step}")
        if not 0 <= self.ruin < 1:
            raise ConfigError(f"ruin must be a fraction from 0 to below 1, found {self.ruin}")
        if self.episode is not None and self.episode < 1:
            raise ConfigError(f"an episode has 1 bar or more, found {self.episode}")

    def told(self) -> JSON:
        """For a card: what was played by."""
        limits = asdict(self.limits) if isinstance(self.limits, Supervisor) else getattr(self.limits, "__name__", "own")
        return {
            "step": self.step,
            "costs": asdict(self.costs),
            "limits": limits,
            "reward": self.reward,
            "episode": self.episode,
            "ruin": self.ruin,
        }


def observed(x: Float32Array, account: Account, mark: float, step: float) -> Float32Array:
    """Features, shape (f,), then the account at `mark`: float32, shape (f + 3,).

    The position is in steps of equity, below 0 where short; unrealised profit in percent of equity; the balance as a
    multiple of what was paid in, which is 1. Every number is cut at 100 either way.
    """
    equity = max(account.equity(mark), 1e-9)
    held = account.position * mark / equity / step
    own = (held, 100 * account.unrealised(mark) / equity, account.balance)
    return _within(np.concatenate([x, np.array(own, np.float32)]))


def flat(x: Float32Array) -> Float32Array:
    """Every row of `x`, shape (n, f), as seen by an account that has just been opened: shape (n, f + 3)."""
    own = np.tile(np.array([0.0, 0.0, 1.0], np.float32), (len(x), 1))
    return _within(np.concatenate([x, own], axis=1))


def _within(seen: Float32Array) -> Float32Array:
    cut: Float32Array = np.minimum(np.maximum(seen, np.float32(-FARTHEST)), np.float32(FARTHEST))
    return cut
