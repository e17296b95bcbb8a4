"""The store as a market: the same answers as from files, nothing that was known later, and a name for what was read."""

from decimal import Decimal
from pathlib import Path

import pytest

from core.errors import ConfigError, DataRefused
from core.ports import MarketFacts, MarketView
from core.taint import Taint
from core.time import DAY_NS, HOUR_NS, MINUTE_NS, Timeframe
from market.recorded import RecordedMarket
from market.sources.items import Reading
from market.store.candles import BarsKey
from market.store.manifest import Span
from market.store.store import MarketStore
from market.stored import StoredMarket, StoredTexts, choose
from tests.market.material import T0, bars_of, shown
from tests.market.store.material import KEY, LATER, hours, reading, seen, text
from tests.market.test_recorded import TWO_BPS, answers, market_of

ETH = KEY._replace(symbol="ETH/USDT")


@pytest.fixture
def store(tmp_path: Path) -> MarketStore:
    return MarketStore(tmp_path)


def opened(store: MarketStore, *symbols: str) -> StoredMarket:
    return StoredMarket(store, "binance", symbols or ("BTC/USDT",), Timeframe.H1, assumed_spread_bps=TWO_BPS)


def test_it_is_a_market_for_agents_and_for_the_gate(store: MarketStore) -> None:
    store.candles.append(KEY, hours([100, 101]), seen())
    view: MarketView = opened(store)
    facts: MarketFacts = opened(store)
    assert view.symbols() == ("BTC/USDT",)
    assert facts.base_timeframe is Timeframe.H1


def test_it_answers_as_the_same_candles_from_a_file_do(store: MarketStore) -> None:
    bars = bars_of([100 + i % 11 for i in range(900)], absent=[7, 8, 400])
    store.candles.append(KEY, bars, seen())
    market, recorded = opened(store), market_of(bars)
    for hour in (0, 1, 9, 26, 400, 899, 900, 2000):
        as_of = T0 + hour * HOUR_NS + MINUTE_NS
        assert answers(market, as_of) == answers(recorded, as_of)
    assert market.range_ns == recorded.range_ns
    assert market.reports["BTC/USDT"].missing_bars == 3


def test_a_revision_changes_bars_and_quote_from_its_moment_and_is_no_new_bar(store: MarketStore) -> None:
    store.candles.append(KEY, hours([100, 101, 102]), seen(T0 + 3 * HOUR_NS))
    store.candles.append(KEY, hours([100, 101, 107]), seen(T0 + 3 * HOUR_NS + 10 * MINUTE_NS))
    market = opened(store)
    before, after = T0 + 3 * HOUR_NS + 9 * MINUTE_NS, T0 + 3 * HOUR_NS + 10 * MINUTE_NS
    last = [market.quote("BTC/USDT", as_of_ns=at) for at in (before, after)]
    assert [(q.last, q.ts_event_ns - T0, q.known_at_ns) for q in last if q is not None] == [
        (Decimal("102.00"), 3 * HOUR_NS, T0 + 3 * HOUR_NS),
        (Decimal("107.00"), 3 * HOUR_NS, after),
    ]
    assert shown(market.bars("BTC/USDT", Timeframe.H1, as_of_ns=before, n=9))[-1][4] == 102
    assert shown(market.bars("BTC/USDT", Timeframe.H1, as_of_ns=after, n=9))[-1][4] == 107
    assert market.closed_bars("BTC/USDT", after_ns=before, until_ns=after) == []
    assert market.closes_between(T0, T0 + DAY_NS) == [T0 + i * HOUR_NS for i in (1, 2, 3)]


def test_a_bar_that_came_late_is_history_and_no_event(store: MarketStore) -> None:
    asked = Span(T0, T0 + 3 * HOUR_NS)
    store.candles.append(KEY, hours([100, 102], at=[0, 2]), seen(T0 + 3 * HOUR_NS), covered=asked)
    store.candles.append(KEY, hours([101], at=[1]), seen(T0 + 5 * HOUR_NS))
    market = opened(store)
    assert len(market.bars("BTC/USDT", Timeframe.H1, as_of_ns=T0 + 4 * HOUR_NS, n=9)) == 2
    assert len(market.bars("BTC/USDT", Timeframe.H1, as_of_ns=T0 + 5 * HOUR_NS, n=9)) == 3
    assert market.closed_bars("BTC/USDT", after_ns=T0 + 3 * HOUR_NS, until_ns=T0 + DAY_NS) == []
    assert market.closes_between(T0, T0 + DAY_NS) == [T0 + HOUR_NS, T0 + 3 * HOUR_NS]


