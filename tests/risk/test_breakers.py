"""Breakers: what each reads, where it trips, and that no policy can drop or loosen what is required."""

from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from core.errors import ConfigError
from core.money import ZERO
from risk import ceilings
from risk.breakers import STANDARD, Breaker, Trip, breakers_of, check, plain_text, trips
from risk.readings import ACCOUNT, Measured, Reading, Readings, Scope
from risk.settings import RiskSettings
from risk.states import Kind, Standing, TradingState


def breaker(**fields: Any) -> Breaker:
    usual = {
        "name": "floor",
        "reads": "day_loss",
        "at": "0.05",
        "state": "halted",
        "kind": "latch",
        "missing": "ignored",
        "about": "a drill",
    }
    return Breaker.model_validate({k: v for k, v in {**usual, **fields}.items() if v is not None})


def read(value: str | None, *, scope: str = ACCOUNT, reads: str = "day_loss", samples: int = 1) -> Readings:
    return {scope: {Reading(reads): Measured(None if value is None else Decimal(value), samples)}}


def found(readings: Readings, *breakers: Breaker) -> list[tuple[str, str]]:
    return [(trip.cause, trip.scope) for trip in trips(readings, breakers)]


# Where a breaker trips.


@pytest.mark.parametrize(("value", "tripped"), [("0.0499", False), ("0.05", True), ("0.0501", True)])
def test_at_trips_exactly_at_its_limit(value: str, tripped: bool) -> None:
    assert bool(trips(read(value), [breaker()])) is tripped


@pytest.mark.parametrize(("value", "tripped"), [("0.0499", False), ("0.05", False), ("0.0501", True)])
def test_over_trips_only_beyond_its_limit(value: str, tripped: bool) -> None:
    assert bool(trips(read(value), [breaker(at=None, over="0.05")])) is tripped


@pytest.mark.parametrize("readings", [read(None), {ACCOUNT: {}}])
def test_a_missing_reading_trips_unless_it_is_ignored(readings: Readings) -> None:
    assert found(readings, breaker(missing="trips")) == [("floor", ACCOUNT)]
    assert found(readings, breaker(missing="ignored")) == []


def test_a_reading_of_too_few_samples_is_missing() -> None:
    rate = breaker(reads="venue_failure_rate", scope="venue", samples=20)
    assert found(read("0.5", scope="venue:paper", reads="venue_failure_rate", samples=19), rate) == []
    enough = read("0.5", scope="venue:paper", reads="venue_failure_rate", samples=20)
    assert found(enough, rate) == [("floor", "venue:paper")]


def test_each_symbol_trips_in_a_scope_of_its_own() -> None:
    seen = {**read("1", scope="symbol:BTC/USDT", reads="data_quality"), **read("0", scope="symbol:ETH/USDT")}
    seen["symbol:ETH/USDT"] = {Reading.DATA_QUALITY: Measured(ZERO)}
    assert found(seen, breaker(reads="data_quality", at=1, scope="symbol", missing="trips")) == [
        ("floor", "symbol:BTC/USDT")
    ]


def test_an_account_wide_breaker_of_symbols_trips_once_by_the_worst_of_them() -> None:
    seen = {f"symbol:{coin}/USDT": {Reading.DATA_QUALITY: Measured(Decimal(n))} for coin, n in (("A", 1), ("B", 2))}
    wide = breaker(reads="data_quality", at=1, missing="trips")
    assert trips(seen, [wide]) == (Trip(wide, ACCOUNT, Decimal(2)),)
    seen["symbol:C/USDT"] = {Reading.DATA_QUALITY: Measured(None)}
    assert trips(seen, [wide]) == (Trip(wide, ACCOUNT, None),)


def test_a_symbol_that_nobody_holds_trips_nothing() -> None:
    assert found(read("0"), breaker(reads="data_quality", at=1, scope="symbol", missing="trips")) == []


def test_what_is_well_everywhere_trips_nothing() -> None:
    well = {reading: Measured(ZERO) for reading in Reading}
    assert trips({ACCOUNT: well, "venue:paper": well, "symbol:BTC/USDT": well}, STANDARD) == ()


