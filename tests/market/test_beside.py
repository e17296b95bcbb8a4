"""Numbers beside bars: what was known by each close, and nothing that became known later."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from core.bars import Bars
from core.money import Price
from core.taint import Taint
from core.time import DAY_NS, HOUR_NS, MINUTE_NS, Timeframe
from market.beside import HABITS, Beside, Said, Steps, stored
from market.sources.items import WHOLE_MARKET, Reading
from market.store.manifest import Origin
from market.store.series import SeriesKey
from market.store.store import MarketStore
from market.store.trades import Imbalance, Ticker

START_NS = 472_000 * HOUR_NS
ORIGIN = Origin("test", START_NS)
MOOD = SeriesKey("fear_greed", WHOLE_MARKET, "mood")


def hours(n: int, symbol: str = "BTC/USDT") -> Bars:
    ones = np.ones(n)
    return Bars(symbol, Timeframe.H1, START_NS + HOUR_NS * np.arange(n, dtype=np.int64), ones, ones, ones, ones, ones)


def mood(event_h: float, known_h: float, value: int, **changes: object) -> Reading:
    times = (START_NS + int(hour * HOUR_NS) for hour in (event_h, known_h))
    return Reading("fear_greed", WHOLE_MARKET, "mood", *times, Decimal(value), "index", **changes)  # type: ignore[arg-type]


@pytest.fixture
def store(tmp_path: Path) -> MarketStore:
    return MarketStore(tmp_path)


def seen(store: MarketStore, n: int = 8) -> list[float | None]:
    found = Beside(store, {"fear_greed": MOOD})(hours(n))["fear_greed"]
    return [None if np.isnan(one) else one for one in found.tolist()]


def test_a_value_is_there_from_the_close_by_which_it_was_known(store: MarketStore) -> None:
    """Bar i closes at hour i + 1: what is known at hour 3 to the nanosecond is beside bar 2."""
    store.series.append([mood(0, 3, 40)], ORIGIN)
    assert seen(store, 4) == [None, None, 40, 40]


def test_a_correction_changes_nothing_before_it_was_known(store: MarketStore) -> None:
    store.series.append([mood(0, 1, 40)], ORIGIN)
    before = seen(store, 4)
    store.series.append([mood(0, 5, 90)], ORIGIN)
    assert seen(store, 4) == before == [40, 40, 40, 40]
    assert seen(store, 6) == [40, 40, 40, 40, 90, 90]


def test_what_becomes_known_later_is_never_looked_at(store: MarketStore) -> None:
    store.series.append([mood(h, h + 2, 50 + h) for h in range(8)], ORIGIN)
    whole = seen(store)
    for n in range(1, 8):
        assert seen(store, n) == whole[:n]
    assert whole == [None, 50, 51, 52, 53, 54, 55, 56]


def test_late_news_of_an_older_event_does_not_replace_the_newer(store: MarketStore) -> None:
    store.series.append([mood(2, 3, 70), mood(1, 5, 20)], ORIGIN)
    assert seen(store, 6) == [None, None, 70, 70, 70, 70]


def test_what_was_taken_back_uncovers_what_was_before_it(store: MarketStore) -> None:
    store.series.append([mood(0, 1, 40), mood(2, 2, 70), mood(2, 4, 70, retracted=True)], ORIGIN)
    assert seen(store, 5) == [40, 70, 70, 40, 40]


def test_what_its_source_no_longer_says_is_unknown(store: MarketStore) -> None:
    store.series.append([mood(0, 0, 40)], ORIGIN)
    days = HABITS["fear_greed"].holds_ns // HOUR_NS
    found = seen(store, days + 3)
    assert found == [40] * days + [None] * 3


def test_how_much_is_read_before_the_bars_changes_nothing(store: MarketStore) -> None:
    store.series.append([mood(h, h + 1, 50 + h % 7) for h in range(0, 3000, 5)], ORIGIN)
    bars = hours(3000)
    whole = Beside(store, {"fear_greed": MOOD})(bars)["fear_greed"]
    asked = Beside(store, {"fear_greed": MOOD})
    for first in (2900, 400, 1500):
        part = Bars(bars.symbol, bars.timeframe, *(getattr(bars, c)[first : first + 40] for c in Bars.__slots__[2:]))
        assert np.array_equal(asked(part)["fear_greed"], whole[first : first + 40], equal_nan=True)


def test_hostile_numbers_are_none(store: MarketStore) -> None:
    store.series.append([mood(0, 1, 40), mood(1, 2, 99, taint=Taint.HOSTILE)], ORIGIN)
    assert seen(store, 3) == [40, 40, 40]


def test_a_spread_is_that_of_the_last_ticker_while_it_is_fresh(store: MarketStore) -> None:
    at = START_NS + HOUR_NS - MINUTE_NS
    quoted = Ticker(at, at, Price(Decimal("99.95")), Price(Decimal("100.05")), None)
    half = Ticker(at + 1, at + 1, None, Price(Decimal(100)), None)
    store.tickers.append("binance", "BTC/USDT", [quoted, half], ORIGIN)
    (key,) = stored(store, "BTC/USDT")["spread_bps"]
    found = Beside(store, {"spread_bps": key})(hours(2))["spread_bps"]
    assert found[0] == pytest.approx(10.0)
    assert np.isnan(found[1])
    assert not stored(store, "ETH/USDT")


def test_an_imbalance_is_that_of_the_recorded_book_before_a_series_of_the_same_name(store: MarketStore) -> None:
    at = START_NS + HOUR_NS - MINUTE_NS
    own = Reading("imbalance", "BTC/USDT", "elsewhere", at, at, Decimal("0.9"), "fraction")
    store.series.append([own, replace(own, source="binance")], ORIGIN)
    store.imbalances.append("binance", "BTC/USDT", [Imbalance(at, at + MINUTE_NS, Decimal("0.25"))], ORIGIN)
    recorded, other = stored(store, "BTC/USDT")["imbalance"]
    assert (recorded.source, other.source) == ("binance", "elsewhere")
    assert Beside(store, {"imbalance": recorded})(hours(1))["imbalance"].tolist() == [0.25]
    assert Beside(store, {"imbalance": other})(hours(1))["imbalance"].tolist() == [0.9]
    late = Imbalance(at + 1, at + MINUTE_NS + 1, Decimal("0.5"))
    store.imbalances.append("binance", "BTC/USDT", [late], ORIGIN)
    assert Beside(store, {"imbalance": recorded})(hours(1))["imbalance"].tolist() == [0.25]


def test_a_spot_pair_reads_what_its_perpetual_pays(store: MarketStore) -> None:
    paid = Reading("funding_rate", "BTC/USDT:USDT", "binance", START_NS, START_NS, Decimal("0.0001"), "fraction")
    share = Reading("dominance", "BTC", "coingecko", START_NS, START_NS, Decimal("0.5"), "fraction")
    store.series.append([paid, share], ORIGIN)
    assert set(stored(store, "BTC/USDT")) == {"funding_rate", "dominance"}
    assert set(stored(store, "BTC/USDT:USDT")) == {"funding_rate", "dominance"}
    assert set(stored(store, "ETH/USDT")) == set()


def test_steps_say_what_stood_when() -> None:
    steps = Steps.of([Said(5, 1, 1.0), Said(3, 2, 2.0), Said(7, 2, None), Said(9, 1, None)])
    moments = np.arange(2, 11)
    told = steps.at(moments, DAY_NS)
    assert [None if np.isnan(one) else one for one in told.tolist()] == [None, 2, 2, 2, 2, 1, 1, None, None]
    assert np.isnan(Steps.of([]).at(moments, DAY_NS)).all()
