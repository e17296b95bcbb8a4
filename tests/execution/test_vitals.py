"""Vital signs: what counts as a failed call, for how long, and how late the loop runs."""

import asyncio
import time
from contextlib import suppress
from decimal import Decimal

import pytest

from core.errors import ExchangeRejected, ExchangeUnavailable, OrderStateUnknown
from core.time import SECOND_NS, ManualClock, parse_time
from execution.vitals import VenueStatus, Vitals
from risk.readings import Measured, Reading

NOW = parse_time("2026-03-02T12:00Z")


def calls(vitals: Vitals, *endings: Exception | None) -> None:
    for ending in endings:
        with suppress(Exception), vitals.call():
            if ending is not None:
                raise ending


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


@pytest.fixture
def vitals(clock: ManualClock) -> Vitals:
    return Vitals(clock, simulated=True)


def failures(vitals: Vitals) -> Decimal | None:
    return vitals.readings()[Reading.VENUE_FAILURES].value


def rate(vitals: Vitals) -> Measured:
    return vitals.readings()[Reading.VENUE_FAILURE_RATE]


def test_without_a_call_nothing_failed_and_there_is_no_rate(vitals: Vitals) -> None:
    assert failures(vitals) == 0
    assert rate(vitals) == Measured(None, 0)


@pytest.mark.parametrize(
    ("ending", "failed"),
    [
        (None, 0),
        (ExchangeRejected("too small"), 0),
        (ExchangeUnavailable("503"), 1),
        (OrderStateUnknown("timed out"), 1),
        (TimeoutError(), 1),
        (ValueError("a bug in an adapter"), 1),
    ],
)
def test_a_refusal_is_an_answer_and_all_else_that_raises_a_failure(
    vitals: Vitals, ending: Exception | None, failed: int
) -> None:
    calls(vitals, ending)
    assert failures(vitals) == failed
    assert rate(vitals) == Measured(Decimal(failed), 1)


async def test_a_call_that_was_given_up_says_nothing_of_the_venue(vitals: Vitals) -> None:
    with pytest.raises(asyncio.CancelledError), vitals.call():
        raise asyncio.CancelledError
    assert rate(vitals) == Measured(None, 0)


def test_failures_count_for_less_than_a_minute(vitals: Vitals, clock: ManualClock) -> None:
    calls(vitals, TimeoutError())
    clock.advance_to(NOW + 60 * SECOND_NS - 1)
    assert failures(vitals) == 1
    clock.advance_to(NOW + 60 * SECOND_NS)
    assert failures(vitals) == 0


def test_an_error_passes_through_to_whoever_called(vitals: Vitals) -> None:
    with pytest.raises(TimeoutError, match="late"), vitals.call():
        raise TimeoutError("late")


def test_the_rate_is_of_the_last_fifty_calls(vitals: Vitals) -> None:
    calls(vitals, *[TimeoutError()] * 5, *[None] * 45)
    assert rate(vitals) == Measured(Decimal("0.1"), 50)
    calls(vitals, None)
    assert rate(vitals) == Measured(Decimal("0.08"), 50)


def test_on_a_simulated_venue_the_clocks_are_one_and_nothing_lags(vitals: Vitals) -> None:
    assert vitals.skew_s == vitals.loop_lag_s() == 0


def test_a_real_venue_has_no_skew_and_no_lag_before_they_are_measured(clock: ManualClock) -> None:
    vitals = Vitals(clock, simulated=False)
    assert (vitals.skew_s, vitals.loop_lag_s()) == (None, None)


@pytest.mark.parametrize("ahead_ns", [2_500_000_000, -2_500_000_000])
def test_the_skew_is_how_far_the_clocks_differ_either_way(vitals: Vitals, ahead_ns: int) -> None:
    vitals.hears_time(NOW + ahead_ns)
    assert vitals.skew_s == Decimal("2.5")


def test_what_the_venue_says_of_itself_is_kept(vitals: Vitals) -> None:
    assert (vitals.status(), vitals.restricted()) == (0, False)
    vitals.hears_status(VenueStatus.CLOSED, restricted=True)
    assert (vitals.status(), vitals.restricted()) == (2, True)


async def test_a_loop_that_is_held_up_is_late(clock: ManualClock) -> None:
    vitals = Vitals(clock, simulated=False)
    beating = asyncio.create_task(vitals.beat(0.01))
    await asyncio.sleep(0.03)
    calm = vitals.loop_lag_s()
    time.sleep(0.25)
    await asyncio.sleep(0.03)
    beating.cancel()
    held_up = vitals.loop_lag_s()
    assert calm is not None
    assert held_up is not None
    assert held_up >= Decimal("0.2")
    assert held_up > calm >= 0
