"""A recorded market as a Gymnasium environment. Only what learns or plays imports this: it needs gymnasium.

At the close of a bar the policy sees that bar's features and its account, and acts; the supervisor clips; what is left
fills at the next open, slipped and paid for as `core.fills` says; the account is marked at the next close. Nothing of
a later bar is in an observation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import gymnasium
import numpy as np
from gymnasium import spaces

from core.errors import ConfigError
from models.reinforcement.account import Account
from models.reinforcement.actions import Action, asked_of
from models.reinforcement.limits import Asked, Clip
from models.reinforcement.rewards import REWARDS, Reward
from models.reinforcement.rules import ACCOUNT_COLUMNS, FARTHEST, Rules, observed
from models.reinforcement.tape import Tape

if TYPE_CHECKING:
    from models.learners.port import Float32Array

_PAID_IN: Final = 1.0


class Market(gymnasium.Env["Float32Array", "np.int64"]):
    """An episode starts flat, with a balance of 1, at a bar that `reset` draws, or at `options={"start": bar}`.

    It is terminated by ruin and truncated at the end of the episode or of the tape. `info` of a step holds `action`,
    `asked` and `done` (base units, below 0 for a sale), `clipped_by` (the limit, or None), `cost` (fees and slippage,
    in quote currency), `gain` (simple return of equity) and `equity`.
    """

    metadata: dict[str, Any] = {"render_modes": []}  # noqa: RUF012 (gymnasium's own declaration)

    def __init__(self, tape: Tape, rules: Rules | None = None) -> None:
        self.tape, self.rules = tape, rules or Rules()
        length = self.rules.episode
        if length is not None and length >= len(tape):
            raise ConfigError(f"an episode of {length} bars does not fit into {len(tape)}")
        width = tape.x.shape[1] + ACCOUNT_COLUMNS
        self.observation_space = spaces.Box(-FARTHEST, FARTHEST, (width,), np.float32)
        self.action_space = spaces.Discrete(len(Action))
        self._at, self._end = 0, len(tape) - 1
        self._account, self._peak, self._drawdown = Account(_PAID_IN), _PAID_IN, 0.0
        self._reward: Reward = REWARDS[self.rules.reward]()

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Float32Array, dict[str, Any]]:
        super().reset(seed=seed)
        last, length = len(self.tape) - 1, self.rules.episode
        latest = 0 if length is None else last - length
        self._at = int(self.np_random.integers(0, latest + 1))
        if options is not None and "start" in options:
            self._at = int(options["start"])
            if not 0 <= self._at < last:
                raise ConfigError(f"an episode starts at bar 0 to {last - 1}, found {self._at}")
        self._end = last if length is None else min(self._at + length, last)
        self._account, self._peak, self._drawdown = Account(_PAID_IN), _PAID_IN, 0.0
        self._reward = REWARDS[self.rules.reward]()
        return self._observation(), {}

    def step(self, action: np.int64 | int) -> tuple[Float32Array, float, bool, bool, dict[str, Any]]:
        mark, costs = float(self.tape.close[self._at]), self.rules.costs
        before = self._account.equity(mark)
        done = Action(int(action))
        asked = asked_of(done, self._account.position, self.rules.step * before / mark)
        clip = self._clipped(asked, mark, before)
        self._at += 1
        mid, mark = float(self.tape.open[self._at]), float(self.tape.close[self._at])
        sign = 1 if clip.change > 0 else -1
        self._account = self._account.after(clip.change, mid, costs)
        equity = self._account.equity(mark)
        gain = max(equity / before - 1, -1.0)
        self._peak = max(self._peak, equity)
        self._drawdown = max(self._drawdown, 1 - equity / self._peak)
        info = {
            "action": done.name,
            "asked": asked,
            "done": clip.change,
            "clipped_by": clip.by,
            "cost": abs(clip.change) * mid * costs.of(sign),
            "gain": gain,
            "equity": equity,
        }
        ruined = equity <= self.rules.ruin * _PAID_IN
        return self._observation(), self._reward(gain), ruined, not ruined and self._at >= self._end, info

    def _clipped(self, asked: float, mark: float, equity: float) -> Clip:
        if asked == 0:
            return Clip(0.0)
        clip = self.rules.limits(Asked(asked, self._account.position, mark, equity, self._drawdown))
        if not 0 <= clip.change / asked <= 1:
            raise ConfigError(f"limits may only shrink what is asked for: of {asked} they made {clip.change}")
        return clip

    def _observation(self) -> Float32Array:
        return observed(self.tape.x[self._at], self._account, float(self.tape.close[self._at]), self.rules.step)
