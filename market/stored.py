"""The candle store as a market: bars, texts and numbers, each in the version that was known at the moment asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

import numpy as np

from core.errors import ConfigError
from core.money import ZERO, Price
from core.quotes import Feeds, Funding, NewsItem, OutsideSignal
from core.texts import TextReading
from core.time import HOUR_NS, Timeframe
from market.quality import QualityReport, inspect
from market.recorded import RecordedMarket
from market.sources.items import SIGNAL, Reading, TextItem
from market.store.candles import BarsKey
from market.store.manifest import Manifest
from market.store.series import SeriesKey, SeriesStore
from market.store.store import MarketStore
from market.store.versions import Versions


class StoredMarket(RecordedMarket):
    """What is stored when it is opened: data that come later, by another process, do not change its answers."""

    def __init__(
        self,
        store: MarketStore,
        venue: str,
        symbols: Sequence[str],
        timeframe: Timeframe,
        *,
        assumed_spread_bps: Decimal,
    ) -> None:
        keys = [BarsKey(venue, symbol, timeframe) for symbol in symbols]
        read = [store.candles.snapshot(key) for key in keys]
        candles = [(history, _report(history, sha)) for history, sha in read]
        super().__init__(candles, assumed_spread_bps=assumed_spread_bps)
        self._store = store
        self._texts = store.texts.pinned()
        self._series = store.series.pinned()
        self._readings = store.readings.pinned()

    def fingerprint(self) -> list[str]:
        """Hashes of all that can be read: candles in the order of the symbols, then texts, numbers and readings."""
        kept = (*self._texts.values(), *self._series.values(), *self._readings.values())
        others = [manifest.content_hash for manifest in kept]
        return super().fingerprint() + sorted(others)

    def texts(self, symbol: str, *, since_ns: int, as_of_ns: int) -> tuple[NewsItem, ...]:
        """What was known then, each story once, with the taint that it was stored with."""
        return _news(symbol, self._store.texts.texts(symbol, since_ns=since_ns, as_of_ns=as_of_ns, at=self._texts))

    def signals(self, symbol: str, *, since_ns: int, as_of_ns: int) -> tuple[OutsideSignal, ...]:
        """What was said by then, each version of it."""
        return signals_of(self._store.series, symbol, since_ns=since_ns, as_of_ns=as_of_ns, at=self._series)

    def readings(self, texts: Sequence[NewsItem], *, as_of_ns: int) -> tuple[TextReading, ...]:
        """What readers made of these texts, as far as it was known then."""
        return self._store.readings.of(texts, as_of_ns=as_of_ns, at=self._readings)

    def series(self, name: str, asset: str, *, as_of_ns: int, n: int, source: str | None = None) -> tuple[Reading, ...]:
        """The last `n` numbers known by then, oldest event first; empty where none is stored."""
        return self._store.series.series(name, asset, as_of_ns=as_of_ns, n=n, source=source, at=self._series)

    def feeds(self, symbol: str, *, as_of_ns: int) -> Feeds:
        """The last funding rate that was known, where it is stored."""
        known = self.series("funding_rate", symbol, as_of_ns=as_of_ns, n=1)
        return Feeds(funding_rate=known[0].value if known else None)

    def fundings(self, symbol: str, *, after_ns: int, until_ns: int) -> Sequence[Funding]:
        """As stored, at the stored mark price, or the last close known where none is, oldest first."""
        times = (until_ns - after_ns) // HOUR_NS + 1  # none is paid more often than hourly
        rates = self.series("funding_rate", symbol, as_of_ns=until_ns, n=times)
        due = [rate for rate in rates if after_ns < rate.known_at_ns <= until_ns]
        found = ((rate, self._mark(symbol, rate.event_ns)) for rate in due)
        return [Funding(symbol, rate.event_ns, rate.value, mark) for rate, mark in found if mark is not None]

    def _mark(self, symbol: str, at_ns: int) -> Price | None:
        marks = self.series("mark_price", symbol, as_of_ns=at_ns, n=1)
        if marks:
            return Price(marks[0].value)
        quote = self.quote(symbol, as_of_ns=at_ns)
        return None if quote is None else quote.last


class StoredTexts:
    """Texts and signals of the store as a live market's: with what listeners add to it while the market lives."""

    def __init__(self, store: MarketStore) -> None:
        self._texts, self._series, self._readings = store.texts, store.series, store.readings

    def texts(self, symbol: str, *, since_ns: int, as_of_ns: int) -> tuple[NewsItem, ...]:
        """What was known then, each story once, with the taint that it was stored with."""
        return _news(symbol, self._texts.texts(symbol, since_ns=since_ns, as_of_ns=as_of_ns))

    def signals(self, symbol: str, *, since_ns: int, as_of_ns: int) -> tuple[OutsideSignal, ...]:
        """What was said by then, each version of it."""
        return signals_of(self._series, symbol, since_ns=since_ns, as_of_ns=as_of_ns)

    def readings(self, texts: Sequence[NewsItem], *, as_of_ns: int) -> tuple[TextReading, ...]:
        """What readers made of these texts, as far as it was known then."""
        return self._readings.of(texts, as_of_ns=as_of_ns)


