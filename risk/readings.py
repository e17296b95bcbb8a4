"""What breakers read: one number each, of the account, of a venue or of a symbol."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Final, NamedTuple


class Scope(StrEnum):
    """How far a cause reaches."""

    ACCOUNT = "account"
    VENUE = "venue"
    SYMBOL = "symbol"

    def named(self, name: str) -> str:
        """The scope of one venue or symbol: 'venue:paper', 'symbol:BTC/USDT'."""
        return f"{self.value}:{name}"


ACCOUNT: Final = Scope.ACCOUNT.value


class Reading(StrEnum):
    DAY_LOSS = "day_loss"
    LOSS_24H = "loss_24h"
    START_LOSS = "start_loss"
    DRAWDOWN = "drawdown"
    LOSING_STREAK = "losing_streak"
    KILL = "kill"
    EQUITY_UNKNOWN = "equity_unknown"
    VENUE_FAILURES = "venue_failures"
    VENUE_FAILURE_RATE = "venue_failure_rate"
    DATA_QUALITY = "data_quality"
    MISMATCHES = "mismatches"
    IRREGULARITIES = "irregularities"
    CLOCK_SKEW_S = "clock_skew_s"
    MODEL_DRIFT = "model_drift"

    @property
    def scope(self) -> Scope:
        return _MEASURES[self].scope

    @property
    def unit(self) -> str:
        return _MEASURES[self].unit

    @property
    def about(self) -> str:
        return _MEASURES[self].about


# Equity is marked to the last trade, with fees and funding paid and received, and net of transfers.
EQUITY_READINGS: Final = frozenset({Reading.DAY_LOSS, Reading.LOSS_24H, Reading.START_LOSS, Reading.DRAWDOWN})


class _Measure(NamedTuple):
    scope: Scope
    unit: str
    about: str


_MEASURES: Final = {
    Reading.DAY_LOSS: _Measure(Scope.ACCOUNT, "fraction", "equity lost since 00:00 UTC, of the equity then"),
    Reading.LOSS_24H: _Measure(Scope.ACCOUNT, "fraction", "equity lost in the last 24 hours, of the equity then"),
    Reading.START_LOSS: _Measure(Scope.ACCOUNT, "fraction", "equity lost since the start, of the start equity"),
    Reading.DRAWDOWN: _Measure(Scope.ACCOUNT, "fraction", "equity below its peak, of the peak"),
    Reading.LOSING_STREAK: _Measure(Scope.ACCOUNT, "trips", "round trips closed at a loss in a row, net of costs"),
    Reading.KILL: _Measure(Scope.ACCOUNT, "yes", "the kill switch is pulled"),
    Reading.EQUITY_UNKNOWN: _Measure(Scope.ACCOUNT, "yes", "a held asset has no price"),
    Reading.VENUE_FAILURES: _Measure(Scope.VENUE, "calls", "calls of the last 60 s that failed or timed out"),
    Reading.VENUE_FAILURE_RATE: _Measure(Scope.VENUE, "fraction", "failed part of the last 50 calls"),
    Reading.DATA_QUALITY: _Measure(
        Scope.SYMBOL, "faults", "of a held or working symbol's quote: missing, crossed, one-sided or overdue"
    ),
    Reading.MISMATCHES: _Measure(Scope.ACCOUNT, "found", "open contradictions between our books and the venue"),
    Reading.IRREGULARITIES: _Measure(
        Scope.ACCOUNT, "found", "orders that filled late or too far, or otherwise did what no order should"
    ),
    Reading.CLOCK_SKEW_S: _Measure(Scope.ACCOUNT, "s", "our clock against the venue's"),
    Reading.MODEL_DRIFT: _Measure(Scope.ACCOUNT, "found", "models whose inputs or errors have left what they learned"),
}


@dataclass(frozen=True, slots=True)
class Measured:
    """One reading. `value` None could not be measured; `samples` is what it rests on, where that can be too little."""

    value: Decimal | None
    samples: int = 1


# By scope ('account', 'venue:paper', 'symbol:BTC/USDT'), then by reading.
Readings = Mapping[str, Mapping[Reading, Measured]]