@pytest.mark.parametrize("required", STANDARD, ids=lambda b: b.name)
def test_every_standard_breaker_trips_beyond_its_limit_and_not_below_it(required: Breaker) -> None:
    scope = required.reads.scope.value if required.reads.scope is Scope.ACCOUNT else f"{required.reads.scope.value}:x"
    little = Decimal("0.000001")
    for value, tripped in ((required.limit - little, False), (required.limit + little, True)):
        seen = {scope: {required.reads: Measured(value, 50)}}
        assert bool(trips(seen, [required])) is tripped


# What a person is told.


@pytest.mark.parametrize(
    ("fields", "value", "why", "told"),
    [
        ({}, "0.0512", "", "day_loss is 5.12 %, trips at 5 %"),
        ({"at": None, "over": "0.05"}, "0.06", "", "day_loss is 6 %, trips beyond 5 %"),
        ({"reads": "clock_skew_s", "at": "2"}, "2.5", "", "clock_skew_s is 2.5 s, trips at 2 s"),
        ({"reads": "losing_streak", "at": "5"}, "10", "", "losing_streak is 10, trips at 5"),
        ({"reads": "kill", "at": "1"}, "1", "a drill (ada)", "the kill switch is pulled: a drill (ada)"),
        ({"missing": "trips"}, None, "", "day_loss cannot be measured"),
    ],
)
def test_a_trip_says_what_was_found_and_what_is_allowed(
    fields: dict[str, Any], value: str | None, why: str, told: str
) -> None:
    assert Trip(breaker(**fields), ACCOUNT, None if value is None else Decimal(value), why).detail == told


# A breaker that contradicts itself.


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"at": None}, "needs exactly one of `at` and `over`"),
        ({"over": "0.05"}, "needs exactly one of `at` and `over`"),
        ({"at": "0"}, "greater than 0"),
        ({"at": "NaN"}, "finite"),
        ({"at": "Infinity"}, "finite"),
        ({"state": "active"}, "changes nothing"),
        ({"caps": "0"}, "greater than 0"),
        ({"caps": "1.1"}, "less than or equal to 1"),
        ({"kind": "window"}, "says how long it lasts"),
        ({"window": "day"}, "says how long it lasts"),
        ({"kind": "window", "window": 0}, "it must last"),
        ({"kind": "window", "window": -5}, "it must last"),
        ({"kind": "window", "window": "week"}, "window"),
        ({"kind": "condition"}, "has a quiet period"),
        ({"quiet_s": 5}, "has a quiet period"),
        ({"kind": "condition", "quiet_s": -1}, "greater than or equal to 0"),
        ({"scope": "venue"}, "day_loss is read for: account"),
        ({"reads": "data_quality", "scope": "venue"}, "data_quality is read for: account or symbol"),
        ({"reads": "mood"}, "reads"),
        ({"state": "asleep"}, "state"),
        ({"samples": 0}, "greater than or equal to 1"),
        ({"name": "Not A Name"}, "name"),
        ({"about": ""}, "about"),
        ({"treshold": "1"}, "treshold"),
    ],
)
def test_a_breaker_that_makes_no_sense_is_refused(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Breaker.model_validate({**breaker().model_dump(), **fields})


def test_a_breaker_cannot_be_changed_once_it_is_read() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        breaker().at = Decimal(1)  # type: ignore[misc]


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"name": "x", "treshold": 1}, "unknown key breaker.0.treshold, allowed are name, reads"),
        ({"name": "x", "reads": "mood"}, "breaker.0.reads is 'mood'"),
        ({**breaker().model_dump(), "quiet_s": 4}, "breaker.0: floor is a latch: a condition, and nothing else"),
        ({**breaker().model_dump(), "at": Decimal(-1)}, "breaker.0.at is -1: input should be greater than 0"),
    ],
)
def test_a_file_with_a_wrong_breaker_is_refused_in_a_sentence(table: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=f"mine.toml: .*{said}"):
        breakers_of([table], "mine.toml")


# What every policy has.


