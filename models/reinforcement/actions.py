"""What a policy may do at the close of a bar: add to, reduce or close a side, or hold."""

from __future__ import annotations

from enum import IntEnum
from typing import Final


class Action(IntEnum):
    """Its number is the action's in the environment. To reduce or close a side that is not held does nothing.

    To add to one side while the other is held reduces that; what `models.reinforcement.limits` lets through of it.
    """

    HOLD = 0
    ADD_LONG = 1
    REDUCE_LONG = 2
    CLOSE_LONG = 3
    ADD_SHORT = 4
    REDUCE_SHORT = 5
    CLOSE_SHORT = 6


_ADDS: Final = {Action.ADD_LONG: 1, Action.ADD_SHORT: -1}
_REDUCES: Final = {Action.REDUCE_LONG: 1, Action.REDUCE_SHORT: -1}
_CLOSES: Final = {Action.CLOSE_LONG: 1, Action.CLOSE_SHORT: -1}


def asked_of(action: Action, position: float, step: float) -> float:
    """The change of position that an action asks for, in base units, below 0 for a sale.

    `position` is what is held, below 0 where short; `step` > 0 is what is added or taken off at once.
    """
    if action in _ADDS:
        return _ADDS[action] * step
    side = (_REDUCES | _CLOSES).get(action, 0)
    if side * position <= 0:
        return 0.0
    return -position if action in _CLOSES or abs(position) <= step else -side * step
