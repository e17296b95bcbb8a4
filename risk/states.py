"""The three states of a desk. None of them stops an exit."""

from collections.abc import Iterable
from enum import StrEnum


class TradingState(StrEnum):
    ACTIVE = "active"
    REDUCING = "reducing"  # entries denied, everything that reduces passes
    HALTED = "halted"  # as reducing; resting entries are cancelled and cycles stop

    @property
    def severity(self) -> int:
        return ("active", "reducing", "halted").index(self.value)


def strictest(states: Iterable[TradingState]) -> TradingState:
    """The state of a scope is its strictest live cause."""
    return max(states, key=lambda state: state.severity, default=TradingState.ACTIVE)
