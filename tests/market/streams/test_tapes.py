from decimal import Decimal
from typing import Any

import pytest

from core.orders import Side
from core.time import MINUTE_NS, Timeframe
from market.streams.events import Candle, Ticker, Trade
from market.streams.health import StreamCounts
from market.streams.tapes import GRACE_NS, CandleTape, TickerBoard, TradeTape, positive
from tests.market.orderbooks.venues import NOW_NS, T0_MS


def trade(number: int | str, price: Any = "100.10", **keys: Any) -> dict[str, Any]:
    return {"id": str(number), "timestamp": T0_MS, "side": "buy", "price": price, "amount": "0.5", **keys}


def tape(*, consecutive: bool = False) -> tuple[TradeTape, StreamCounts, list[Trade]]:
    counts, told = StreamCounts(), list[Trade]()
    return TradeTape(lambda: NOW_NS, counts, told.append, consecutive=consecutive), counts, told


def test_a_trade_is_exact_and_knows_when_it_was_and_when_we_knew() -> None:
    trades, _, told = tape()
    trades.append(trade(7, timestamp=T0_MS - 250, side="sell"))
    assert told == [Trade(NOW_NS - 250_000_000, NOW_NS, "7", Side.SELL, Decimal("100.10"), Decimal("0.5"))]  # type: ignore[arg-type]
    assert (trades.stamps.received_ns, trades.stamps.event_ns) == (NOW_NS, NOW_NS - 250_000_000)


def test_the_same_trade_twice_is_told_once_and_one_without_a_number_is_always_told() -> None:
    trades, counts, told = tape()
    for number in (1, 2, 1, "", ""):
        trades.append(trade(number))
    assert [t.trade_id for t in told] == ["1", "2", "", ""]
    assert (counts.trades, counts.duplicates) == (4, 1)


@pytest.mark.parametrize(
    ("numbers", "missing"), [((5, 6, 7), 0), ((5, 7), 1), ((5, 9), 3), ((5, 7, 6, 8), 1), ((5, 5, 6), 0)]
)
def test_numbers_without_holes_tell_what_is_missing(numbers: tuple[int, ...], missing: int) -> None:
    trades, counts, told = tape(consecutive=True)
    for number in numbers:
        trades.append(trade(number))
    assert counts.trade_gaps == missing
    assert len(told) == len(set(numbers))


@pytest.mark.parametrize("price", ["0", "-1", "NaN", "Infinity", "abc", None, "", float("nan"), float("inf")])
def test_a_trade_without_a_price_is_refused(price: Any) -> None:
    trades, counts, told = tape()
    with pytest.raises(ValueError, match=r"allowed is|expected a finite"):
        trades.append(trade(1, price))
    assert (told, counts.trades, trades.last) == ([], 0, None)
    trades.append(trade(1))
    assert len(told) == 1


def test_a_late_trade_is_told_and_is_not_the_last_price() -> None:
    trades, _, told = tape()
    trades.append(trade(2, "101"))
    trades.append(trade(1, "99", timestamp=T0_MS - 1))
    assert len(told) == 2
    assert trades.last is not None
    assert trades.last.price == 101


def candles() -> tuple[CandleTape, StreamCounts, list[Candle]]:
    counts, told = StreamCounts(), list[Candle]()
    return CandleTape("BTC/USDT", Timeframe.M1, lambda: NOW_NS, counts, told.append), counts, told


def row(minute: int, close: float = 100.5) -> list[Any]:
    return [T0_MS + minute * 60_000, 100.0, 101.0, 99.0, close, 3.5]


def test_a_bar_is_told_when_a_later_one_comes_as_it_was_at_last() -> None:
    bars, counts, told = candles()
    for update in (row(0), row(0, 100.75), row(1)):
        bars.append(update)
    assert [(c.bar.open_ns, c.bar.close) for c in told] == [(NOW_NS, Decimal("100.75"))]
    assert counts.candles == 1


