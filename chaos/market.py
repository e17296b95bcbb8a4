"""What the desk sees of the market: the price that the venue is held at, after a month that was calm."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from random import Random
from typing import Final

import numpy as np

from core.bars import Bar, Bars
from core.instruments import ContractKind, Instrument
from core.money import ZERO, Price, Quantity
from core.ports import Clock
from core.quotes import Book, Feeds, Funding, Level, Quote
from core.time import HOUR_NS, Timeframe

PRICE: Final = Decimal(60_000)
_HOURS: Final = 720
_HALF_SPREAD: Final = Decimal("1.20")  # as the venue's strangers quote
_DEEP: Final = Quantity(Decimal(100))


@dataclass
class Market:
    """One pair, always fresh. `price` is where it trades now."""

    clock: Clock
    instruments: dict[str, Instrument]
    price: Decimal = PRICE
    decision_timeframe: Timeframe = field(default=Timeframe.H1, init=False)
    base_timeframe: Timeframe = field(default=Timeframe.H1, init=False)

    def symbols(self) -> tuple[str, ...]:
        return tuple(self.instruments)

    def instrument(self, symbol: str) -> Instrument | None:
        return self.instruments.get(symbol)

    def quote(self, symbol: str, *, as_of_ns: int) -> Quote | None:
        if symbol not in self.instruments:
            return None
        bid, ask = Price(self.price - _HALF_SPREAD), Price(self.price + _HALF_SPREAD)
        return Quote(symbol, Price(self.price), bid, ask, as_of_ns, as_of_ns)

    def book(self, symbol: str, *, as_of_ns: int) -> Book | None:
        if symbol not in self.instruments:
            return None
        bid, ask = Price(self.price - _HALF_SPREAD), Price(self.price + _HALF_SPREAD)
        return Book(symbol, as_of_ns, (Level(bid, _DEEP),), (Level(ask, _DEEP),))

    def feeds(self, symbol: str, *, as_of_ns: int) -> Feeds:
        """Nothing but the quotes and books that are here, and of a contract that nothing is paid for holding it."""
        instrument = self.instruments.get(symbol)
        contract = instrument is not None and instrument.kind is ContractKind.PERPETUAL
        return Feeds(funding_rate=ZERO) if contract else Feeds()

    def fundings(self, symbol: str, *, after_ns: int, until_ns: int) -> Sequence[Funding]:
        return ()

    def closed_bars(self, symbol: str, *, after_ns: int, until_ns: int) -> Sequence[Bar]:
        """None closes here: stops go by the last price."""
        return ()

    def bars(self, symbol: str, timeframe: Timeframe, *, as_of_ns: int, n: int) -> Bars:
        last = as_of_ns // HOUR_NS
        opens = np.arange(last - min(n, _HOURS), last, dtype=np.int64) * HOUR_NS
        closes = _closes()[-len(opens) :]
        return Bars(symbol, Timeframe.H1, opens, closes, closes + 60, closes - 60, closes, np.full(len(opens), 2000.0))

    def texts(self, symbol: str, *, since_ns: int, as_of_ns: int) -> tuple[()]:
        return ()


@cache
def _closes() -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    """A month of hours around the price, up or down by a few tenths of a percent, the same every time."""
    draw = Random(7)
    return np.array([float(PRICE) * (1 + draw.choice((-1, 1)) * 0.002) for _ in range(_HOURS)])
