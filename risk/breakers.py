"""Causes that close a desk for new risk. Each reads the account, trips, and says what tripped it.

Latches stay until a person re-arms them; a condition ends by itself when its reading is well again.
"""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from risk.settings import RiskSettings
from risk.states import TradingState


class Cause(StrEnum):
    EQUITY_FLOOR = "equity_floor"
    LOSING_STREAK = "losing_streak"
    KILL = "kill"
    EQUITY_UNKNOWN = "equity_unknown"


@dataclass(frozen=True, slots=True)
class Readings:
    """What the watch measured: equity net of transfers in the numeraire, None where a held asset has no price.

    `losing_streak` counts round trips closed at a loss net of costs since the streak was last re-armed.
    """

    equity: Decimal | None
    start_equity: Decimal
    losing_streak: int
    kill_file: bool


@dataclass(frozen=True, slots=True)
class Trip:
    """A cause that holds now. A latch outlives it."""

    cause: Cause
    state: TradingState
    latches: bool
    detail: str


def trips(readings: Readings, policy: RiskSettings) -> tuple[Trip, ...]:
    """Every cause that holds for these readings.

    Missing equity is a condition that allows only reducing: losses that cannot be seen must not grow.
    """
    found: list[Trip] = []
    if readings.kill_file:
        found.append(Trip(Cause.KILL, TradingState.HALTED, True, "the kill file is present"))
    if readings.equity is None:
        found.append(
            Trip(Cause.EQUITY_UNKNOWN, TradingState.REDUCING, False, "equity is unknown: a held asset has no price")
        )
    elif readings.equity < policy.min_equity_fraction * readings.start_equity:
        floor = policy.min_equity_fraction * readings.start_equity
        found.append(
            Trip(Cause.EQUITY_FLOOR, TradingState.HALTED, True, f"equity {readings.equity:.2f} is below {floor:.2f}")
        )
    if readings.losing_streak >= policy.max_losing_streak:
        detail = f"{readings.losing_streak} losing round trips in a row, {policy.max_losing_streak} allowed"
        found.append(Trip(Cause.LOSING_STREAK, TradingState.REDUCING, True, detail))
    return tuple(found)
