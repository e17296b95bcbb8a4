"""A desk on the store: nothing that is known later reaches a cycle, and a run is named by what it could read."""

import json
from pathlib import Path

import pytest

from core.canonical import plain
from core.errors import ConfigError
from core.taint import Taint
from core.time import DAY_NS, HOUR_NS, Timeframe
from desk.home import Home
from desk.markets import MarketSpec, Stored
from desk.runs import RunCommand
from market.settings import MarketSettings
from market.sources.items import Reading
from market.store.candles import BarsKey
from market.store.manifest import Origin
from market.store.store import MarketStore
from market.stored import StoredMarket
from tests.desk.desks import SYMBOLS, all_records, books_of, decide_once, fresh_home, run, simulated
from tests.market.store.material import hours, reading, text

DAYS = 30
PLANTED = "Planted from the future"


def bring(store: MarketStore, days: int = DAYS) -> int:
    """A month of hours of both symbols, a text, a number and a signal; the moment of the last close."""
    market = simulated(10)
    end = market.range_ns[0] // DAY_NS * DAY_NS + days * DAY_NS
    for symbol in SYMBOLS:
        bars = market.bars(symbol, Timeframe.H1, as_of_ns=end, n=days * 24)
        store.candles.append(BarsKey("binance", symbol, Timeframe.H1), bars, Origin("test", end))
    store.texts.append([text("Bitcoin rises", end - 2 * HOUR_NS)], Origin("test", end))
    store.series.append([reading("0.0001", end - 8 * HOUR_NS)], Origin("test", end))
    store.series.append([signal("0.5", end - HOUR_NS)], Origin("test", end))
    return end


def signal(value: str, event_ns: int, known_ns: int | None = None, source: str = "signal:guru") -> Reading:
    return reading(value, event_ns, known_ns, name="signal", asset="BTC", source=source, taint=Taint.UNTRUSTED)


def plant(store: MarketStore, as_of_ns: int) -> None:
    """One of each kind that is known an instant later: bars, texts, numbers and signals, new ones and revisions."""
    for symbol in SYMBOLS:
        key = BarsKey("binance", symbol, Timeframe.H1)
        later = hours([1e6], start_ns=as_of_ns)
        store.candles.append(key, later, Origin("planted", as_of_ns + HOUR_NS))
        revised = hours([2e6], start_ns=as_of_ns - HOUR_NS)
        assert store.candles.append(key, revised, Origin("planted", as_of_ns + 1)).revised == 1
    store.texts.append(
        [
            text(PLANTED, as_of_ns + 1, event_ns=as_of_ns - DAY_NS, native="new"),
            text(PLANTED, as_of_ns + 1, event_ns=as_of_ns - DAY_NS, native="Bitcoin rises", revision=1),
        ],
        Origin("planted", as_of_ns),
    )
    store.series.append(
        [
            reading("0.75", as_of_ns - 8 * HOUR_NS, as_of_ns + 1),
            reading("0.75", as_of_ns - HOUR_NS, as_of_ns + 1),
            signal("-1", as_of_ns - HOUR_NS, as_of_ns + 1),
            *(signal("1", as_of_ns - k * HOUR_NS, as_of_ns + 1, "signal:prophet") for k in range(1, 600)),
        ],
        Origin("planted", as_of_ns),
    )


def market_on(root: Path) -> StoredMarket:
    spec = MarketSpec("recorded", SYMBOLS, stored=Stored(str(root), "binance", "1h"))
    opened = spec.open(MarketSettings())
    assert isinstance(opened, StoredMarket)
    return opened


async def test_a_planted_bar_text_or_number_of_the_future_never_reaches_a_cycle(tmp_path: Path) -> None:
    store = MarketStore(tmp_path)
    as_of = bring(store)
    clean = market_on(tmp_path)
    plant(store, as_of)
    planted = market_on(tmp_path)
    assert planted.fingerprint() != clean.fingerprint()

    seen, unseen = await decide_once(clean, as_of), await decide_once(planted, as_of)
    assert seen.record_hash == unseen.record_hash
    told = json.dumps(plain(unseen.seen), default=str)
    assert "Bitcoin rises" in told
    assert PLANTED not in told
    number = ("funding_rate", "BTC/USDT:USDT")
    assert planted.series(*number, as_of_ns=as_of, n=9) == clean.series(*number, as_of_ns=as_of, n=9)

    # And an instant later they are there: the plant was no dud.
    later = as_of + HOUR_NS
    assert PLANTED in {item.headline for item in planted.texts("BTC/USDT", since_ns=0, as_of_ns=later)}
    assert planted.bars("BTC/USDT", Timeframe.H1, as_of_ns=later, n=2).close.tolist() == [2e6, 1e6]
    assert {str(r.value) for r in planted.series(*number, as_of_ns=later, n=9)} == {"0.75"}
    assert len(planted.signals("BTC/USDT", since_ns=0, as_of_ns=later)) == 601
    assert len(planted.signals("BTC/USDT", since_ns=0, as_of_ns=as_of)) == 1


async def test_a_run_on_the_store_is_named_by_what_it_could_read(home: Home) -> None:
    store = MarketStore(home.candles)
    as_of = bring(store)
    spec = MarketSpec("recorded", SYMBOLS, stored=Stored(str(home.candles), "binance", "1h"))
    command = RunCommand.single(spec, as_of)
    first, again = await run(home, command), await run(home, command)
    assert (first.reported, again.reported) == (False, True)
    store.series.append([reading("0.5", as_of)], Origin("test", as_of))
    other = await run(home, command)
    assert other.run_id != first.run_id
    with books_of(home) as books:
        assert len(all_records(books)) == 2


async def test_a_run_on_the_store_is_the_same_on_another_machine(home: Home) -> None:
    results = []
    for folder in (home, None):
        with fresh_home() as other:
            at = folder or other
            as_of = bring(MarketStore(at.candles))
            spec = MarketSpec("recorded", SYMBOLS, stored=Stored(str(at.candles), "binance", "1h"))
            results.append(await run(at, RunCommand.single(spec, as_of)))
    assert results[0].run_id == results[1].run_id
    assert results[0].digest == results[1].digest


def test_a_stored_market_is_found_again_from_what_a_run_kept() -> None:
    spec = MarketSpec("recorded", SYMBOLS, stored=Stored("/somewhere", "binance", "1h"))
    assert MarketSpec.of(plain(spec)) == MarketSpec("recorded", SYMBOLS, 0, None, Stored("/somewhere", "binance", "1h"))
    older = {"kind": "recorded", "symbols": list(SYMBOLS), "seed": 0, "candles": {"BTC/USDT": "x"}}
    assert MarketSpec.of(older).stored is None


def test_a_recorded_market_without_files_or_a_store_is_refused() -> None:
    with pytest.raises(ConfigError, match="no candles were given"):
        MarketSpec("recorded", SYMBOLS).open(MarketSettings())
