"""A policy played through a tape from its first bar to its last, and what became of its account."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from models.reinforcement.rules import Rules

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from core.bars import FloatArray
    from models.learners.port import Float32Array
    from models.reinforcement.tape import Tape

# Of what is seen, the number of the action.
Act = Callable[["Float32Array"], int]


@dataclass(frozen=True, slots=True)
class Played:
    """One value a bar: `gains` are simple returns of equity after costs, `actions` what was done at its close.

    `cost` is what fees and slippage took of a first equity of 1, `clips` how often a limit bound.
    """

    gains: FloatArray
    actions: NDArray[np.int64]
    cost: float
    clips: int

    @property
    def total(self) -> float:
        """Final equity less what it began with, a fraction."""
        return float(np.prod(1 + self.gains)) - 1.0


def play(act: Act, tape: Tape, rules: Rules) -> Played:
    """Until the tape ends or the account is ruined."""
    from models.reinforcement.environment import Market

    market = Market(tape, replace(rules, episode=None))
    seen, _ = market.reset(options={"start": 0})
    gains, actions, cost, clips, over = [], [], 0.0, 0, False
    while not over:
        actions.append(act(seen))
        seen, _, ruined, ended, info = market.step(actions[-1])
        gains.append(info["gain"])
        cost += info["cost"]
        clips += info["clipped_by"] is not None
        over = ruined or ended
    return Played(np.array(gains), np.array(actions, dtype=np.int64), cost, clips)
