"""Causes: what starts one, how long it lives, and what ends it."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest

from core.time import DAY_NS, HOUR_NS, SECOND_NS, parse_time
from risk.breakers import Breaker, Trip
from risk.causes import Cause, Turn, standing, turn
from risk.readings import ACCOUNT
from risk.states import Standing, TradingState

NOW = parse_time("2026-03-02T12:00Z")
MIDNIGHT = parse_time("2026-03-03")


def breaker(kind: str, **fields: Any) -> Breaker:
    lasting: dict[str, dict[str, Any]] = {"latch": {}, "window": {"window": "day"}, "condition": {"quiet_s": 60}}
    usual = {"name": "b", "reads": "losing_streak", "at": 1, "state": "reducing", "kind": kind, "about": "a drill"}
    return Breaker.model_validate({**usual, **lasting[kind], **fields})


def trip(kind: str, where: str = ACCOUNT, **fields: Any) -> Trip:
    return Trip(breaker(kind, **fields), where, Decimal(2))


def after(steps: Sequence[tuple[int, Sequence[Trip]]]) -> Turn:
    """What the last of these looks changed, each at so many seconds after noon."""
    live: tuple[Cause, ...] = ()
    change = Turn((), (), (), ())
    for seconds, found in steps:
        change = turn(live, found, NOW + seconds * SECOND_NS)
        live = change.live
    return change


def names(causes: Sequence[Cause]) -> list[str]:
    return [cause.name for cause in causes]


# Latches.


def test_a_latch_trips_once_and_stays_when_its_reading_is_well() -> None:
    assert names(after([(0, [trip("latch")])]).live) == ["b"]
    assert after([(0, [trip("latch")]), (1, [trip("latch")])]).tripped == ()
    assert names(after([(0, [trip("latch")]), (DAY_NS, [])]).live) == ["b"]


# Windows.


@pytest.mark.parametrize(
    ("window", "from_", "until"),
    [
        ("day", NOW, MIDNIGHT),
        ("day", MIDNIGHT - 1, MIDNIGHT),
        ("day", MIDNIGHT, MIDNIGHT + DAY_NS),
        (3600, NOW, NOW + HOUR_NS),
    ],
)
def test_a_window_ends_when_it_says(window: Any, from_: int, until: int) -> None:
    cause = Cause.of(trip("window", window=window), from_)
    assert cause.until_ns == until
    assert not cause.is_over(until - 1)
    assert cause.is_over(until)


def test_a_window_stays_until_its_end_and_is_not_drawn_out_by_its_reading() -> None:
    hour = trip("window", window=3600)
    assert names(after([(0, [hour]), (3599, [])]).live) == ["b"]
    again = after([(0, [hour]), (1800, [hour])])
    assert (again.tripped, again.live[0].until_ns) == ((), NOW + HOUR_NS)
    assert names(after([(0, [hour]), (3600, [])]).ended) == ["b"]


def test_a_window_whose_reading_still_holds_at_its_end_trips_anew() -> None:
    hour = trip("window", window=3600)
    change = after([(0, [hour]), (3600, [hour])])
    assert (names(change.ended), change.tripped) == (["b"], (hour,))
    assert [cause.until_ns for cause in change.live] == [NOW + 2 * HOUR_NS]


# Conditions.


def test_a_condition_ends_once_it_has_been_quiet() -> None:
    assert names(after([(0, [trip("condition")]), (59, [])]).live) == ["b"]
    assert after([(0, [trip("condition")]), (60, [])]).live == ()


def test_a_condition_that_is_seen_again_is_not_new_and_its_quiet_begins_anew() -> None:
    change = after([(0, [trip("condition")]), (50, [trip("condition")])])
    assert (change.tripped, len(change.seen), change.ended) == ((), 1, ())
    assert change.live[0].until_ns == NOW + 110 * SECOND_NS
    assert change.live[0].tripped_ns == NOW


def test_a_condition_that_holds_beyond_its_quiet_period_never_ended() -> None:
    change = after([(0, [trip("condition")]), (500, [trip("condition")])])
    assert (change.tripped, len(change.seen), change.ended) == ((), 1, ())


def test_a_condition_without_a_quiet_period_ends_when_it_is_not_seen() -> None:
    assert after([(0, [trip("condition", quiet_s=0)]), (0, [])]).live == ()


# Scopes.


def test_one_breaker_is_a_cause_of_its_own_in_each_scope() -> None:
    one, other = (trip("latch", f"symbol:{coin}", reads="data_quality", scope="symbol") for coin in ("A", "B"))
    assert [cause.scope for cause in after([(0, [one]), (1, [one, other])]).live] == ["symbol:A", "symbol:B"]


def test_what_stands_is_joined_from_the_account_and_the_named_scopes() -> None:
    causes = [
        Cause.of(trip("latch", state="active", caps="0.5"), NOW),
        Cause.of(trip("latch", "symbol:A", reads="data_quality", scope="symbol"), NOW),
        Cause.of(trip("latch", "venue:paper", reads="venue_failures", scope="venue", state="halted"), NOW),
    ]
    half = Decimal("0.5")
    assert standing(causes) == Standing(TradingState.ACTIVE, half)
    assert standing(causes, symbol="B", venue="other") == Standing(TradingState.ACTIVE, half)
    assert standing(causes, symbol="A", venue="other") == Standing(TradingState.REDUCING, half)
    assert standing(causes, symbol="A", venue="paper") == Standing(TradingState.HALTED, half)


# A policy that changed meanwhile.


@pytest.mark.parametrize("stricter", [{"state": "halted"}, {"caps": "0.5"}])
def test_a_breaker_that_became_stricter_trips_beside_the_cause_it_left(stricter: dict[str, Any]) -> None:
    now_stricter = trip("latch", **stricter)
    change = after([(0, [trip("latch")]), (1, [now_stricter])])
    assert change.tripped == (now_stricter,)
    assert names(change.live) == ["b", "b"]


def test_a_breaker_that_became_looser_leaves_its_cause_as_it_was() -> None:
    change = after([(0, [trip("latch", state="halted")]), (1, [trip("latch")])])
    assert (change.tripped, change.live[0].state) == ((), TradingState.HALTED)


def test_a_breaker_that_became_a_condition_does_not_end_its_latch() -> None:
    assert names(after([(0, [trip("latch")]), (1, [trip("condition")]), (500, [])]).live) == ["b"]


def test_a_breaker_that_is_gone_leaves_its_condition_to_its_end() -> None:
    assert names(after([(0, [trip("condition")]), (30, [trip("latch", name="other")])]).live) == ["b", "other"]


def test_what_two_trip_in_one_look_is_one_cause() -> None:
    assert len(after([(0, [trip("latch"), trip("latch")])]).live) == 1
