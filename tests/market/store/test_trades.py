"""Trades and tickers are appended, once each, and read by when they were known."""

from decimal import Decimal
from pathlib import Path

import pytest

from core.errors import DataRefused
from core.money import Price, Quantity
from core.orders import Side
from core.time import DAY_NS, SECOND_NS
from market.store.manifest import Part
from market.store.trades import LogKey, LogStore, Ticker, Trade
from tests.market.material import T0
from tests.market.store.material import LATER, seen


def trade(at_ns: int, trade_id: str, price: str = "100.10", known_ns: int | None = None) -> Trade:
    known = at_ns if known_ns is None else known_ns
    return Trade(at_ns, known, trade_id, Side.BUY, Price(Decimal(price)), Quantity(Decimal("0.50")))


@pytest.fixture
def store(tmp_path: Path) -> LogStore[Trade]:
    return LogStore(tmp_path, Trade)


def ids(store: LogStore[Trade], as_of_ns: int, since_ns: int = 0) -> list[str]:
    return [t.trade_id for t in store.read("binance", "BTC/USDT", since_ns=since_ns, as_of_ns=as_of_ns)]


def test_nothing_stored_is_nothing(store: LogStore[Trade]) -> None:
    assert ids(store, LATER) == []


def test_a_trade_known_before_it_happened_is_refused(store: LogStore[Trade]) -> None:
    with pytest.raises(DataRefused, match="allowed is at its event or later"):
        store.append("binance", "BTC/USDT", [trade(T0, "1", known_ns=T0 - 1)], seen())


def test_trades_come_back_exactly_and_only_once_known(store: LogStore[Trade]) -> None:
    one, two = trade(T0, "1", "100.10"), trade(T0 + 5, "2", known_ns=T0 + SECOND_NS)
    assert store.append("binance", "BTC/USDT", [two, one], seen()) == 2
    assert store.read("binance", "BTC/USDT", since_ns=0, as_of_ns=T0 + 5) == (one,)
    assert store.read("binance", "BTC/USDT", since_ns=0, as_of_ns=LATER) == (one, two)
    assert ids(store, LATER, since_ns=T0) == ["2"]


def test_a_trade_that_comes_again_is_stored_once(store: LogStore[Trade]) -> None:
    store.append("binance", "BTC/USDT", [trade(T0, "1"), trade(T0, "1")], seen())
    assert store.append("binance", "BTC/USDT", [trade(T0, "1"), trade(T0, "2")], seen()) == 1
    assert ids(store, LATER) == ["1", "2"]


def test_trades_without_an_id_are_told_apart_by_what_they_say(store: LogStore[Trade]) -> None:
    assert store.append("binance", "BTC/USDT", [trade(T0, ""), trade(T0, "", "100.2"), trade(T0, "")], seen()) == 2


def test_many_small_appends_of_a_day_are_folded_into_one_file(store: LogStore[Trade]) -> None:
    for i in range(20):
        store.append(
            "binance", "BTC/USDT", [trade(T0 + i * SECOND_NS, str(i)), trade(T0 + DAY_NS + i, f"n{i}")], seen()
        )
    assert len(store.manifest(store.held()[0]).parts) <= 2 * 3
    assert ids(store, T0 + DAY_NS - 1) == [str(i) for i in range(20)]
    assert len(ids(store, LATER)) == 40
    assert store.shelf(store.held()[0]).faults() == []


def test_an_append_reads_nothing_that_is_neither_of_its_time_nor_small(
    store: LogStore[Trade], monkeypatch: pytest.MonkeyPatch
) -> None:
    store.append("binance", "BTC/USDT", [trade(T0 + i, str(i)) for i in range(1_000)], seen())
    read: list[int] = []
    entries = store._entries

    def counted(key: LogKey, part: Part) -> list[Trade]:
        read.append(part.rows)
        return entries(key, part)

    monkeypatch.setattr(store, "_entries", counted)
    for i in range(64):
        assert store.append("binance", "BTC/USDT", [trade(T0 + SECOND_NS + i, f"n{i}")], seen()) == 1
    assert 1_000 not in read
    assert sum(read) < 64 * 8  # each row a few times, and not once an append
    assert store.append("binance", "BTC/USDT", [trade(T0 + 7, "7")], seen()) == 0
    assert store.shelf(store.held()[0]).faults() == []


def test_tickers_keep_what_the_venue_did_not_say(tmp_path: Path) -> None:
    store = LogStore(tmp_path, Ticker)
    one = Ticker(T0, T0 + 1, Price(Decimal("99.90")), None, Price(Decimal("100")))
    store.append("binance", "BTC/USDT", [one], seen())
    assert store.read("binance", "BTC/USDT", since_ns=0, as_of_ns=LATER) == (one,)
    assert store.read("binance", "BTC/USDT", since_ns=0, as_of_ns=T0) == ()
