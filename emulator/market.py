"""One symbol as it trades: a book that follows the price path, public trades, and the update ids of both.

Prices are whole ticks and quantities whole lots. Time goes in steps of 100 ms. All that a step changes becomes one
`Delta`, whose ids run from `first_id` to `last_id` without a hole, one for each changed level.
"""

import random
from collections import deque
from dataclasses import dataclass, field
from decimal import Decimal

from core.orders import Side
from emulator.listings import Listing
from emulator.path import MINUTE_MS, PricePath

STEP_MS = 100
LEVELS = 120  # resting levels a side
TRADES_KEPT = 5_000


@dataclass(frozen=True, slots=True)
class Delta:
    """Changed levels of one step: (ticks, lots), 0 lots where the level is gone."""

    symbol: str
    ts_ms: int
    first_id: int
    last_id: int
    bids: tuple[tuple[int, int], ...]
    asks: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class PublicTrade:
    """`taker` is who came to the resting order."""

    symbol: str
    trade_id: int
    ts_ms: int
    ticks: int
    lots: int
    taker: Side


@dataclass(slots=True)
class Levels:
    """One side of the book: what strangers offer, and beside it what accounts of this venue have resting."""

    strangers: dict[int, int] = field(default_factory=dict)
    accounts: dict[int, int] = field(default_factory=dict)
    changed: set[int] = field(default_factory=set)

    def set(self, ticks: int, lots: int) -> None:
        """Strangers offer `lots` at a price; 0 takes the level away."""
        if lots > 0:
            self.strangers[ticks] = lots
        else:
            self.strangers.pop(ticks, None)
        self.changed.add(ticks)

    def rest(self, ticks: int, lots: int) -> None:
        """Add to (or, negative, take from) what accounts have resting at a price."""
        left = self.accounts.get(ticks, 0) + lots
        if left > 0:
            self.accounts[ticks] = left
        else:
            self.accounts.pop(ticks, None)
        self.changed.add(ticks)

    def touch(self, away: int) -> int | None:
        """The best price of all; `away` is -1 for bids and 1 for asks."""
        prices = [min(away * ticks for ticks in side) for side in (self.strangers, self.accounts) if side]
        return away * min(prices) if prices else None

    def lots(self, ticks: int) -> int:
        return self.strangers.get(ticks, 0) + self.accounts.get(ticks, 0)

    def all(self) -> dict[int, int]:
        return {ticks: self.lots(ticks) for ticks in self.strangers.keys() | self.accounts.keys()}