def but(name: str, **fields: Any) -> list[Breaker]:
    """The standard policy with one breaker changed."""
    return [Breaker.model_validate({**b.model_dump(), **fields}) if b.name == name else b for b in STANDARD]


def test_the_standard_policy_is_allowed() -> None:
    check(STANDARD)
    assert RiskSettings().breakers == STANDARD


@pytest.mark.parametrize("dropped", STANDARD, ids=lambda b: b.name)
def test_no_breaker_can_be_dropped(dropped: Breaker) -> None:
    with pytest.raises(
        ValueError, match=rf"{dropped.reads.value} (at|over) .* is required, or a stricter one; there is"
    ):
        check([b for b in STANDARD if b is not dropped])


@pytest.mark.parametrize(
    ("fields", "there_is"),
    [
        ({"at": "0.06"}, r"day_halt, day_loss at 6 % sets halted \(latch\), day_red"),
        ({"at": None, "over": "0.06"}, r"day_halt, day_loss over 6 % sets halted \(latch\), day_red"),
        ({"at": "0.06", "samples": 2}, r"day_halt, day_loss at 6 % sets halted \(latch\) of 2 samples, "),
    ],
)
def test_what_there_is_instead_is_told(fields: dict[str, Any], there_is: str) -> None:
    with pytest.raises(ValueError, match=there_is):
        check(but("day_halt", **fields))


@pytest.mark.parametrize(("length", "told"), [(58, 60), (59, 60)])
def test_what_stood_in_a_file_is_cut_where_it_is_long(length: int, told: int) -> None:
    said = plain_text("x" * length)  # with its two quotes
    assert (len(said), said.endswith("...")) == (told, length > 58)


def test_a_policy_without_breakers_is_refused() -> None:
    with pytest.raises(ValueError, match=r"kill at 1 sets halted \(latch\) is required.*there is none at all"):
        check([])


LOOSER: list[tuple[str, dict[str, Any]]] = [
    ("day_halt", {"at": "0.050001"}),
    ("day_halt", {"at": None, "over": "0.05"}),
    ("day_halt", {"state": "reducing"}),
    ("day_halt", {"kind": "window", "window": "day"}),
    ("day_reducing", {"at": "0.036"}),
    ("day_reducing", {"state": "active", "caps": "0.5"}),
    ("day_reducing", {"window": 86_399}),
    ("day_reducing", {"kind": "condition", "window": None, "quiet_s": 86_400}),
    ("day_caps", {"at": "0.021"}),
    ("day_caps", {"caps": "0.51"}),
    ("equity_floor", {"over": "0.1501"}),
    ("equity_floor", {"state": "reducing"}),
    ("rolling_loss", {"at": "0.0601"}),
    ("drawdown", {"at": "0.1501"}),
    ("losing_streak", {"at": "6"}),
    ("losing_streak", {"kind": "window", "window": "day"}),
    ("kill", {"at": "2"}),
    ("kill", {"state": "reducing"}),
    ("mismatch", {"kind": "condition", "quiet_s": 86_400}),
    ("irregularity", {"at": "2"}),
    ("equity_unknown", {"state": "active", "caps": "0.1"}),
    ("venue_failures", {"at": "4"}),
    ("venue_failures", {"quiet_s": 59}),
    ("venue_failure_rate", {"at": "0.11"}),
    ("venue_failure_rate", {"samples": 51}),
    ("data_quality", {"at": "2"}),
    ("clock_skew", {"over": "2.01"}),
    ("model_drift", {"at": "2"}),
]


@pytest.mark.parametrize(("name", "fields"), LOOSER, ids=[f"{n}-{next(iter(f))}" for n, f in LOOSER])
def test_no_breaker_can_be_loosened(name: str, fields: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f"is required, or a stricter one; there is .*{name}, "):
        check(but(name, **fields))


