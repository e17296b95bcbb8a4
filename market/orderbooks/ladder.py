"""Two sides of resting orders by price, with the best of each kept.

A price is a float as key: one of up to 15 significant digits survives the way there and back, and more are refused with
the snapshot. A quantity stays as the venue wrote it. Decimals are made when somebody looks.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from decimal import Decimal
from math import inf

from core.money import Price, Quantity, exact
from core.quotes import Level

# As the venue wrote it: most send text, Kraken sends numbers.
Amount = str | float
RawLevel = Sequence[Amount]  # price, quantity

_DIGITS = 15


class Ladder:
    """Bids and asks. `best_bid` is 0 and `best_ask` infinite where a side is empty."""

    __slots__ = ("asks", "best_ask", "best_bid", "bids")

    def __init__(self) -> None:
        self.bids: dict[float, Amount] = {}
        self.asks: dict[float, Amount] = {}
        self.best_bid = 0.0
        self.best_ask = inf

    def load(self, bids: Iterable[RawLevel], asks: Iterable[RawLevel]) -> None:
        """Replaces both sides. Raises ValueError or TypeError for what is no price or no quantity."""
        fresh = Ladder()
        bids, asks = list(bids), list(asks)
        for level in (*bids, *asks):
            _refuse_too_fine(level[0])
        fresh.apply(bids, asks)
        self.bids, self.asks, self.best_bid, self.best_ask = fresh.bids, fresh.asks, fresh.best_bid, fresh.best_ask

    def apply(self, bids: Iterable[RawLevel], asks: Iterable[RawLevel]) -> None:
        """Sets each level to its new quantity; zero removes it. Raises as `load`, and is then half applied.

        Written out for both sides: this is the one loop that every message of every venue goes through.
        """
        side, best, gone = self.bids, self.best_bid, False
        for price, quantity in bids:
            key, size = float(price), float(quantity)
            if 0.0 < size < inf and 0.0 < key < inf:
                side[key] = quantity
                if key > best:
                    best = key
            elif size == 0.0:
                if side.pop(key, None) is not None and key == best:
                    gone = True
            else:
                raise ValueError(f"found a bid of {quantity!r} at {price!r}, allowed are finite numbers above zero")
        self.best_bid = max(side, default=0.0) if gone else best

        side, best, gone = self.asks, self.best_ask, False
        for price, quantity in asks:
            key, size = float(price), float(quantity)
            if 0.0 < size < inf and 0.0 < key < inf:
                side[key] = quantity
                if key < best:
                    best = key
            elif size == 0.0:
                if side.pop(key, None) is not None and key == best:
                    gone = True
            else:
                raise ValueError(f"found an ask of {quantity!r} at {price!r}, allowed are finite numbers above zero")
        self.best_ask = min(side, default=inf) if gone else best

    def keep(self, depth: int) -> None:
        """Forgets what lies beyond the best `depth` levels of a side, as venues with books of fixed depth ask."""
        if len(self.bids) > depth:
            self.bids = {price: self.bids[price] for price in self.best_bids(depth)}
        if len(self.asks) > depth:
            self.asks = {price: self.asks[price] for price in self.best_asks(depth)}

    def best_bids(self, n: int) -> list[float]:
        return heapq.nlargest(n, self.bids)

    def best_asks(self, n: int) -> list[float]:
        return heapq.nsmallest(n, self.asks)

    def levels(self, n: int) -> tuple[tuple[Level, ...], tuple[Level, ...]]:
        """The best `n` levels of each side in exact money, best first."""
        return (
            tuple(_level(price, self.bids[price]) for price in self.best_bids(n)),
            tuple(_level(price, self.asks[price]) for price in self.best_asks(n)),
        )


def _level(price: float, quantity: Amount) -> Level:
    return Level(Price(exact(price)), Quantity(_decimal(quantity)))


def _decimal(amount: Amount) -> Decimal:
    return Decimal(amount) if isinstance(amount, str) else exact(amount)


def _refuse_too_fine(price: Amount) -> None:
    if isinstance(price, str) and len(price) > _DIGITS and Decimal(price) != exact(float(price)):
        raise ValueError(f"found a price of {price}, allowed are {_DIGITS} significant digits")