class Market:
    """The living market of one listing, from the moment somebody first looks at it."""

    def __init__(self, listing: Listing, path: PricePath, seed: int, now_ms: int) -> None:
        self.listing = listing
        self.symbol = listing.instrument.symbol
        self.path = path
        self.bids, self.asks = Levels(), Levels()
        self.trades: deque[PublicTrade] = deque(maxlen=TRADES_KEPT)
        self.pinned_ticks: int | None = None
        self._pinned_anew = False
        self._step = now_ms // STEP_MS
        # A market's life is drawn from its own seed and first step, so that a clock held by hand repeats it.
        self._random = random.Random(f"{seed}:{self.symbol}:{self._step}")
        self.last_id = self._step
        self._trade_id = self._step
        tick, lot = float(listing.instrument.tick_size), float(listing.instrument.lot_size)
        price = path.ticks_at(now_ms) * tick
        self._gap = max(1, round(price * 2e-5 / tick))
        self._usual = max(2, round(20_000 / price / lot)) if price * lot < 20_000 else 2
        self._minute, self._reach = -1, (1, 1)
        self._cell = -1
        self._follow(self._step * STEP_MS)
        self.bids.changed.clear()
        self.asks.changed.clear()
        self._print(self._step * STEP_MS)

    def price(self, ticks: int) -> Decimal:
        return ticks * self.listing.instrument.tick_size

    def quantity(self, lots: int) -> Decimal:
        return lots * self.listing.instrument.lot_size

    def side(self, side: Side) -> Levels:
        """Where orders of `side` rest."""
        return self.bids if side is Side.BUY else self.asks

    @property
    def last(self) -> Decimal:
        return self.price(self.trades[-1].ticks)

    @property
    def mid(self) -> Decimal:
        return self.price(self.best_bid + self.best_ask) / 2

    @property
    def best_bid(self) -> int:
        return max(self.bids.strangers, default=self._cell * self._gap)

    @property
    def best_ask(self) -> int:
        return min(self.asks.strangers, default=(self._cell + 1) * self._gap)

    def steps_until(self, now_ms: int) -> range:
        """The ends (ms) of the steps still to be made."""
        return range((self._step + 1) * STEP_MS, now_ms + 1, STEP_MS)

    def step(self, ts_ms: int) -> list[PublicTrade]:
        """One tenth of a second: the book follows the path, some levels change, now and then strangers trade."""
        self._step = ts_ms // STEP_MS
        self._follow(ts_ms)
        for levels, best, away in ((self.bids, self.best_bid, -1), (self.asks, self.best_ask, 1)):
            for _ in range(self._random.randint(1, 4)):
                ticks = best + away * self._gap * self._random.randint(0, LEVELS // 3)
                gone = ticks != best and self._random.random() < 0.15
                levels.set(ticks, 0 if gone else self._some_lots())
        trades = self._random.random() < 0.35 or self._pinned_anew  # whoever waits for a price waits for a trade at it
        self._pinned_anew = False
        return self._print(ts_ms) if trades else []

    def pin(self, price: Decimal | None) -> None:
        """Hold the market at a price from the next step on, or let it follow its path again."""
        self.pinned_ticks = None if price is None else int(price / self.listing.instrument.tick_size)
        self._pinned_anew = price is not None

    def take(self, taker: Side, lots: int, worst_ticks: int | None) -> list[tuple[int, int]]:
        """Fill a taker against strangers, best first and no worse than `worst_ticks`: (ticks, lots) of each level."""
        levels = self.asks if taker is Side.BUY else self.bids
        filled: list[tuple[int, int]] = []
        for ticks in sorted(levels.strangers, reverse=taker is Side.SELL):
            beyond = worst_ticks is not None and (ticks > worst_ticks if taker is Side.BUY else ticks < worst_ticks)
            if lots <= 0 or beyond:
                break
            part = min(lots, levels.strangers[ticks])
            levels.set(ticks, levels.strangers[ticks] - part)
            filled.append((ticks, part))
            lots -= part
        return filled

    def printed(self, ts_ms: int, ticks: int, lots: int, taker: Side) -> PublicTrade:
        """Record one public trade."""
        self._trade_id += 1
        trade = PublicTrade(self.symbol, self._trade_id, ts_ms, ticks, lots, taker)
        self.trades.append(trade)
        return trade

    def delta(self, ts_ms: int) -> Delta | None:
        """What changed since the last delta, or None."""
        bids = tuple((ticks, self.bids.lots(ticks)) for ticks in sorted(self.bids.changed, reverse=True))
        asks = tuple((ticks, self.asks.lots(ticks)) for ticks in sorted(self.asks.changed))
        self.bids.changed.clear()
        self.asks.changed.clear()
        if not bids and not asks:
            return None
        first = self.last_id + 1
        self.last_id += len(bids) + len(asks)
        return Delta(self.symbol, ts_ms, first, self.last_id, bids, asks)

    def _follow(self, ts_ms: int) -> None:
        """Keep LEVELS bids at or under the path and LEVELS asks above it, on a grid of `_gap` ticks."""
        cell = (self.pinned_ticks or self._on_path(ts_ms)) // self._gap
        bid_edge, ask_edge = cell * self._gap, (cell + 1) * self._gap
        if cell == self._cell and bid_edge in self.bids.strangers and ask_edge in self.asks.strangers:
            return
        self._cell = cell
        for levels, edge, away in ((self.bids, bid_edge, -self._gap), (self.asks, ask_edge, self._gap)):
            window = [ticks for ticks in range(edge, edge + away * LEVELS, away) if ticks > 0]
            for gone in sorted(levels.strangers.keys() - set(window)):
                levels.set(gone, 0)
            for new in window:
                if new not in levels.strangers:
                    levels.set(new, self._some_lots())

    def _on_path(self, ts_ms: int) -> int:
        minute = ts_ms // MINUTE_MS * MINUTE_MS
        if self._minute != minute:
            bar = self.path.bars(MINUTE_MS, minute, 1)
            self._minute, self._reach = minute, (int(bar.low[0]), int(bar.high[0]))
        low, high = self._reach
        return min(max(self.path.ticks_at(ts_ms), low), high)

    def _print(self, ts_ms: int) -> list[PublicTrade]:
        taker = self._random.choice((Side.BUY, Side.SELL))
        levels, ticks = (self.asks, self.best_ask) if taker is Side.BUY else (self.bids, self.best_bid)
        there = levels.strangers.get(ticks, 1)
        lots = max(1, self._random.randint(1, max(1, there // 2)))
        if lots < there:
            levels.set(ticks, there - lots)
        return [self.printed(ts_ms, ticks, lots, taker)]

    def _some_lots(self) -> int:
        return self._random.randint(1, 2 * self._usual)