def test_a_lagging_bar_is_an_event_when_it_is_known(store: MarketStore) -> None:
    store.candles.append(KEY, hours([100, 101]), seen(lag_ns=10 * MINUTE_NS))
    market = opened(store)
    known = T0 + HOUR_NS + 10 * MINUTE_NS
    assert market.quote("BTC/USDT", as_of_ns=known - 1) is None
    assert market.closes_between(T0, T0 + DAY_NS) == [known, known + HOUR_NS]
    (bar,) = market.closed_bars("BTC/USDT", after_ns=known - 1, until_ns=known)
    assert bar.close_ns == T0 + HOUR_NS


def test_filled_bars_are_no_part_of_the_market(store: MarketStore) -> None:
    import numpy as np

    store.candles.append(KEY, hours([100, 100, 102]), seen(), synthetic=np.array([False, True, False]))
    market = opened(store)
    assert [bar.close for bar in market.closed_bars("BTC/USDT", after_ns=0, until_ns=LATER)] == [100, 102]


def test_texts_and_numbers_come_as_they_were_known(store: MarketStore) -> None:
    store.candles.append(KEY, hours([100, 101]), seen())
    store.texts.append([text("told", T0 + HOUR_NS), text("copied", T0 + HOUR_NS + 1, story="told")], seen())
    store.series.append([reading("0.0001", T0, T0 + HOUR_NS)], seen())
    market = opened(store)
    assert market.texts("BTC/USDT", since_ns=0, as_of_ns=T0 + HOUR_NS - 1) == ()
    (item,) = market.texts("BTC/USDT", since_ns=0, as_of_ns=LATER)
    assert (item.headline, item.symbols, item.known_at_ns) == ("told", ("BTC/USDT",), T0 + HOUR_NS)
    assert market.series("funding_rate", "BTC/USDT:USDT", as_of_ns=T0 + HOUR_NS - 1, n=1) == ()
    assert len(market.series("funding_rate", "BTC/USDT:USDT", as_of_ns=T0 + HOUR_NS, n=1)) == 1


def test_what_is_added_later_changes_no_answer_of_an_open_market(store: MarketStore) -> None:
    store.candles.append(KEY, hours([100, 101]), seen())
    market = opened(store)
    print_before = market.fingerprint()
    store.candles.append(KEY, hours([105, 106], at=[0, 2]), seen())
    store.texts.append([text("a", T0)], seen())
    store.series.append([reading("1", T0)], seen())
    assert shown(market.bars("BTC/USDT", Timeframe.H1, as_of_ns=LATER * 2, n=9)) == shown(hours([100, 101]))
    assert market.texts("BTC/USDT", since_ns=0, as_of_ns=LATER) == ()
    assert market.series("funding_rate", "BTC/USDT:USDT", as_of_ns=LATER, n=1) == ()
    assert market.fingerprint() == print_before


def test_the_fingerprint_changes_with_every_kind_of_thing_that_can_be_read(store: MarketStore) -> None:
    store.candles.append(KEY, hours([100, 101]), seen())
    prints = [opened(store).fingerprint()]
    for change in (
        lambda: store.candles.append(KEY, hours([99]), seen()),
        lambda: store.texts.append([text("a", T0)], seen()),
        lambda: store.series.append([reading("1", T0)], seen()),
        lambda: store.series.append([reading("2", T0, T0 + 1)], seen()),
    ):
        change()
        prints.append(opened(store).fingerprint())
    assert len({tuple(p) for p in prints}) == 5
    store.candles.append(ETH, hours([100]), seen())
    assert opened(store).fingerprint() == prints[-1]


def test_the_same_data_brought_at_another_time_have_the_same_fingerprint(tmp_path: Path) -> None:
    prints = []
    for i, name in enumerate(("one", "two")):
        store = MarketStore(tmp_path / name)
        store.candles.append(KEY, hours([100, 101]), seen(LATER + i))
        store.texts.append([text("a", T0)], seen(LATER + i, source=name))
        prints.append(opened(store).fingerprint())
    assert prints[0] == prints[1]


def test_a_recorded_market_from_files_stays_what_it_was() -> None:
    assert issubclass(StoredMarket, RecordedMarket)


# Which venue and timeframe


def test_nothing_stored_is_refused_with_what_brings_data(store: MarketStore) -> None:
    with pytest.raises(ConfigError, match=r"no candles of BTC/USDT; it has none; name files with --candles"):
        choose(store, ["BTC/USDT"])


