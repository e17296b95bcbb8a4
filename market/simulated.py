"""A market from a seed: prices, book and news, the same on every machine, without a network or a key."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from core.bars import Bars
from core.canonical import digest
from core.errors import ConfigError
from core.money import Price
from core.quotes import Book, Feeds, Funding, NewsItem, OutsideSignal, Quote
from core.texts import TextReading
from core.time import MINUTE_NS, Timeframe, parse_time, show_time
from market.depth import basis_ticks, best_ticks, levels
from market.history import CandleHistory
from market.instruments import listed
from market.newswire import market_news, symbol_news
from market.paths import CHARACTERS, Path, market_factor, simulate, underlying
from market.perpetuals import FundingSeries, over
from market.regimes import DAY_MINUTES, Regime, climate

if TYPE_CHECKING:
    from core.bars import FloatArray, IntArray

BASE = Timeframe.M5
START_NS = parse_time("2026-01-01T00:00Z")
DAYS = 120

SECOND_VENUE = "second"

# A stablecoin's own pair has none.
PERPETUALS = frozenset(f"{pair}:USDT" for pair in CHARACTERS if pair != "USDC/USDT")

# Counted up when the same seed no longer gives the same market.
_VERSION = 2
_MINUTES_A_BAR = BASE.ns // MINUTE_NS


class SimulatedMarket(CandleHistory):
    """Seeded symbols over a fixed span: `MarketView` for agents and `MarketFacts` for the gate.

    A price point every minute is all there is; bars are made of them, and a quote is the last point passed. A second
    venue shows a book of its own at the same moments.
    """

    def __init__(
        self,
        seed: int,
        symbols: Sequence[str] = ("BTC/USDT", "ETH/USDT"),
        start_ns: int = START_NS,
        days: int = DAYS,
        regime: Regime = Regime.MIXED,
    ) -> None:
        unknown = [symbol for symbol in symbols if symbol not in CHARACTERS and symbol not in PERPETUALS]
        if unknown:
            raise ConfigError(
                f"the simulated market has no {', '.join(unknown)}, allowed are {', '.join(CHARACTERS)},"
                " and their perpetuals such as BTC/USDT:USDT"
            )
        if start_ns % BASE.ns or days < 1:
            raise ConfigError(
                f"found a simulated market of {days} days from {show_time(start_ns)},"
                f" allowed is one day or more from a full {BASE} bar"
            )
        self._seed, self._start_ns, self._minutes = seed, start_ns, days * DAY_MINUTES
        self._regime = regime
        self._factor = market_factor(seed, climate(regime, seed, self._minutes))
        pairs = {pair: simulate(pair, seed, self._factor) for pair in {underlying(symbol) for symbol in symbols}}
        self._paths = {s: over(pairs[underlying(s)], s, seed) if s in PERPETUALS else pairs[s] for s in symbols}
        self._fundings = {
            s: FundingSeries(path, pairs[underlying(s)], start_ns) for s, path in self._paths.items() if s in PERPETUALS
        }
        super().__init__([_bars(path, start_ns) for path in self._paths.values()])
        # Written on the first question, since many runs never ask.
        self._news = cache(self._write_news)

    def fingerprint(self) -> list[str]:
        """Digest of what makes this market: part of a run's identity."""
        made_of = {
            "version": _VERSION,
            "seed": self._seed,
            "symbols": self.symbols(),
            "start_ns": self._start_ns,
            "minutes": self._minutes,
            "regime": self._regime,
        }
        return [digest(made_of)]

    def quote(self, symbol: str, *, as_of_ns: int) -> Quote | None:
        """The last price point passed, with the best prices of its book; None before the first."""
        minute = self._minute(symbol, as_of_ns)
        if minute is None:
            return None
        path, tick = self._paths[symbol], self._instruments[symbol].tick_size
        bid, ask = best_ticks(path, minute)
        event_ns = self._start_ns + minute * MINUTE_NS
        return Quote(
            symbol=symbol,
            last=Price(Decimal(int(path.ticks[minute])) * tick),
            bid=Price(Decimal(bid) * tick),
            ask=Price(Decimal(ask) * tick),
            ts_event_ns=event_ns,
            known_at_ns=event_ns,
            cadence_ns=MINUTE_NS,
        )

    def book(self, symbol: str, *, as_of_ns: int) -> Book | None:
        """Twenty levels a side around the last price point passed; None before the first."""
        minute = self._minute(symbol, as_of_ns)
        if minute is None:
            return None
        bids, asks = levels(self._paths[symbol], minute, self._instruments[symbol], self._seed)
        return Book(symbol, self._start_ns + minute * MINUTE_NS, bids, asks)

    def second_book(self, symbol: str, *, as_of_ns: int) -> Book | None:
        """What the second venue shows at the same moment; None before the first price point."""
        minute = self._minute(symbol, as_of_ns)
        if minute is None:
            return None
        path = self._paths[symbol]
        apart = basis_ticks(path, minute, self._seed)
        bids, asks = levels(path, minute, self._instruments[symbol], self._seed, apart, second=True)
        return Book(symbol, self._start_ns + minute * MINUTE_NS, bids, asks)

    def feeds(self, symbol: str, *, as_of_ns: int) -> Feeds:
        """What the second venue trades at, and what a perpetual would pay now; nothing here is ever late."""
        minute = self._minute(symbol, as_of_ns)
        if minute is None:
            return Feeds()
        path, tick = self._paths[symbol], self._instruments[symbol].tick_size
        bid, ask = best_ticks(path, minute, basis_ticks(path, minute, self._seed))
        funding = self._fundings.get(symbol)
        return Feeds(
            elsewhere={SECOND_VENUE: Decimal(bid + ask) / 2 * tick},
            funding_rate=None if funding is None else funding.rate(minute),
        )

    def fundings(self, symbol: str, *, after_ns: int, until_ns: int) -> Sequence[Funding]:
        """A perpetual's funding times with `after_ns < ts_event_ns <= until_ns`, oldest first."""
        funding = self._fundings.get(symbol)
        return () if funding is None else funding.between(after_ns, until_ns)

    def texts(self, symbol: str, *, since_ns: int, as_of_ns: int) -> tuple[NewsItem, ...]:
        """Items with `since_ns < known_at_ns <= as_of_ns`, oldest first; none for a symbol that is not here."""
        if symbol not in self._paths:
            return ()
        items = self._news(symbol)
        start = bisect_right(items, since_ns, key=lambda item: item.known_at_ns)
        end = bisect_right(items, as_of_ns, key=lambda item: item.known_at_ns)
        return items[start:end]

    def signals(self, symbol: str, *, since_ns: int, as_of_ns: int) -> tuple[OutsideSignal, ...]:
        """Always empty: nobody looks at this market from outside."""
        return ()

    def readings(self, texts: Sequence[NewsItem], *, as_of_ns: int) -> tuple[TextReading, ...]:
        """Always empty: nothing was ingested here."""
        return ()

    def _minute(self, symbol: str, as_of_ns: int) -> int | None:
        if symbol not in self._paths or as_of_ns < self._start_ns:
            return None
        return min((as_of_ns - self._start_ns) // MINUTE_NS, self._minutes)

    def _write_news(self, symbol: str) -> tuple[NewsItem, ...]:
        own = symbol_news(underlying(symbol), self._seed, self._start_ns, self._minutes, self._paths[symbol].own_jumps)
        shared = market_news(self._seed, self._start_ns, self._minutes, self._factor.jumps)
        return tuple(sorted([*own, *shared], key=lambda item: (item.known_at_ns, item.item_id)))


def _bars(path: Path, start_ns: int) -> Bars:
    """Five-minute bars: a bar opens at the point where the one before closed."""
    instrument = listed(path.symbol)
    opens = path.ticks[:-1].reshape(-1, _MINUTES_A_BAR)
    closes = path.ticks[_MINUTES_A_BAR::_MINUTES_A_BAR]
    tick, lot = instrument.tick_size, instrument.lot_size
    return Bars(
        symbol=path.symbol,
        timeframe=BASE,
        open_ns=_frozen(start_ns + BASE.ns * np.arange(len(closes), dtype=np.int64)),
        open=_decimal_floats(opens[:, 0], tick),
        high=_decimal_floats(np.maximum(opens.max(axis=1), closes), tick),
        low=_decimal_floats(np.minimum(opens.min(axis=1), closes), tick),
        close=_decimal_floats(closes, tick),
        volume=_decimal_floats(path.lots.reshape(-1, _MINUTES_A_BAR).sum(axis=1), lot),
    )


def _decimal_floats(counts: IntArray, increment: Decimal) -> FloatArray:
    # Dividing by a power of ten rounds once, so `repr` shows the tick's decimal; multiplying by 0.01 would not.
    values: FloatArray = counts / int(1 / increment)
    values.setflags(write=False)
    return values


def _frozen(values: IntArray) -> IntArray:
    values.setflags(write=False)
    return values
