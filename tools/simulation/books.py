"""Simulated books that answer at once, for what trades against books: a proof of arithmetic, never of profit.

Fills come as a model says they do, nobody else quotes, no message takes time, and both legs of a trade fill together.
None of it holds at a venue. What is shown here is that a strategy keeps its bounds and does what its formula says.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Final

import numpy as np

from core.errors import ConfigError
from core.money import ONE, ZERO, Price, Quantity
from core.quotes import Book, Level
from tools.strategies.arbitrage import Arbitrage, Legs, Purse
from tools.strategies.making import MarketMaking

if TYPE_CHECKING:
    from core.bars import FloatArray, IntArray

_TICK: Final = Decimal("0.01")
_LOT: Final = Decimal("0.0001")


@dataclass(frozen=True, slots=True)
class Session:
    """One session of a market maker: a mid that begins at `start` and diffuses by `deviation` over it, in `steps`.

    A quote at a distance d of the mid fills in a step with probability `rate` exp(-k d) / steps, one unit at a time.
    The defaults are those of Avellaneda and Stoikov (2008), section 3.3.
    """

    start: float = 100.0
    deviation: float = 2.0
    steps: int = 200
    rate: float = 140.0
    k: float = 1.5

    def __post_init__(self) -> None:
        for name in ("start", "deviation", "rate", "k"):
            if not 0 < getattr(self, name) < float("inf"):
                raise ConfigError(f"{name} is more than 0, found {getattr(self, name):g}")
        if self.steps < 1 or self.rate / self.steps > 1:
            raise ConfigError(f"a rate of {self.rate:g} over {self.steps} steps is no probability of a fill")


@dataclass(frozen=True, slots=True)
class Made:
    """What sessions came to, each (n,): profit at the last mid, units held then, most held either way, mean spread."""

    profit: FloatArray
    inventory: IntArray
    most: IntArray
    spread: FloatArray
    fills: IntArray


def made_market(maker: MarketMaking, session: Session, *, sessions: int, seed: int, lean: bool = True) -> Made:
    """Runs seeded sessions. Without `lean` the same distance is kept around the mid, whatever is held."""
    random = np.random.default_rng(seed)
    rows = [_one(maker, session, random, lean) for _ in range(sessions)]
    profit, inventory, most, spread, fills = (np.array(column) for column in zip(*rows, strict=True))
    return Made(profit, inventory, most, spread, fills)


def _one(
    maker: MarketMaking, session: Session, random: np.random.Generator, lean: bool
) -> tuple[float, int, int, float, int]:
    mid, cash, held, most, fills, spreads = session.start, 0.0, 0, 0, 0, 0.0
    moves = session.deviation / np.sqrt(session.steps) * random.choice([-1.0, 1.0], session.steps)
    draws = random.random((session.steps, 2))
    for step in range(session.steps):
        left = 1 - step / session.steps
        quoted = maker.quoted(mid, held, variance=session.deviation**2, left=left)
        even = maker.quoted(mid, 0, variance=session.deviation**2, left=left)
        bid, ask = (quoted.bid, quoted.ask) if lean else (even.bid, even.ask)
        spreads += (even.ask or mid) - (even.bid or mid)
        if bid is not None and draws[step, 0] < session.rate / session.steps * np.exp(-session.k * (mid - bid)):
            cash, held, fills = cash - bid, held + 1, fills + 1
        if ask is not None and draws[step, 1] < session.rate / session.steps * np.exp(-session.k * (ask - mid)):
            cash, held, fills = cash + ask, held - 1, fills + 1
        most = max(most, abs(held))
        mid += moves[step]
    return cash + held * mid, held, most, spreads / session.steps, fills


@dataclass(frozen=True, slots=True)
class Taken:
    """What an arbitrage came to: its trades in order, the purses before and after, and the last mid to value them."""

    trades: tuple[Legs, ...]
    before: Mapping[str, Purse]
    after: Mapping[str, Purse]
    mid: Decimal

    @property
    def profit(self) -> Decimal:
        """Quote currency, at the last mid of all venues: what coins did in between is in both sums."""
        return sum((self._worth(self.after[name]) - self._worth(self.before[name]) for name in self.after), ZERO)

    def _worth(self, purse: Purse) -> Decimal:
        return purse.cash + purse.coins * self.mid


def two_books(
    steps: int, *, seed: int, apart: float = 0.001, back: float = 0.9, levels: int = 3
) -> list[dict[str, Book]]:
    """Books of two venues at the same moments: one diffusing mid, and a distance between them that comes back."""
    random = np.random.default_rng(seed)
    mid, distance, found = 100.0, 0.0, []
    for step in range(steps):
        mid *= float(np.exp(random.normal(0, 0.0005)))
        distance = back * distance + random.normal(0, apart)
        quantities = random.lognormal(0, 0.5, (2, 2, levels))
        mids = {"a": mid * (1 + distance / 2), "b": mid * (1 - distance / 2)}
        found.append({name: _book(price, quantities[k], step) for k, (name, price) in enumerate(mids.items())})
    return found


def _book(mid: float, quantities: FloatArray, step: int) -> Book:
    middle = Decimal(f"{mid:.2f}")

    def side(sign: int, sizes: FloatArray) -> tuple[Level, ...]:
        return tuple(
            Level(Price(middle + sign * _TICK * (k + 1)), Quantity(Decimal(f"{size:.4f}")))
            for k, size in enumerate(sizes)
        )

    return Book("BTC/USDT", step, side(-1, quantities[0]), side(1, quantities[1]))


def arbitraged(strategy: Arbitrage, moments: list[dict[str, Book]], purses: Mapping[str, Purse]) -> Taken:
    """Both legs fill at once, level by level, at the prices of the books of that moment."""
    held, trades = dict(purses), []
    for books in moments:
        legs = strategy.step(books, held, _LOT)
        if legs is None:
            continue
        paid = _filled(books[legs.buy_at].asks, legs.quantity, legs.buy_limit, 1)
        got = _filled(books[legs.sell_at].bids, legs.quantity, legs.sell_limit, -1)
        buyer, seller = held[legs.buy_at], held[legs.sell_at]
        held[legs.buy_at] = replace(
            buyer, coins=buyer.coins + legs.quantity, cash=buyer.cash - paid * (ONE + buyer.fee)
        )
        held[legs.sell_at] = replace(
            seller, coins=seller.coins - legs.quantity, cash=seller.cash + got * (ONE - seller.fee)
        )
        trades.append(legs)
    last = [(book.bids[0].price + book.asks[0].price) / 2 for book in moments[-1].values()]
    return Taken(tuple(trades), dict(purses), held, sum(last, ZERO) / len(last))


def _filled(levels: tuple[Level, ...], quantity: Decimal, limit: Decimal, sign: int) -> Decimal:
    """Notional of a quantity that is taken from a side, no worse than its limit."""
    left, worth = quantity, ZERO
    for level in levels:
        if left <= ZERO or sign * (level.price - limit) > ZERO:
            break
        part = min(left, level.quantity)
        left, worth = left - part, worth + part * level.price
    if left > ZERO:
        raise ConfigError(f"{left} of {quantity} has no counterpart at {limit}: the trade was larger than the book")
    return worth