def test_the_one_venue_and_its_finest_timeframe_are_chosen(store: MarketStore) -> None:
    store.candles.append(KEY, hours([100]), seen())
    store.candles.append(KEY._replace(timeframe=Timeframe.M5), hours([100], timeframe=Timeframe.M5), seen())
    assert choose(store, ["BTC/USDT"]) == ("binance", Timeframe.M5)
    assert choose(store, ["BTC/USDT"], timeframe=Timeframe.H1) == ("binance", Timeframe.H1)


def test_all_symbols_must_be_there_in_one_timeframe_of_one_venue(store: MarketStore) -> None:
    store.candles.append(KEY, hours([100]), seen())
    store.candles.append(BarsKey("kraken", "ETH/USDT", Timeframe.H1), hours([100]), seen())
    store.candles.append(ETH._replace(timeframe=Timeframe.M5), hours([100], timeframe=Timeframe.M5), seen())
    with pytest.raises(ConfigError, match=r"no candles of BTC/USDT, ETH/USDT; it has binance BTC/USDT 1h"):
        choose(store, ["BTC/USDT", "ETH/USDT"])


def test_two_venues_must_be_told_apart(store: MarketStore) -> None:
    store.candles.append(KEY, hours([100]), seen())
    store.candles.append(KEY._replace(venue="kraken"), hours([100]), seen())
    with pytest.raises(ConfigError, match="stored of binance and kraken: say which with --venue"):
        choose(store, ["BTC/USDT"])
    assert choose(store, ["BTC/USDT"], "kraken") == ("kraken", Timeframe.H1)


def test_a_symbol_that_is_not_stored_cannot_be_opened(store: MarketStore) -> None:
    with pytest.raises(DataRefused, match="no candles of binance BTC/USDT"):
        opened(store)


def test_texts_of_a_live_market_are_those_of_a_stored_one_and_grow_with_the_store(store: MarketStore) -> None:
    store.candles.append(KEY, hours([100, 101]), seen())
    store.texts.append([text("Bitcoin rises", T0, source="rss:a")], seen())
    live, fixed = StoredTexts(store), opened(store)
    assert live.texts("BTC/USDT", since_ns=0, as_of_ns=LATER) == fixed.texts("BTC/USDT", since_ns=0, as_of_ns=LATER)
    store.texts.append([text("Bitcoin falls", T0 + HOUR_NS, source="rss:a")], seen())
    told = [item.headline for item in live.texts("BTC/USDT", since_ns=0, as_of_ns=LATER)]
    assert told == ["Bitcoin rises", "Bitcoin falls"]
    assert live.texts("BTC/USDT", since_ns=0, as_of_ns=T0 - 1) == ()
    assert len(fixed.texts("BTC/USDT", since_ns=0, as_of_ns=LATER)) == 1


def test_signals_are_those_about_the_symbols_asset_each_version_as_it_was_said(store: MarketStore) -> None:
    store.candles.append(KEY, hours([100, 101]), seen())

    def said(value: str, known_ns: int, **more: object) -> Reading:
        fields: dict[str, object] = {"name": "signal", "asset": "BTC", "source": "signal:guru", **more}
        return reading(value, T0, known_ns, taint=Taint.UNTRUSTED, **fields)  # type: ignore[arg-type]

    store.series.append([said("0.5", T0), said("-1", T0 + 1), said("-1", T0 + 2, retracted=True)], seen())
    store.series.append(
        [said("1", T0, asset="ETH"), said("40", T0, source="plugin"), said("1", T0, name="mood")], seen()
    )
    market = opened(store)
    found = market.signals("BTC/USDT", since_ns=0, as_of_ns=LATER)
    assert [(one.source, one.value, one.known_at_ns - T0) for one in found] == [
        ("signal:guru", Decimal("0.5"), 0),
        ("signal:guru", Decimal("-1"), 1),
        ("signal:guru", Decimal("0"), 2),  # taken back: it says nothing from then on
    ]
    assert {one.taint for one in found} == {Taint.UNTRUSTED}
    assert market.signals("BTC/USDT", since_ns=0, as_of_ns=T0) == found[:1]
    assert market.signals("BTC/USDT", since_ns=0, as_of_ns=T0 - 1) == ()
    live = StoredTexts(store)
    store.series.append([said("0.1", T0 + 3)], seen())
    assert live.signals("BTC/USDT", since_ns=0, as_of_ns=LATER)[:3] == found
    assert len(live.signals("BTC/USDT", since_ns=0, as_of_ns=LATER)) == 4
    assert opened(store).signals("BTC/USDT", since_ns=0, as_of_ns=LATER) != found
    assert market.signals("BTC/USDT", since_ns=0, as_of_ns=LATER) == found