def signals_of(
    series: SeriesStore,
    symbol: str,
    *,
    since_ns: int,
    as_of_ns: int,
    at: Mapping[SeriesKey, Manifest] | None = None,
) -> tuple[OutsideSignal, ...]:
    """Stored signals about a symbol's base asset. One that was taken back says 0 from then on, which is nothing."""
    asset = symbol.partition("/")[0]
    said = series.versions(SIGNAL, asset, since_ns=since_ns, as_of_ns=as_of_ns, at=at)
    return tuple(
        OutsideSignal(
            source=one.source,
            value=ZERO if one.retracted else one.value,
            ts_event_ns=one.event_ns,
            known_at_ns=one.known_at_ns,
            taint=one.taint,
        )
        for one in said
        # A source of numbers may be a plug-in, and call anything a signal.
        if -1 <= one.value <= 1
    )


def _news(symbol: str, items: Sequence[TextItem]) -> tuple[NewsItem, ...]:
    return tuple(
        NewsItem(
            item_id=item.item_id,
            symbols=(symbol,),
            source=item.source,
            headline=item.headline,
            ts_event_ns=item.event_ns,
            known_at_ns=item.known_at_ns,
            taint=item.taint,
        )
        for item in items
    )


def choose(
    store: MarketStore, symbols: Sequence[str], venue: str | None = None, timeframe: Timeframe | None = None
) -> tuple[str, Timeframe]:
    """The one venue that has all symbols, and the finest timeframe that it has of all; ConfigError where none does."""
    held = store.candles.held()
    fitting: dict[str, set[Timeframe]] = {}
    for name in sorted({key.venue for key in held if venue in (None, key.venue)}):
        by_symbol = [{k.timeframe for k in held if (k.venue, k.symbol) == (name, symbol)} for symbol in symbols]
        common = set.intersection(*by_symbol) if by_symbol else set()
        if timeframe is not None:
            common &= {timeframe}
        if common:
            fitting[name] = common
    if len(fitting) == 1:
        name, common = fitting.popitem()
        return name, min(common, key=lambda t: t.ns)
    if fitting:
        raise ConfigError(f"{', '.join(symbols)} are stored of {' and '.join(fitting)}: say which with --venue")
    shown = ", ".join(f"{key.venue} {key.symbol} {key.timeframe}" for key in held[:12])
    wanted = " ".join(filter(None, [venue, ", ".join(symbols), timeframe]))
    raise ConfigError(
        f"the store has no candles of {wanted}; it has {shown or 'none'}; name files with --candles,"
        " or bring data with `warden data import` or `warden data fetch`"
    )


def _report(history: Versions, content_hash: str) -> QualityReport:
    rows = history.rows
    first = np.flatnonzero(np.diff(rows.open_ns, prepend=-1))
    return inspect(rows.open_ns[first], rows.volume[first], rows.timeframe, content_hash)
