"""Breakers: what they read, what trips them, and which of them stay."""

from decimal import Decimal
from typing import Any

import pytest

from risk.breakers import Cause, Readings, Trip, trips
from risk.settings import RiskSettings
from risk.states import TradingState, strictest

POLICY = RiskSettings(min_equity_fraction=Decimal("0.85"), max_losing_streak=5)


def tripped(
    *, equity: str | None = "10000", start: str = "10000", streak: int = 0, kill: bool = False
) -> tuple[Trip, ...]:
    return trips(Readings(None if equity is None else Decimal(equity), Decimal(start), streak, kill), POLICY)


def causes(**readings: Any) -> list[Cause]:
    return [trip.cause for trip in tripped(**readings)]


def test_a_healthy_account_trips_nothing() -> None:
    assert tripped() == ()


def test_equity_exactly_at_the_floor_trips_nothing() -> None:
    assert causes(equity="8500") == []


def test_equity_a_cent_below_the_floor_halts_and_stays() -> None:
    (trip,) = tripped(equity="8499.99")
    assert (trip.cause, trip.state, trip.latches) == (Cause.EQUITY_FLOOR, TradingState.HALTED, True)


def test_equity_that_is_gone_halts() -> None:
    assert causes(equity="-1") == [Cause.EQUITY_FLOOR]


def test_equity_that_cannot_be_measured_allows_only_reducing_until_it_can() -> None:
    (trip,) = tripped(equity=None)
    assert (trip.cause, trip.state, trip.latches) == (Cause.EQUITY_UNKNOWN, TradingState.REDUCING, False)


def test_four_losses_in_a_row_trip_nothing() -> None:
    assert causes(streak=4) == []


@pytest.mark.parametrize("streak", [5, 6])
def test_five_losses_in_a_row_allow_only_reducing_and_stay(streak: int) -> None:
    (trip,) = tripped(streak=streak)
    assert (trip.cause, trip.state, trip.latches) == (Cause.LOSING_STREAK, TradingState.REDUCING, True)


def test_the_kill_file_halts_and_stays() -> None:
    (trip,) = tripped(kill=True)
    assert (trip.cause, trip.state, trip.latches) == (Cause.KILL, TradingState.HALTED, True)


def test_every_cause_that_holds_is_named() -> None:
    assert causes(equity="1", streak=5, kill=True) == [Cause.KILL, Cause.EQUITY_FLOOR, Cause.LOSING_STREAK]


def test_a_cause_says_what_was_found_and_what_is_allowed() -> None:
    assert [t.detail for t in tripped(equity="8000", streak=5)] == [
        "equity 8000.00 is below 8500.00",
        "5 losing round trips in a row, 5 allowed",
    ]


# States.


def test_without_a_cause_the_desk_is_active() -> None:
    assert strictest([]) is TradingState.ACTIVE


def test_the_strictest_cause_decides() -> None:
    assert strictest([TradingState.REDUCING, TradingState.ACTIVE]) is TradingState.REDUCING
    assert strictest([TradingState.REDUCING, TradingState.HALTED]) is TradingState.HALTED


def test_states_grow_stricter_in_the_order_of_their_names() -> None:
    assert [s.severity for s in (TradingState.ACTIVE, TradingState.REDUCING, TradingState.HALTED)] == [0, 1, 2]
