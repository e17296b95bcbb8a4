"""What each feature says, by hand where that is short and beside pandas otherwise."""

import numpy as np
import pandas as pd
import pytest

from bench.by_pandas import WRITTEN, table_of
from core.bars import Bars
from core.time import DAY_NS, Timeframe, parse_time
from models.features import CATALOGUE, SETS, Inputs, frame
from models.features.profile import profile_distance
from tests.models.features.builders import market, real_inputs

BARS = SETS["bars"]


def value(inputs: Inputs, name: str) -> float:
    """Of the last bar."""
    return float(frame(inputs, [name]).values[-1, 0])


@pytest.fixture(scope="module")
def real() -> Inputs:
    """The crash of March 2020, in which every hour traded and moved."""
    return real_inputs(22_000, 1_500)


def test_every_feature_of_the_bars_has_a_reference() -> None:
    assert WRITTEN.keys() == set(BARS)


@pytest.mark.parametrize("name", BARS)
def test_a_feature_is_what_pandas_makes_of_the_same_bars(name: str, real: Inputs) -> None:
    expected = WRITTEN[name].measure(table_of(real.bars)).to_numpy()
    made = frame(real, [name]).values[:, 0]
    known = np.isfinite(made)
    assert known.sum() == len(made) - CATALOGUE[name].lookback
    np.testing.assert_allclose(made[known], expected[known], rtol=1e-5, atol=2e-5 * np.nanstd(expected))


def by_pandas(inputs: Inputs) -> dict[str, "pd.Series[float]"]:
    """The features of the series from elsewhere."""
    s = {name: pd.Series(values) for name, values in inputs.series.items()}

    def zscore(name: str) -> "pd.Series[float]":
        return (s[name] - s[name].rolling(100).mean()) / s[name].rolling(100).std(ddof=0)

    return {
        "spread_bps": s["spread_bps"],
        "spread_bps_zscore_100": zscore("spread_bps"),
        "imbalance": s["imbalance"],
        "funding_rate": s["funding_rate"],
        "funding_rate_zscore_100": zscore("funding_rate"),
        "open_interest_log_change_1": np.log(s["open_interest"]).diff(1),
        "open_interest_log_change_24": np.log(s["open_interest"]).diff(24),
        "open_interest_zscore_100": zscore("open_interest"),
        "exchange_net_inflow_zscore_100": zscore("exchange_net_inflow"),
        "dominance_change_24": s["dominance"].diff(24),
        "dominance_zscore_100": zscore("dominance"),
        "fear_greed": (s["fear_greed"] - 50) / 50,
        "fear_greed_change_24": s["fear_greed"].diff(24),
        "sentiment": s["sentiment"],
        "sentiment_change_24": s["sentiment"].diff(24),
    }


def test_the_features_of_a_series_are_what_pandas_makes_of_it() -> None:
    inputs = market(600)
    expected = by_pandas(inputs)
    assert expected.keys() == set(SETS["all"]) - set(BARS)
    made = frame(inputs, list(expected))
    for column, name in enumerate(made.names):
        np.testing.assert_allclose(made.values[:, column], expected[name], rtol=1e-5, atol=1e-6, err_msg=name)


def small(close: list[float], volume: list[float], *, open_ns: int = 0, timeframe: Timeframe = Timeframe.H1) -> Inputs:
    prices = np.array(close)
    stamps = open_ns + timeframe.ns * np.arange(len(close), dtype=np.int64)
    return Inputs(Bars("BTC/USDT", timeframe, stamps, prices, prices, prices, prices, np.array(volume)))


def test_all_volume_behind_rises_is_a_share_of_one_and_half_of_it_nothing() -> None:
    rising = [100.0 + n for n in range(11)]
    assert value(small(rising, [3.0] * 11), "obv_10") == pytest.approx(1.0)
    assert value(small([100.0, 101.0] * 5 + [100.0], [3.0] * 11), "obv_10") == pytest.approx(0.0)


def test_a_price_that_climbs_on_falling_bars_of_volume_diverges() -> None:
    # Two steps up, each with little behind it, and one down, with much.
    moves = [2.0, 2.0, -1.0] * 7
    close = [100.0, *np.cumsum(moves) + 100.0]
    volume = [1.0, *(1.0 if move > 0 else 5.0 for move in moves)]
    assert value(small(close, volume), "price_volume_divergence_20") > 2
    steady = [100.0 + n for n in range(21)]
    assert value(small(steady, [4.0] * 21), "price_volume_divergence_20") == pytest.approx(0.0, abs=1e-6)


def test_the_point_of_control_is_where_most_was_traded() -> None:
    close = np.array([100.0] * 20 + [110.0] * 27 + [121.0])
    volume = np.array([10.0] * 20 + [1.0] * 27 + [1.0])
    width = np.log(1.21) / 24
    distance = profile_distance(close, close, close, volume)
    assert np.isnan(distance[:47]).all()
    assert distance[47] == pytest.approx(np.log(1.21) - width / 2)
    # One more unit at 110 than at 100, in the bin that holds ln(110): 11.5 widths above the lowest.
    volume[30] += 174.0
    assert profile_distance(close, close, close, volume)[47] == pytest.approx(np.log(1.21) - 12.5 * width)


def test_a_profile_of_one_price_is_that_price_and_one_without_volume_is_unknown() -> None:
    close = np.full(48, 0.1)
    assert profile_distance(close, close, close, np.ones(48))[47] == pytest.approx(0.0, abs=1e-12)
    assert np.isnan(profile_distance(close, close, close, np.zeros(48))[47])


@pytest.mark.parametrize(
    ("closes_at", "hour", "weekday"),
    [("2021-05-17T00:00Z", 0, 0), ("2021-05-19T06:00Z", 6, 2.25), ("2021-05-23T18:00Z", 18, 6.75)],
)
def test_the_calendar_is_that_of_the_close_with_weeks_from_monday(closes_at: str, hour: int, weekday: float) -> None:
    inputs = small([100.0], [1.0], open_ns=parse_time(closes_at) - Timeframe.H1.ns)
    names = ("day_sine", "day_cosine", "week_sine", "week_cosine")
    day, week = 2 * np.pi * hour / 24, 2 * np.pi * weekday / 7
    expected = [np.sin(day), np.cos(day), np.sin(week), np.cos(week)]
    np.testing.assert_allclose(frame(inputs, names).values[0], expected, atol=1e-6)
    assert DAY_NS % inputs.bars.timeframe.ns == 0
