"""A market that the campaign writes as it goes: a calm month for every asset, and then whatever it likes."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from random import Random
from typing import Any, Final

import numpy as np

from core.bars import Bar, Bars
from core.instruments import Instrument
from core.money import Price, Quantity, nearest_tick
from core.quotes import Book, Feeds, Funding, Level, Quote
from core.time import HOUR_NS, Timeframe

MONTH: Final = 720  # hours


@dataclass
class Asset:
    """One asset's hours, oldest first; the last one is still open. Every instrument of it shows the same price."""

    price: Decimal
    tick: Decimal
    lot: Decimal
    opened_ns: list[int] = field(default_factory=list)
    bars: list[tuple[Decimal, Decimal, Decimal, Decimal, Decimal]] = field(default_factory=list)
    hour: list[Decimal] = field(default_factory=list)  # prices of the open one
    books: bool = False


class Tape:
    """What the gate's market reads come from, and the oracle's too."""

    def __init__(self, rng: Random, instruments: Sequence[tuple[Instrument, Decimal, int]], now_ns: int) -> None:
        """Each instrument with its price and how many hours of it are known."""
        self._rng = rng
        self.instruments = {instrument.symbol: instrument for instrument, _, _ in instruments}
        self.assets: dict[str, Asset] = {}
        self.quotes: dict[str, Quote] = {}
        self.now_ns = now_ns
        self.decision_timeframe = self.base_timeframe = Timeframe.H1
        self._arrays: dict[tuple[str, int, int], Bars] = {}  # of an asset, so many closed, so many asked for
        for instrument, price, hours in instruments:
            if instrument.base not in self.assets:
                asset = Asset(price, instrument.tick_size, instrument.lot_size, books=rng.random() < 0.3)
                self.assets[instrument.base] = asset
                self._remember(asset, hours)
        self.show()

    # The port.

    def instrument(self, symbol: str) -> Instrument | None:
        return self.instruments.get(symbol)

    def quote(self, symbol: str, *, as_of_ns: int) -> Quote | None:
        return self.quotes.get(symbol)

    def book(self, symbol: str, *, as_of_ns: int) -> Book | None:
        instrument, quote = self.instruments.get(symbol), self.quotes.get(symbol)
        if instrument is None or quote is None or not self.assets[instrument.base].books or not quote.ask.is_finite():
            return None
        sides = [
            tuple(
                Level(Price(best + sign * step * instrument.tick_size), Quantity(instrument.lot_size * 10**7))
                for step in range(3)
            )
            for best, sign in ((quote.bid, -1), (quote.ask, 1))
        ]
        return Book(symbol, quote.ts_event_ns, *sides)

    def feeds(self, symbol: str, *, as_of_ns: int) -> Feeds:
        """Nothing but the quotes and books that are on it."""
        return Feeds()

    def fundings(self, symbol: str, *, after_ns: int, until_ns: int) -> Sequence[Funding]:
        """None is ever due on it."""
        return ()

    def closed_bars(self, symbol: str, *, after_ns: int, until_ns: int) -> Sequence[Bar]:
        asset = self.assets[self.instruments[symbol].base]
        closed = [
            (at, bar)
            for at, bar in zip(asset.opened_ns, asset.bars, strict=True)
            if after_ns < at + HOUR_NS <= until_ns
        ]
        return [Bar(symbol, Timeframe.H1, at, *bar) for at, bar in closed]

    def bars(self, symbol: str, timeframe: Timeframe, *, as_of_ns: int, n: int) -> Bars:
        asset = self.assets[self.instruments[symbol].base]
        closed = len(asset.opened_ns)
        while closed and asset.opened_ns[closed - 1] + HOUR_NS > as_of_ns:
            closed -= 1
        key = (self.instruments[symbol].base, closed, n)
        if key not in self._arrays:
            first = max(0, closed - n)
            rows = np.array(asset.bars[first:closed] or np.empty((0, 5)), dtype=np.float64)
            self._arrays[key] = Bars("", Timeframe.H1, np.array(asset.opened_ns[first:closed], dtype=np.int64), *rows.T)
        return replace(self._arrays[key], symbol=symbol)

    # What happens.

    def move(self, base: str, factor: Decimal) -> None:
        """One asset trades at another price now."""
        asset = self.assets[base]
        asset.price = max(nearest_tick(asset.price * factor, asset.tick), asset.tick * 100)
        asset.hour.append(asset.price)
        self.show()

    def pass_to(self, now_ns: int) -> None:
        """Time goes on; hours close with the prices that they saw, and quotes stay as old as they are."""
        for asset in self.assets.values():
            at_ns = self.now_ns - self.now_ns % HOUR_NS
            while at_ns + HOUR_NS <= now_ns:
                self._close(asset, at_ns)
                at_ns += HOUR_NS
        self.now_ns = now_ns

    def show(self) -> None:
        """A fresh and sound quote of everything."""
        for symbol, instrument in self.instruments.items():
            price, tick = self.assets[instrument.base].price, instrument.tick_size
            half = tick * self._rng.randrange(max(1, int(price / tick) // 5_000) + 1)
            last = price + self._rng.choice((-1, 0, 1)) * half
            cadence_ns = 0 if self.assets[instrument.base].books else HOUR_NS
            ask = max(price + half, price + tick) if self.assets[instrument.base].books else price + half
            self.quotes[symbol] = Quote(
                symbol, Price(last), Price(price - half), Price(ask), self.now_ns, self.now_ns, cadence_ns
            )

    def break_quote(self, symbol: str) -> None:
        """A feed that cannot be trusted: missing, crossed, one-sided, not a number, old, or from the future."""
        quote = self.quotes.get(symbol)
        how = self._rng.randrange(7)
        if quote is None or not how:
            self.quotes.pop(symbol, None)
            return
        late_ns = quote.cadence_ns + self._rng.choice((89, 91, 100_000)) * 10**9
        changes: list[dict[str, Any]] = [
            {"bid": Price(quote.ask * 2)},
            {"bid": Price(Decimal(0))},
            {"last": Price(Decimal("NaN"))},
            {"ask": Price(Decimal("Infinity"))},
            {"ts_event_ns": self.now_ns - late_ns},
            {"known_at_ns": self.now_ns + 1},
        ]
        self.quotes[symbol] = replace(quote, **changes[how - 1])

    def _remember(self, asset: Asset, hours: int) -> None:
        first = self.now_ns - self.now_ns % HOUR_NS - hours * HOUR_NS
        price = asset.price
        for hour in range(hours):
            asset.hour = [price]
            price = nearest_tick(price * (1 + Decimal(self._rng.randint(-50, 50)) / 10_000), asset.tick)
            asset.hour.append(price)
            self._close(asset, first + hour * HOUR_NS)
        asset.price = price
        asset.hour = [price]

    def _close(self, asset: Asset, opened_ns: int) -> None:
        prices = asset.hour or [asset.price]
        volume = asset.lot * self._rng.randint(10**7, 2 * 10**7)
        asset.bars.append((prices[0], max(prices), min(prices), prices[-1], volume))
        asset.opened_ns.append(opened_ns)
        asset.hour = [prices[-1]]