TIGHTER: list[tuple[str, dict[str, Any]]] = [
    ("day_halt", {"at": "0.03"}),
    ("day_caps", {"caps": "0.25"}),
    ("day_caps", {"state": "reducing", "caps": "1"}),
    ("day_reducing", {"kind": "latch", "window": None}),
    ("day_reducing", {"window": 86_400}),
    ("equity_floor", {"over": None, "at": "0.15"}),
    ("equity_floor", {"over": "0.05"}),
    ("drawdown", {"state": "halted"}),
    ("losing_streak", {"at": "3"}),
    ("venue_failures", {"quiet_s": 60}),
    ("venue_failures", {"scope": "account"}),
    ("data_quality", {"state": "halted", "scope": "account"}),
    ("data_quality", {"kind": "latch", "quiet_s": None}),
    ("clock_skew", {"over": "0.5"}),
    ("clock_skew", {"over": None, "at": "2"}),
    ("venue_failure_rate", {"samples": 50}),
]


@pytest.mark.parametrize(("name", "fields"), TIGHTER, ids=[f"{n}-{next(iter(f))}" for n, f in TIGHTER])
def test_every_breaker_can_be_tightened(name: str, fields: dict[str, Any]) -> None:
    check(but(name, **fields))


def test_a_policy_may_have_breakers_of_its_own() -> None:
    check([*STANDARD, breaker(name="mine", at="0.01", state="active", caps="0.9", kind="window", window=60)])


def test_a_name_stands_for_one_breaker() -> None:
    with pytest.raises(ValueError, match="breaker kill is there twice, once is allowed"):
        check([*STANDARD, STANDARD[0]])


IGNORABLE = {b.name for b in STANDARD if b.reads in ceilings.MAY_BE_MISSING}


@pytest.mark.parametrize("name", [b.name for b in STANDARD])
def test_a_missing_reading_may_be_ignored_only_where_another_breaker_covers_it(name: str) -> None:
    if name in IGNORABLE:
        check(but(name, missing="ignored"))
        return
    with pytest.raises(ValueError, match=f"breaker {name} ignores a missing"):
        check(but(name, missing="ignored"))


def test_a_refused_policy_names_what_is_wrong_where_the_settings_are_read() -> None:
    with pytest.raises(ValidationError, match="day_loss at 5 % sets halted"):
        RiskSettings(breakers=tuple(but("day_halt", at="0.06")))


def test_another_breaker_is_another_policy() -> None:
    assert RiskSettings(breakers=tuple(but("day_halt", at="0.04"))).policy_hash != RiskSettings().policy_hash


# States.


def test_without_a_cause_the_desk_is_active_with_all_of_its_caps() -> None:
    assert Standing.joined([]) == Standing(TradingState.ACTIVE, Decimal(1))


def test_the_strictest_state_and_the_smallest_caps_decide() -> None:
    reducing, halted = Standing(TradingState.REDUCING), Standing(TradingState.HALTED)
    assert Standing.joined([reducing, Standing(caps=Decimal("0.5")), Standing(caps=Decimal("0.7"))]) == Standing(
        TradingState.REDUCING, Decimal("0.5")
    )
    assert Standing.joined([halted, reducing]) == halted


@pytest.mark.parametrize(
    ("ours", "theirs", "as_strict"),
    [
        (Standing(), Standing(), True),
        (Standing(caps=Decimal("0.5")), Standing(), True),
        (Standing(), Standing(caps=Decimal("0.5")), False),
        (Standing(TradingState.REDUCING), Standing(caps=Decimal("0.1")), True),
        (Standing(caps=Decimal("0.1")), Standing(TradingState.REDUCING), False),
        (Standing(TradingState.HALTED), Standing(TradingState.REDUCING, Decimal("0.1")), True),
    ],
)
def test_one_standing_is_as_strict_as_another_if_it_allows_no_more(
    ours: Standing, theirs: Standing, as_strict: bool
) -> None:
    assert ours.as_strict_as(theirs) is as_strict


def test_states_and_kinds_grow_stricter_in_the_order_of_their_names() -> None:
    assert [s.severity for s in (TradingState.ACTIVE, TradingState.REDUCING, TradingState.HALTED)] == [0, 1, 2]
    assert [k.endurance for k in (Kind.CONDITION, Kind.WINDOW, Kind.LATCH)] == [0, 1, 2]
