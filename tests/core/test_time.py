"""Times are whole nanoseconds UTC; what is not a time or a duration is refused by name."""

import pytest

from core.errors import ConfigError
from core.time import HOUR_NS, MINUTE_NS, ManualClock, Timeframe, duration_ns, parse_time, show_time, timeframe_of

MAY_19 = 1_621_429_200_000_000_000


@pytest.mark.parametrize("text", ["", "yesterday", "2021-13-01", "2021-02-30", "2021-05-19T25:00", "1621429200"])
def test_what_is_not_a_time_is_refused_by_name(text: str) -> None:
    with pytest.raises(ConfigError, match="expected a time such as"):
        parse_time(text)


@pytest.mark.parametrize(
    "text",
    ["2021-05-19T13:00Z", "2021-05-19T13:00", "2021-05-19 13:00:00", "2021-05-19T15:00+02:00", " 2021-05-19T13 "],
)
def test_one_moment_may_be_written_in_many_ways(text: str) -> None:
    assert parse_time(text) == MAY_19


def test_a_date_is_its_midnight() -> None:
    assert parse_time("2021-05-19") == MAY_19 - 13 * HOUR_NS


def test_a_microsecond_is_not_lost() -> None:
    assert parse_time("2021-05-19T13:00:00.000001Z") == MAY_19 + 1_000


def test_a_time_before_1970_is_negative() -> None:
    assert parse_time("1969-12-31T23:59:59Z") == -1_000_000_000


def test_what_is_shown_can_be_read_again() -> None:
    assert show_time(MAY_19) == "2021-05-19 13:00:00Z"
    assert parse_time(show_time(MAY_19 + 250_000_000)) == MAY_19 + 250_000_000


@pytest.mark.parametrize("text", ["", "0h", "h", "4", "4 h", "-1h", "1w", "1.5h"])
def test_what_is_not_a_duration_is_refused_by_name(text: str) -> None:
    with pytest.raises(ConfigError, match="expected a duration such as"):
        duration_ns(text)


@pytest.mark.parametrize(("text", "ns"), [("90s", 90 * 10**9), ("15m", 15 * MINUTE_NS), ("4h", 4 * HOUR_NS)])
def test_durations_are_nanoseconds(text: str, ns: int) -> None:
    assert duration_ns(text) == ns


def test_a_year_of_hours_has_no_closing_bell() -> None:
    assert Timeframe.H1.bars_per_year == 8_760
    assert Timeframe.D1.bars_per_year == 365


@pytest.mark.parametrize("timeframe", Timeframe)
def test_a_timeframe_is_found_by_its_step(timeframe: Timeframe) -> None:
    assert timeframe_of(timeframe.ns) is timeframe


def test_an_odd_step_is_no_timeframe() -> None:
    assert timeframe_of(7 * MINUTE_NS) is None


def test_a_clock_may_stand_still() -> None:
    clock = ManualClock(MAY_19)
    clock.advance_to(MAY_19)
    assert clock.now_ns() == MAY_19


def test_a_clock_never_goes_back() -> None:
    with pytest.raises(ValueError, match="time runs forward"):
        ManualClock(MAY_19).advance_to(MAY_19 - 1)
