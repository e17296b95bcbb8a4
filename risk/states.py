"""The three states of a desk, and what is allowed in one scope. None of them stops an exit."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Self

from core.money import ONE


class TradingState(StrEnum):
    ACTIVE = "active"
    REDUCING = "reducing"  # entries denied, everything that reduces passes
    HALTED = "halted"  # as reducing; resting entries are cancelled and cycles stop

    @property
    def severity(self) -> int:
        return ("active", "reducing", "halted").index(self.value)


class Kind(StrEnum):
    """How long a cause lasts."""

    LATCH = "latch"  # until a person re-arms it
    WINDOW = "window"  # until its end, whatever the reading does meanwhile
    CONDITION = "condition"  # until the reading has been well for its quiet period

    @property
    def endurance(self) -> int:
        return ("condition", "window", "latch").index(self.value)


def strictest(states: Iterable[TradingState]) -> TradingState:
    """The state of a scope is its strictest live cause."""
    return max(states, key=lambda state: state.severity, default=TradingState.ACTIVE)


@dataclass(frozen=True, slots=True)
class Standing:
    """What is allowed in a scope: its state, and the fraction of the caps that is left (1 is all of them)."""

    state: TradingState = TradingState.ACTIVE
    caps: Decimal = ONE

    def as_strict_as(self, other: Self) -> bool:
        """Whether this allows no more. Caps matter only between equal states: a closed desk has no use for them."""
        if self.state is not other.state:
            return self.state.severity > other.state.severity
        return self.caps <= other.caps

    @classmethod
    def joined(cls, standings: Iterable[Self]) -> Self:
        """The strictest state and the smallest fraction of the caps, each from whichever cause it comes."""
        held = tuple(standings)
        return cls(strictest(s.state for s in held), min((s.caps for s in held), default=ONE))