def test_a_bar_is_told_when_its_time_and_a_grace_are_over_by_the_venues_clock() -> None:
    bars, _, told = candles()
    bars.append(row(0))
    bars.sweep(NOW_NS + MINUTE_NS + GRACE_NS - 1, NOW_NS)
    assert told == []
    bars.sweep(NOW_NS + MINUTE_NS + GRACE_NS, NOW_NS + 5)
    bars.sweep(NOW_NS + 2 * MINUTE_NS, NOW_NS + 6)
    assert [c.known_at_ns for c in told] == [NOW_NS + 5]


def test_a_bar_that_the_venue_corrects_comes_again_and_an_equal_or_older_one_does_not() -> None:
    bars, counts, told = candles()
    for update in (row(0), row(1), row(0), row(0, 100.25), row(1), row(2), row(0)):
        bars.append(update)
    assert [(c.bar.open_ns - NOW_NS, c.bar.close) for c in told] == [
        (0, Decimal("100.5")),
        (0, Decimal("100.25")),
        (MINUTE_NS, Decimal("100.5")),
    ]
    assert counts.candle_revisions == 1


def test_bars_that_never_came_are_counted() -> None:
    bars, counts, _ = candles()
    for update in (row(0), row(3), row(4), row(5)):
        bars.append(update)
    assert counts.candle_gaps == 2


def test_a_bar_that_was_forming_when_its_stream_broke_off_is_never_told_as_closed() -> None:
    bars, counts, told = candles()
    for update in (row(0), row(1), row(2)):
        bars.append(update)
    bars.interrupt()
    bars.sweep(NOW_NS + 4 * MINUTE_NS, NOW_NS)
    for update in (row(4), row(5)):
        bars.append(update)
    assert [(c.bar.open_ns - NOW_NS) // MINUTE_NS for c in told] == [0, 1, 4]
    assert counts.candle_gaps == 2


def test_a_bar_whose_stream_comes_back_while_it_forms_is_told_whole() -> None:
    bars, counts, told = candles()
    for update in (row(0), row(1)):
        bars.append(update)
    bars.interrupt()
    for update in (row(1, 100.75), row(2)):
        bars.append(update)
    assert [c.bar.close for c in told] == [Decimal("100.5"), Decimal("100.75")]
    assert counts.candle_gaps == 0


@pytest.mark.parametrize(
    "wrong",
    [
        [T0_MS, 100.0, 99.0, 101.0, 100.0, 1.0],
        [T0_MS, 100.0, 101.0, 99.0, 102.0, 1.0],
        [T0_MS, 0.0, 101.0, 99.0, 100.0, 1.0],
        [T0_MS, None, 101.0, 99.0, 100.0, 1.0],
        [T0_MS, 100.0, 101.0, 99.0, 100.0, -1.0],
        [T0_MS, float("nan"), 101.0, 99.0, 100.0, 1.0],
    ],
)
def test_a_bar_that_is_none_is_refused(wrong: list[Any]) -> None:
    bars, _, told = candles()
    with pytest.raises(ValueError, match=r"found|finite"):
        bars.append(wrong)
    bars.sweep(NOW_NS + 10 * MINUTE_NS, NOW_NS)
    assert told == []


def test_a_ticker_keeps_what_the_venue_said_and_nothing_else() -> None:
    told: list[tuple[str, Ticker]] = []
    board = TickerBoard(lambda: NOW_NS, StreamCounts(), lambda symbol, ticker: told.append((symbol, ticker)))
    board["BTC/USDT"] = {"timestamp": T0_MS - 5, "bid": "99.9", "ask": None, "last": "100"}
    board["ETH/USDT"] = {}
    assert told[0] == ("BTC/USDT", Ticker(NOW_NS - 5_000_000, NOW_NS, Decimal("99.9"), None, Decimal(100)))  # type: ignore[arg-type]
    # A time that the venue did not say is none of its: only that it came is known.
    assert (board.stamps["ETH/USDT"].received_ns, board.stamps["ETH/USDT"].event_ns) == (NOW_NS, 0)
    assert told[1] == ("ETH/USDT", Ticker(NOW_NS, NOW_NS, None, None, None))


def test_a_number_is_exact_however_it_came() -> None:
    assert (positive("0.10"), positive(0.1), positive(3)) == (Decimal("0.10"), Decimal("0.1"), Decimal(3))
    assert positive("0", or_zero=True) == 0
