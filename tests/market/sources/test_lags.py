import pytest

from core.errors import ConfigError, DataRefused
from core.time import DAY_NS, HOUR_NS, parse_time
from market.sources.lags import lag_of, lags_of

GOOD = '[a]\nperiod = "1d"\nlag = "2h"\nwhy = "w"\nsource = "s"\n'


def test_without_a_documented_lag_a_series_is_refused() -> None:
    with pytest.raises(DataRefused, match=r"tea_leaves has no documented publication lag.*fear_greed"):
        lag_of("tea_leaves")


def test_a_daily_value_is_about_the_end_of_its_day_and_known_a_lag_later() -> None:
    day = parse_time("2024-03-05")
    lag = lags_of(GOOD, "test")["a"]
    assert lag.event_ns(day) == day + DAY_NS
    assert lag.known_at_ns(day) == day + DAY_NS + 2 * HOUR_NS


@pytest.mark.parametrize(
    "name", ["fear_greed", "coinmetrics", "blockchain_com", "fomc_statement", "fomc_minutes", "newsapi", "google_news"]
)
def test_every_archive_has_a_lag_with_its_reason_and_source(name: str) -> None:
    lag = lag_of(name)
    assert lag.lag_ns > 0
    assert lag.why.endswith(".")
    assert lag.source


def test_the_statement_of_a_sunday_evening_is_not_known_before_it_was_made() -> None:
    assert lag_of("fomc_statement").known_at_ns(parse_time("2020-03-15")) > parse_time("2020-03-15T21:00Z")


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        ('why = "w"\n', ""),
        ('source = "s"', 'source = ""'),
        ('"2h"', '"soon"'),
        ('"2h"', "2"),
        ('"2h"', '"900d"'),
        ("why", "reason"),
    ],
)
def test_a_line_that_is_not_whole_refuses_the_table(was: str, becomes: str) -> None:
    with pytest.raises(ConfigError):
        lags_of(GOOD.replace(was, becomes), "test")
